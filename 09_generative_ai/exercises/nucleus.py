"""The nucleus of a distribution

Write `nucleus(probabilities, p)`: top-p sampling's filter. Keep the likeliest tokens, the fewest that have at least the
probability p together; give all others 0, and let what is left add up to 1. The order of the tokens stays, and the
likeliest token is always kept.

    nucleus([0.5, 0.3, 0.2], 0.5)    [1, 0, 0]
    nucleus([0.2, 0.5, 0.3], 0.6)    [0, 0.625, 0.375]      0.5 is not enough, 0.8 is

After: 04_text_gpt.py
Concepts: sampling strategies
Kind: exercise
Time: 15 min
"""

import numpy as np


def nucleus(probabilities: np.ndarray, p: float) -> np.ndarray:
    # TODO: go through the tokens from the likeliest down, and stop when they have p together
    raise NotImplementedError("nucleus")
