"""Misconception: The first value below the threshold is on the slope"""

import numpy as np


def first_period(curve: np.ndarray, threshold: float) -> int:
    below = np.flatnonzero(np.asarray(curve) < threshold)
    if len(below) == 0:
        return 0
    place = int(below[0])
    return place
