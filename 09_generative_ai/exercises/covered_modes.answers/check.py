"""Checks covered_modes on heaps whose number is known."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    random = np.random.default_rng(2)
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]])

    def heap(centre: int, count: int) -> np.ndarray:
        return centres[centre] + 0.1 * random.uniform(-1, 1, size=(count, 2))

    def ask(points: np.ndarray, least: float = 0.05) -> int:
        return int(answer.covered_modes(points, centres, 0.5, least))

    seen = ask(np.concatenate([heap(0, 50), heap(1, 50), heap(2, 50), heap(3, 50)]))
    if seen != 4:
        raise Wrong(f"Four equal heaps on four centres: 4 are covered, not {seen}.")
    seen = ask(np.concatenate([heap(0, 100), heap(1, 100)]))
    if seen != 2:
        raise Wrong(f"Two heaps on two of four centres: 2 are covered, not {seen}.")
    seen = ask(np.concatenate([heap(0, 100), centres[3] + [1.0, 1.0] + heap(0, 100)]))
    if seen != 1:
        raise Wrong(f"One heap lies 1.4 away from its nearest centre, near is 0.5: 1 is covered, not {seen}. "
                    "Points far from every centre were counted.")  # fmt: skip
    seen = ask(np.concatenate([heap(0, 198), heap(1, 2)]))
    if seen != 1:
        raise Wrong(f"198 points on one centre, 2 on another, least is 5 %: 1 is covered, not {seen}. "
                    "A stray point or two is no mode.")  # fmt: skip
    seen = ask(np.concatenate([heap(0, 20), [centres[0] + 2.0] * 980]))
    if seen != 0:
        raise Wrong(f"20 of 1,000 points are near a centre, least is 5 %: 0 are covered, not {seen}. "
                    "The share is of all points, not of those that are near.")  # fmt: skip
