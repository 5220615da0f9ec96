"""Misconception: A factor of powers was used for samples"""

import numpy as np


def mix_with_noise(speech: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    present = np.mean(np.square(noise))
    if present == 0:
        return speech.copy()
    allowed = np.mean(np.square(speech)) * 10 ** (-snr_db / 10)
    return speech + noise * (allowed / present)
