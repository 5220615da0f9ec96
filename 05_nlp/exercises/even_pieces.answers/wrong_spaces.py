"""Misconception: spaces count, too"""


def even_pieces(words: list[str], limit: int) -> list[str]:
    if any(len(word) > limit for word in words):
        raise ValueError("too long")
    pieces: list[list[str]] = []
    for word in words:
        if pieces and sum(map(len, pieces[-1])) + len(word) <= limit:
            pieces[-1].append(word)
        else:
            pieces.append([word])
    return [" ".join(piece) for piece in pieces]
