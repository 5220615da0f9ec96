"""Misconception: a gap of exactly `gap` frames is to be closed"""

import numpy as np


def stretches(frames: np.ndarray) -> list[tuple[int, int]]:
    borders = [0, *(np.flatnonzero(np.diff(frames.astype(int))) + 1).tolist(), len(frames)]
    return list(zip(borders[:-1], borders[1:], strict=True))


def bridge_and_drop(frames: np.ndarray, gap: int, shortest: int) -> np.ndarray:
    """Return bool [N]."""
    tidied = np.array(frames, bool)
    for first, behind in stretches(tidied):
        inside = first > 0 and behind < len(tidied)
        if not tidied[first] and inside and behind - first < gap + (gap == 1):
            tidied[first:behind] = True
    for first, behind in stretches(tidied):
        if tidied[first] and behind - first < shortest:
            tidied[first:behind] = False
    return tidied
