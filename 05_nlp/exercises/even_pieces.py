"""Pieces that are equally long

A cutter that fills each piece to the limit leaves a stub at the end: 250, 250 and 3 characters. A voice says the stub
without any melody. Write `even_pieces(words, limit)`: join the words with spaces into as few pieces as possible, each
of at most `limit` characters; and of all ways with that number of pieces, take one whose longest piece is as short as
possible. A word that is longer than the limit is a `ValueError`. No words, no pieces.

    even_pieces("aa bb cc dd ee ff gg".split(), 17)    filled: "aa bb cc dd ee ff" (17) and "gg" (2)
        returns ["aa bb cc dd", "ee ff gg"]             11 and 8 characters (or 8 and 11)

After: 03_chunking_for_speech.py
Concepts: chunking
Kind: exercise
Time: 30 min
"""


def even_pieces(words: list[str], limit: int) -> list[str]:
    """Return the pieces, in the order of the words."""
    # TODO: how many pieces are needed? Then: the smallest limit with which as many are enough
    raise NotImplementedError("even_pieces")
