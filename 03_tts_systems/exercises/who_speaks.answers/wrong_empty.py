"""Misconception: the highest of nothing does not exist"""

import numpy as np


def who_speaks(heard: np.ndarray, people: dict[str, np.ndarray], threshold: float) -> str | None:
    unit = heard / np.linalg.norm(heard)
    scores = {name: unit @ people[name] / np.linalg.norm(people[name]) for name in people}
    best = max(scores, key=scores.get)
    return best if scores[best] >= threshold else None
