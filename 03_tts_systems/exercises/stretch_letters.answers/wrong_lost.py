"""Misconception: each lasts at least one frame"""

import numpy as np


def stretch(vectors: np.ndarray, durations: np.ndarray, speed: float) -> np.ndarray:
    counts = np.round(np.asarray(durations) / speed).astype(int)
    return np.repeat(vectors, counts, axis=0)
