"""Misconception: Peaks were compared"""

import numpy as np


def mix_with_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    present = np.abs(noise).max() ** 2
    if present == 0:
        return speech.copy()
    allowed = np.abs(speech).max() ** 2 * 10 ** (-snr_db / 10)
    return speech + noise * np.sqrt(allowed / present)
