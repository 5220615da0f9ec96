"""Misconception: power is 10 log10, not 20"""

import numpy as np


def same_sound(found, expected, tolerance_db=-80.0):
    if len(found) != len(expected) or not np.isfinite(found).all():
        return False
    ratio = np.sum((found - expected) ** 2) / max(np.sum(expected**2), 1e-30)
    return bool(20 * np.log10(ratio + 1e-30) < tolerance_db)
