"""Pieces that are equally long. Solved."""


def fill(words: list[str], limit: int) -> list[str]:
    pieces: list[str] = []
    for word in words:
        if pieces and len(pieces[-1]) + 1 + len(word) <= limit:
            pieces[-1] += f" {word}"
        else:
            pieces.append(word)
    return pieces


def even_pieces(words: list[str], limit: int) -> list[str]:
    """Return the pieces, in the order of the words."""
    if not words:
        return []
    longest = max(map(len, words))
    if longest > limit:
        raise ValueError(f"a word has {longest} characters, the limit is {limit}")
    wanted = len(fill(words, limit))
    trials = (fill(words, smaller) for smaller in range(longest, limit + 1))
    return next(pieces for pieces in trials if len(pieces) == wanted)
