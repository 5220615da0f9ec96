"""Misconception: what is left has to be scaled to 1 again"""

import numpy as np


def nucleus(probabilities: np.ndarray, p: float) -> np.ndarray:
    order = np.argsort(-probabilities)
    sum_of_likelier = np.cumsum(probabilities[order]) - probabilities[order]
    result = np.zeros_like(probabilities)
    needed = order[sum_of_likelier < p - 1e-12]
    result[needed] = probabilities[needed]
    return result
