"""Misconception: its loss touched a low point and flew away"""

import math
from collections.abc import Callable


def find_learning_rate(losses_of: Callable[[float], list[float]], rates: list[float]) -> float:
    """Return the rate with the lowest finite last loss.

    Args:
        losses_of: Trains for a few steps with the rate it is given.
        rates: The ladder, in any order.

    Raises:
        ValueError: Every rate diverged.
    """
    ends = {}
    for rate in rates:
        losses = [loss for loss in losses_of(rate) if math.isfinite(loss)]
        ends[rate] = min(losses)
    if not ends:
        raise ValueError(f"all of {rates} diverged; try smaller ones")
    return min(ends, key=ends.__getitem__)
