"""Misconception: A phase is a complex number of length 1"""

import numpy as np


def one_round(magnitude: np.ndarray, spectrum: np.ndarray, to_waveform, to_spectrum) -> np.ndarray:
    return magnitude * np.asarray(to_spectrum(to_waveform(spectrum)))
