"""Checks share_out: equal lengths, nothing twice, nothing left out, and another order in every epoch."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    for count, world in ((12, 2), (10, 4), (7, 3), (5, 1), (3, 4)):
        told = f"{count} clips for {world} processes"
        shares = [[int(row) for row in answer.share_out(count, world, rank, 0, 5)] for rank in range(world)]
        lengths = [len(share) for share in shares]
        each = -(-count // world)
        if len(set(lengths)) > 1:
            raise Wrong(
                f"{told}: they get {lengths}. All have to get equally many, or one waits for ever for the others."
            )
        rows = [row for share in shares for row in share]
        if lengths[0] < each:
            raise Wrong(
                f"{told}: {lengths[0]} each, so {count - world * lengths[0]} are left out: fill up, do not cut off."
            )
        missing = sorted(set(range(count)) - set(rows))
        if missing:
            together = sorted(set(shares[0]) & set(shares[-1])) if world > 1 else []
            if len(together) > each * world - count:
                raise Wrong(
                    f"{told}: {together} go to several processes, {missing} to none: chance must be the same in all."
                )
            raise Wrong(f"{told}: the rows {missing} go to nobody.")
        if lengths[0] != each:
            raise Wrong(f"{told}: {lengths[0]} each, {each} are enough.")
        order = np.random.default_rng([5, 0]).permutation(count)
        filled = np.resize(order, each * world)
        wanted = [filled[rank::world].tolist() for rank in range(world)]
        if shares != wanted:
            blocks = [filled[rank * each : (rank + 1) * each].tolist() for rank in range(world)]
            if shares == blocks:
                raise Wrong(
                    f"{told}: every world-th row was asked for, not a block: batches would be others than alone."
                )
            raise Wrong(f"{told}: process 0 gets {shares[0]}, expected {wanted[0]}.")
    first, second = (list(answer.share_out(40, 2, 0, epoch, 5)) for epoch in (0, 1))
    if first == second:
        raise Wrong("Epochs 0 and 1 have the same order: the number of the epoch belongs into the source of chance.")
