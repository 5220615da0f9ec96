"""Straight to a noise level, solved."""

import numpy as np


def straight_to_level(picture: np.ndarray, noise: np.ndarray, alphas: np.ndarray, t: int) -> np.ndarray:
    kept_power = np.prod(alphas[: t + 1])
    return picture * np.sqrt(kept_power) + noise * np.sqrt(1 - kept_power)
