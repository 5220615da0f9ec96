"""The period of a voice

A tracker has compared a frame with itself `lag` samples later and put the normalised difference into `curve`: near 0
where a period fits, near 1 elsewhere. Write `first_period(curve, threshold)`: the lag at the floor of the FIRST valley
that goes below the threshold (keep going down as long as the next value is lower), or 0 when nothing is below the
threshold: then the frame has no pitch. `curve[0]` is always 1.

    first_period([1, 0.8, 0.05, 0.02, 0.3, 0.9, 0.01, 0.5], 0.1)   returns 3
    first_period([1, 0.8, 0.6, 0.7], 0.1)                          returns 0

After: 06_pitch_and_energy.py
Concepts: pitch
Kind: exercise
Time: 15 min
"""

import numpy as np


def first_period(curve: np.ndarray, threshold: float) -> int:
    # TODO: find the first lag below the threshold, then walk down to the floor of its valley
    raise NotImplementedError("first_period")
