"""Misconception: a loop in Python walks through the frames"""

import numpy as np

FLOOR_DB = -120.0


def frame_levels(waveform: np.ndarray, frame: int, hop: int) -> np.ndarray:
    levels = []
    for start in range(0, len(waveform) - frame + 1, hop):
        power = np.mean(np.square(waveform[start : start + frame]))
        levels.append(max(FLOOR_DB, 10 * np.log10(power)) if power > 0 else FLOOR_DB)
    return np.array(levels)
