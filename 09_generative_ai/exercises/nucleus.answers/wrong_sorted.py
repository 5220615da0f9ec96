"""Misconception: the tokens were sorted and not put back"""

import numpy as np


def nucleus(probabilities: np.ndarray, p: float) -> np.ndarray:
    ordered = np.sort(probabilities)[::-1]
    sum_of_likelier = np.cumsum(ordered) - ordered
    kept = np.where(sum_of_likelier < p - 1e-12, ordered, 0)
    return kept / kept.sum()
