"""The level of each frame, without a loop

Where does a speaker pause? Write `frame_levels(waveform, frame, hop)`: the level in dB of each frame of `frame`
samples, a new frame every `hop` samples, only whole frames. The level of a frame is 10 log10 of the mean of its squared
samples, and -120 dB when that would be less (or silence, whose logarithm does not exist). No loop over frames in
Python, no list comprehension: NumPy does the counting. A waveform shorter than one frame gives an empty array.

    frame_levels(np.array([1, 1, 0, 0, 0.1, 0.1]), frame=2, hop=2)   returns [0, -120, -20]
    frame_levels(np.ones(5), frame=3, hop=1)                         returns [0, 0, 0]

After: 05_numpy_and_plotting.py
Concepts: vectorising, decibels
Kind: exercise
Time: 20 min
"""

import numpy as np

FLOOR_DB = -120.0


def frame_levels(waveform: np.ndarray, frame: int, hop: int) -> np.ndarray:
    # TODO: cut into frames [N, frame], take the mean of the squares of each, and make dB of it
    raise NotImplementedError("frame_levels")
