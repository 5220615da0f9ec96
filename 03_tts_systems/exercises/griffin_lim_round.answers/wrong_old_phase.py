"""Misconception: it is the other way round"""

import numpy as np


def one_round(magnitude: np.ndarray, spectrum: np.ndarray, to_waveform, to_spectrum) -> np.ndarray:
    new = to_spectrum(to_waveform(spectrum))
    return np.abs(new) * np.exp(1j * np.angle(spectrum))
