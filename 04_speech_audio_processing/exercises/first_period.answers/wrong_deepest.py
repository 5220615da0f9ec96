"""Misconception: The deepest valley may be at two or three periods"""

import numpy as np


def first_period(curve: np.ndarray, threshold: float) -> int:
    below = np.flatnonzero(np.asarray(curve) < threshold)
    if len(below) == 0:
        return 0
    return int(np.argmin(curve))
