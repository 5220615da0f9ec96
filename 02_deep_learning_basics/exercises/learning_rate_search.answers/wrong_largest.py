"""Misconception: the largest rate that does not diverge is not the best one"""

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
        last = losses_of(rate)[-1]
        if math.isfinite(last):
            ends[rate] = last
    if not ends:
        raise ValueError(f"all of {rates} diverged; try smaller ones")
    return max(ends)
