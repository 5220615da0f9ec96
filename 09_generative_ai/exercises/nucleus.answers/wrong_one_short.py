"""Misconception: the token that reaches p belongs to the nucleus"""

import numpy as np


def nucleus(probabilities: np.ndarray, p: float) -> np.ndarray:
    order = np.argsort(-probabilities)
    sum_with_it = np.cumsum(probabilities[order])
    result = np.zeros_like(probabilities)
    needed = order[(sum_with_it < p - 1e-12) | (np.arange(len(order)) == 0)]
    result[needed] = probabilities[needed]
    return result / result.sum()
