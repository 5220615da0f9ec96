"""One round of Griffin-Lim, solved."""

import numpy as np


def one_round(magnitude: np.ndarray, spectrum: np.ndarray, to_waveform, to_spectrum) -> np.ndarray:
    consistent = to_spectrum(to_waveform(spectrum))
    return magnitude * np.exp(1j * np.angle(consistent))
