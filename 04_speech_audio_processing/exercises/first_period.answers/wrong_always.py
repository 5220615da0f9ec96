"""Misconception: there is no pitch to report"""

import numpy as np


def first_period(curve: np.ndarray, threshold: float) -> int:
    below = np.flatnonzero(np.asarray(curve) < threshold)
    if len(below) == 0:
        below = [int(np.argmin(curve))]
    place = int(below[0])
    while place + 1 < len(curve) and curve[place + 1] < curve[place]:
        place += 1
    return place
