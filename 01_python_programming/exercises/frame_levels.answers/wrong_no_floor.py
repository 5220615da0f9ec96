"""Misconception: silence has no logarithm"""

import numpy as np

FLOOR_DB = -120.0


def frame_levels(waveform: np.ndarray, frame: int, hop: int) -> np.ndarray:
    if len(waveform) < frame:
        return np.zeros(0)
    starts = np.arange(0, len(waveform) - frame + 1, hop)  # [N]
    places = starts[:, None] + np.arange(frame)  # [N, 1] + [frame] -> [N, frame]
    power = (np.asarray(waveform, float)[places] ** 2).mean(axis=1)  # [N]
    return 10 * np.log10(power)
