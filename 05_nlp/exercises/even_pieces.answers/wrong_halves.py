"""Misconception: fewest comes first"""


def even_pieces(words: list[str], limit: int) -> list[str]:
    if any(len(word) > limit for word in words):
        raise ValueError("too long")
    whole = " ".join(words)
    if len(whole) <= limit:
        return [whole] if words else []
    middle = len(words) // 2
    return even_pieces(words[:middle], limit) + even_pieces(words[middle:], limit)
