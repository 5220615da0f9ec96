"""Misconception: the wanted ones have to be put back"""

import numpy as np


def one_round(magnitude: np.ndarray, spectrum: np.ndarray, to_waveform, to_spectrum) -> np.ndarray:
    return np.asarray(to_spectrum(to_waveform(spectrum)))
