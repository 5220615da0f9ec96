"""Misconception: a letter is repeated, not the text"""

import numpy as np


def stretch(vectors: np.ndarray, durations: np.ndarray, speed: float) -> np.ndarray:
    counts = np.maximum(1, np.round(np.asarray(durations) / speed)).astype(int)
    return np.resize(np.tile(vectors, (counts.max(), 1)), (counts.sum(), vectors.shape[1]))
