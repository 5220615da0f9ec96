"""Checks pick_varied() on small cases whose right answer is plain."""

import numpy as np

from coursekit.course import Wrong

SAME = [[1.0, 0.95, 0.0], [0.95, 1.0, 0.0], [0.0, 0.0, 1.0]]
NONE = [[0.0] * 4 for _ in range(4)]
CHAIN = [[0, 0.9, 0.1, 0.1], [0.9, 0, 0.1, 0.1], [0.1, 0.1, 0, 0.8], [0.1, 0.1, 0.8, 0]]
PAIRS = [[0, 0.5, 0.1, 0.1], [0.5, 0, 0.1, 0.1], [0.1, 0.1, 0, 0.8], [0.1, 0.1, 0.8, 0]]
CASES = (
    ([0.9, 0.8, 0.5], SAME, 2, 0.5, [0, 2], "sentence 1 says what sentence 0 has said"),
    ([0.9, 0.8, 0.5], SAME, 2, 1.0, [0, 1], "with weight 1 only importance counts"),
    (
        [0.5, 0.8, 0.9],
        [[1, 0, 0], [0, 1, 0.95], [0, 0.95, 1]],
        2,
        0.5,
        [0, 2],
        "places are returned in the order of the text",
    ),
    ([0.3, 0.3, 0.3, 0.3], NONE, 2, 0.5, [0, 1], "of equals the first one"),
    ([0.9, 0.3, 0.3, 0.2], PAIRS, 2, 0.5, [0, 2], "the likeness to what was chosen, not to all others"),
    ([1.0, 0.9, 0.8, 0.7], CHAIN, 3, 0.3, [0, 2, 3], "the highest likeness counts, not the mean or the last one"),
    ([0.2, 0.1], [[0, 0], [0, 0]], 5, 0.5, [0, 1], "there are no more than two"),
    ([0.2, 0.1], [[0, 0], [0, 0]], 0, 0.5, [], "none was asked for"),
)


def check(answer) -> None:
    for importance, likeness, count, weight, wanted, why in CASES:
        look(answer, importance, likeness, count, weight, wanted, why)
    random = np.random.default_rng(0)
    for _ in range(30):
        n = int(random.integers(1, 7))
        importance, likeness = random.random(n).tolist(), random.random((n, n)).tolist()
        count, weight = int(random.integers(0, 5)), float(random.random())
        wanted = expected(importance, likeness, count, weight)
        look(answer, importance, likeness, count, weight, wanted, "of those left, the highest value each time")


def look(answer, importance, likeness, count, weight, wanted, why) -> None:
    found = list(answer.pick_varied(list(importance), [list(row) for row in likeness], count, weight))
    if found != wanted:
        raise Wrong(f"pick_varied({importance}, {likeness}, {count}, {weight}) is {found}, expected {wanted}: {why}.")


def expected(importance, likeness, count, weight) -> list[int]:
    chosen: list[int] = []
    for _ in range(min(count, len(importance))):
        rest = [place for place in range(len(importance)) if place not in chosen]
        value = {
            place: weight * importance[place] - (1 - weight) * max((likeness[place][c] for c in chosen), default=0.0)
            for place in rest
        }
        chosen.append(max(rest, key=value.get))
    return sorted(chosen)
