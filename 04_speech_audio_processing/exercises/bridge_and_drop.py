"""Frames of speech, tidied

A detector said for each frame whether it holds speech. Its answer is ragged: the silence inside "stop" cuts a word in
two, and a click makes one lone frame. Write `bridge_and_drop(frames, gap, shortest)`: first close every gap of at most
`gap` frames BETWEEN two stretches of speech, then drop every stretch of fewer than `shortest` frames. What lies before
the first speech and after the last one is no gap. The input stays as it was.

    bridge_and_drop([0, 1, 1, 0, 1, 0, 0, 0, 1, 0], gap=1, shortest=2)   returns [0, 1, 1, 1, 1, 0, 0, 0, 0, 0]

After: 05_voice_activity.py
Concepts: voice activity detection
Kind: exercise
Time: 20 min
"""

import numpy as np


def bridge_and_drop(frames: np.ndarray, gap: int, shortest: int) -> np.ndarray:
    """Return bool [N]."""
    # TODO: find the stretches of equal value, then decide about each
    raise NotImplementedError("bridge_and_drop")
