"""The same sound, within a tolerance. Solved."""

import numpy as np


def same_sound(found: np.ndarray, expected: np.ndarray, tolerance_db: float = -80.0) -> bool:
    if found.shape != expected.shape or not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return False
    power_of_expected = float(np.sum(expected**2))
    if power_of_expected == 0:
        return not found.any()
    return float(np.sum((found - expected) ** 2)) < power_of_expected * 10 ** (tolerance_db / 10)
