"""Stop in time

A training looks at its validation loss now and then. Write `stop_in_time(losses, patience, least)`, which is given all
the losses and returns (the look at which training stops, the look whose weights are kept). The rules:

    a loss is an improvement only when it is lower than the best so far by MORE than `least`; the first always is
    after `patience` looks in a row without an improvement, training stops at once
    the weights kept are those of the last improvement; nan is never one
    when the losses end first, training stops at the last look

    stop_in_time([1.0, 0.8, 0.7, 0.71, 0.72, 0.60], 2, 0.0)    returns (4, 2)
    stop_in_time([1.0, 0.8, 0.79, 0.78, 0.5], 2, 0.05)         returns (3, 1)

After: 04_early_stopping.py
Concepts: early stopping
Kind: exercise
Time: 15 min
"""


def stop_in_time(losses: list[float], patience: int, least: float) -> tuple[int, int]:
    # TODO: walk through the losses, remember the best one and how long ago it was
    raise NotImplementedError("stop_in_time")
