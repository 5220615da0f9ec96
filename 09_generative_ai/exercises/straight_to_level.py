"""Straight to a noise level

Write `straight_to_level(picture, noise, alphas, t)`: the picture after the noise steps 0 to t, all at once. `alphas[s]`
is the share of the POWER that step s keeps; each step adds fresh noise of the power 1 - alphas[s]. `noise` stands for
all of that noise together; it has the same shape as the picture and power 1.

    alphas all 1                     the picture itself, at any t
    alphas = [0.25], t = 0           0.5 of the picture, and the square root of 0.75 of the noise

After: 03_diffusion.py
Concepts: diffusion
Kind: exercise
Time: 15 min
"""

import numpy as np


def straight_to_level(picture: np.ndarray, noise: np.ndarray, alphas: np.ndarray, t: int) -> np.ndarray:
    # TODO: how much of the picture's power is left after the steps 0 to t? The rest is noise
    raise NotImplementedError("straight_to_level")
