"""Share the clips out. Solved."""

import numpy as np


def share_out(count: int, world: int, rank: int, epoch: int, seed: int) -> list[int]:
    shuffled_alike_everywhere = np.random.default_rng([seed, epoch]).permutation(count)
    rows_of_one_process = -(-count // world)  # rounded up
    filled_up = np.resize(shuffled_alike_everywhere, rows_of_one_process * world)
    return filled_up[rank::world].tolist()
