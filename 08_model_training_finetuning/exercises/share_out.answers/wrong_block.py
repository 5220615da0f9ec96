"""Misconception: every world-th row was asked for, not a block"""

import numpy as np


def share_out(count: int, world: int, rank: int, epoch: int, seed: int) -> list[int]:
    each = -(-count // world)
    order = np.resize(np.random.default_rng([seed, epoch]).permutation(count), each * world)
    return order[rank * each : (rank + 1) * each].tolist()
