"""Misconception: 0 / 0 is no phase"""

import numpy as np


def one_round(magnitude: np.ndarray, spectrum: np.ndarray, to_waveform, to_spectrum) -> np.ndarray:
    new = to_spectrum(to_waveform(spectrum))
    return magnitude * new / np.abs(new)
