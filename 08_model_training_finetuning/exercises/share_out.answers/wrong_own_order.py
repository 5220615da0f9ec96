"""Misconception: chance must be the same in all"""

import numpy as np


def share_out(count: int, world: int, rank: int, epoch: int, seed: int) -> list[int]:
    order = np.random.default_rng([seed, epoch, rank]).permutation(count)
    return np.resize(order, -(-count // world) * world)[rank::world].tolist()
