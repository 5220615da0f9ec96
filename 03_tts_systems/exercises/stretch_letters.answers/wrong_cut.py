"""Misconception: Cutting the fraction off makes every text too short"""

import numpy as np


def stretch(vectors: np.ndarray, durations: np.ndarray, speed: float) -> np.ndarray:
    counts = np.maximum(1, (np.asarray(durations) / speed).astype(int))
    return np.repeat(vectors, counts, axis=0)
