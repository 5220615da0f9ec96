"""Misconception: it is a cost, and the diagonal must be free"""

import numpy as np


def guide_matrix(letters: int, steps: int, width: float) -> np.ndarray:
    apart = (np.arange(letters) / letters - np.arange(steps)[:, None] / steps) / width
    return np.exp(-0.5 * apart**2)
