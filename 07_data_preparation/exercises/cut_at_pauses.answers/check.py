"""Checks cut_at_pauses() on cases with one right answer, and on many drawn ones against a slow recipe."""

import numpy as np

from coursekit.course import Wrong

CASES = (
    ([(0.0, 2.0), (2.2, 4.0)], 10.0, [(0.0, 4.0)], "what is short enough stays whole"),
    ([(0.0, 3.0), (3.5, 6.0), (7.5, 9.0)], 7.0, [(0.0, 6.0), (7.5, 9.0)], "the longest pause lies before 7.5 s"),
    ([(0.0, 20.0)], 10.0, [(0.0, 20.0)], "a single stretch has no pause to cut at"),
    ([], 10.0, [], "nothing was said"),
    ([(0.0, 4.0), (5.0, 9.0)], 9.0, [(0.0, 9.0)], "exactly as long as allowed is not too long"),
    (
        [(0.0, 4.0), (4.2, 8.0), (8.9, 12.0), (12.3, 16.0)],
        5.0,
        [(0.0, 4.0), (4.2, 8.0), (8.9, 12.0), (12.3, 16.0)],
        "both parts are looked at again",
    ),
    (
        [(0.0, 1.0), (1.1, 6.0), (6.5, 7.0), (7.1, 8.0)],
        7.5,
        [(0.0, 6.0), (6.5, 8.0)],
        "cut at the longest pause, not where the piece is full",
    ),
    ([(0.0, 4.0), (4.5, 8.0), (8.5, 12.0)], 9.0, [(0.0, 4.0), (4.5, 12.0)], "of equal pauses the first is cut"),
)


def check(answer) -> None:
    for stretches, longest, wanted, why in CASES:
        compare(answer, stretches, longest, wanted, why)
    random = np.random.default_rng(0)
    for _ in range(60):
        edges = np.cumsum(random.uniform(0.1, 3.0, 2 * random.integers(1, 9)))
        stretches = [(float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        longest = float(random.uniform(2.0, 15.0))
        compare(answer, stretches, longest, slow(stretches, longest), "both parts are looked at again")


def compare(answer, stretches, longest, wanted, why) -> None:
    given = list(stretches)
    found = [tuple(float(edge) for edge in piece) for piece in answer.cut_at_pauses(given, longest)]
    if given != list(stretches):
        raise Wrong("The list that was given has changed; work on another one.")
    if found != [tuple(map(float, piece)) for piece in wanted]:
        raise Wrong(f"cut_at_pauses({stretches}, {longest}) is {found}, expected {wanted}: {why}.")


def slow(stretches, longest):
    """Cut one pause at a time, the longest pause of any piece that is too long, until none is."""
    cuts: set[int] = set()
    while True:
        borders = [0, *sorted(cuts), len(stretches)]
        for a, b in zip(borders, borders[1:], strict=False):
            if b - a > 1 and stretches[b - 1][1] - stretches[a][0] > longest:
                pauses = [stretches[n][0] - stretches[n - 1][1] for n in range(a + 1, b)]
                cuts.add(a + 1 + int(np.argmax(pauses)))
                break
        else:
            return [(stretches[a][0], stretches[b - 1][1]) for a, b in zip(borders, borders[1:], strict=False)]
