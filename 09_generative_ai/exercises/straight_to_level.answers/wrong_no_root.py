"""Misconception: Shares of power were used for amplitudes"""

import numpy as np


def straight_to_level(picture: np.ndarray, noise: np.ndarray, alphas: np.ndarray, t: int) -> np.ndarray:
    kept_power = np.prod(alphas[: t + 1])
    return picture * kept_power + noise * (1 - kept_power)
