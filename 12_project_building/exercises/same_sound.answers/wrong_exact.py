"""Misconception: exact equality breaks on the next processor"""

import numpy as np


def same_sound(found, expected, tolerance_db=-80.0):
    return bool(np.array_equal(found, expected))
