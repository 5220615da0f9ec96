"""Misconception: fill up, do not cut off"""

import numpy as np


def share_out(count: int, world: int, rank: int, epoch: int, seed: int) -> list[int]:
    order = np.random.default_rng([seed, epoch]).permutation(count)
    return order[: count // world * world][rank::world].tolist()
