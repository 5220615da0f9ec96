"""Misconception: The share is of the others, not of all trials"""

import numpy as np


def strict_threshold(scores: np.ndarray, same: np.ndarray, allowed: float) -> float:
    kept = [candidate for candidate in np.unique(scores) if np.mean(~same & (scores >= candidate)) <= allowed]
    return float(kept[0]) if kept else float("inf")
