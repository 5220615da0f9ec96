"""Share the clips out

Several processes train together. Write `share_out(count, world, rank, epoch, seed)`: the row numbers, in order, that
process `rank` (0, 1, ... world - 1) takes of a set of `count` clips in epoch `epoch`. The rules:

    all processes get equally many rows, or one waits for ever; where `count` cannot be divided, the first rows of the
    shuffled order are used once more
    apart from those, no clip goes to two processes, and none is left out
    the order is shuffled by chance, another one in each epoch, the same one in all processes
    process r takes every world-th row of the shuffled order, beginning with number r

Use `numpy.random.default_rng([seed, epoch])` as the source of chance, and its `permutation`.

After: 10_several_processes.py
Concepts: data parallel training
Kind: exercise
Time: 15 min
"""

import numpy as np  # noqa: F401  (you will want it)


def share_out(count: int, world: int, rank: int, epoch: int, seed: int) -> list[int]:
    # TODO: shuffle, fill up to a multiple of world, take every world-th
    raise NotImplementedError("share_out")
