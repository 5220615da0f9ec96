"""The same sound, within a tolerance

A golden test compares a sound with one that is known to be right. Write `same_sound(found, expected, tolerance_db)`: it
returns True when both have the same number of samples and the power of their difference, relative to the power of the
expected sound, is below the tolerance.

    difference in dB = 10 log10( sum of (found - expected)^2 / sum of expected^2 )

When the expected sound is silent, the found one must be silent too: there is no power to be relative to. A value that
is no number (NaN) or infinite is never the same sound. Both are one-dimensional arrays; the result is True or False.

    same_sound(1.0000001 * x, x, tolerance_db=-80)   is True     (-140 dB)
    same_sound(-x, x, tolerance_db=-80)              is False    (+6 dB)

After: 04_testing_strategies.py
Concepts: golden tests
Kind: exercise
Time: 15 min
"""

import numpy as np


def same_sound(found: np.ndarray, expected: np.ndarray, tolerance_db: float = -80.0) -> bool:
    # TODO: lengths first, then what is no number, then the power of the difference
    raise NotImplementedError("same_sound")
