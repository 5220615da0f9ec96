"""Misconception: A lower threshold keeps the promise too"""

import numpy as np


def strict_threshold(scores: np.ndarray, same: np.ndarray, allowed: float) -> float:
    others = scores[~same]
    kept = [candidate for candidate in np.unique(scores) if np.mean(others >= candidate) <= allowed]
    return float(kept[-1]) if kept else float("inf")
