"""Checks even_pieces() on small cases and on drawn ones against a search through all ways."""

import itertools

import numpy as np

from coursekit.course import Wrong


def best(words: list[str], limit: int) -> tuple[int, int]:
    """Fewest pieces, and the smallest longest piece among the ways with so many: by trying all."""
    for count in range(1, len(words) + 1):
        longest = []
        for cuts in itertools.combinations(range(1, len(words)), count - 1):
            edges = [0, *cuts, len(words)]
            pieces = [" ".join(words[a:b]) for a, b in itertools.pairwise(edges)]
            longest.append(max(map(len, pieces)))
        if min(longest) <= limit:
            return count, min(longest)
    raise AssertionError


def look(answer, words: list[str], limit: int) -> None:
    found = answer.even_pieces(list(words), limit)
    if " ".join(found).split() != words:
        raise Wrong(f"{words} with limit {limit} gives {found}: the words are not all there, in their order.")
    if any(not piece for piece in found):
        raise Wrong(f"{words} with limit {limit} gives {found}: an empty piece is no piece.")
    if max(map(len, found)) > limit:
        raise Wrong(f"{words} with limit {limit} gives {found}: a piece is longer than the limit; spaces count, too.")
    count, longest = best(words, limit)
    if len(found) > count:
        raise Wrong(f"{words} with limit {limit} gives {found}: {count} pieces would be enough; fewest comes first.")
    if max(map(len, found)) > longest:
        raise Wrong(
            f"{words} with limit {limit} gives {found}: {longest} is possible; filling each piece leaves a stub."
        )


def check(answer) -> None:
    if answer.even_pieces([], 10) != []:
        raise Wrong("No words should give no pieces: [].")
    try:
        answer.even_pieces(["a", "incomprehensibilities"], 10)
    except ValueError:
        pass
    else:
        raise Wrong("A word longer than the limit should be a ValueError.")
    look(answer, ["abc"], 3)
    look(answer, "aa bb cc dd ee ff gg".split(), 17)
    look(answer, "aaaaaaaa b c d e f".split(), 10)
    random = np.random.default_rng(0)
    for _ in range(40):
        words = ["x" * int(n) for n in random.integers(1, 8, random.integers(1, 10))]
        look(answer, words, int(random.integers(8, 20)))
