"""Misconception: a comparison with NaN is never true, so ask for it apart"""

import numpy as np


def same_sound(found, expected, tolerance_db=-80.0):
    if len(found) != len(expected):
        return False
    error, power = np.sum((found - expected) ** 2), np.sum(expected**2)
    return not error > power * 10 ** (tolerance_db / 10)
