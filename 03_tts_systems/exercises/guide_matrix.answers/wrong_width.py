"""Misconception: Is the width squared"""

import numpy as np


def guide_matrix(letters: int, steps: int, width: float) -> np.ndarray:
    apart = np.arange(letters) / letters - np.arange(steps)[:, None] / steps
    return 1 - np.exp(-(apart**2) / (2 * width))
