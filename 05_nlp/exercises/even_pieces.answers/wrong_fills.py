"""Misconception: filling each piece leaves a stub"""

import textwrap


def even_pieces(words: list[str], limit: int) -> list[str]:
    if any(len(word) > limit for word in words):
        raise ValueError("too long")
    return textwrap.wrap(" ".join(words), limit)
