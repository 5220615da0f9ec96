"""A door that opens for few strangers

A bank says: of a hundred other people, at most `allowed` may get in. Write `strict_threshold(scores, same, allowed)`:
the LOWEST threshold among the scores at which the share of other people accepted is at most `allowed`. A trial is
accepted when its score is at least the threshold. When even the highest score lets too many in, return infinity.

    scores [0.9, 0.8, 0.7, 0.6, 0.5], same [1, 0, 1, 0, 0] (as True and False), allowed 0.4
        at 0.7 one of three other people gets in (0.33), at 0.6 two of them (0.67): returns 0.7

After: 06_speaker_verification.py
Concepts: speaker verification
Kind: exercise
Time: 20 min
"""

import numpy as np


def strict_threshold(scores: np.ndarray, same: np.ndarray, allowed: float) -> float:
    # TODO: try each score as a threshold
    raise NotImplementedError("strict_threshold")
