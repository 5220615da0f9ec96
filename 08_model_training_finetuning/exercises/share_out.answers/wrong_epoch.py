"""Misconception: the number of the epoch belongs into the source of chance"""

import numpy as np


def share_out(count: int, world: int, rank: int, epoch: int, seed: int) -> list[int]:
    order = np.random.default_rng([seed, 0]).permutation(count)
    return np.resize(order, -(-count // world) * world)[rank::world].tolist()
