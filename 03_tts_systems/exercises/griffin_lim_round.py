"""One round of Griffin-Lim

A spectrogram has the magnitudes that are wanted and phases that are not right yet. Write `one_round(magnitude,
spectrum, to_waveform, to_spectrum)`: make a waveform of the complex `spectrum`, make a spectrogram of the waveform,
and return a complex spectrogram that has its PHASES and the wanted MAGNITUDES. `to_waveform` and `to_spectrum` are
given. Where the new spectrogram is 0, a phase of 0 will do; no NaN may come out.

After: 02_mel_to_audio.py
Concepts: griffin-lim
Kind: exercise
Time: 10 min
"""

import numpy as np


def one_round(magnitude: np.ndarray, spectrum: np.ndarray, to_waveform, to_spectrum) -> np.ndarray:
    # TODO: there and back, then phases from there and magnitudes from here
    raise NotImplementedError("one_round")
