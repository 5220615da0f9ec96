"""Misconception: equal levels are not equal sounds"""

import numpy as np


def same_sound(found, expected, tolerance_db=-80.0):
    if len(found) != len(expected):
        return False
    one, other = (10 * np.log10(np.mean(x**2) + 1e-20) for x in (found, expected))
    return bool(abs(one - other) < 0.001)
