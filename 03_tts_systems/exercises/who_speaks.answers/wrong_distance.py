"""Misconception: the direction counts, not the place"""

import numpy as np


def who_speaks(heard: np.ndarray, people: dict[str, np.ndarray], threshold: float) -> str | None:
    if not people:
        return None
    best = min(people, key=lambda name: np.linalg.norm(people[name] - heard))
    unit = heard @ people[best] / np.linalg.norm(heard) / np.linalg.norm(people[best])
    return best if unit >= threshold else None
