"""Checks stop_in_time on small curves, each of which catches one misconception."""

import math

from coursekit.course import Wrong

NAN = math.nan
CASES = [
    ([1.0, 0.8, 0.7, 0.71, 0.72, 0.60], 2, 0.0, (4, 2), ""),
    ([1.0, 0.8, 0.79, 0.78, 0.5], 2, 0.05, (3, 1), "an improvement smaller than `least` is none"),
    ([1.0, 0.9, 0.8], 3, 0.0, (2, 2), ""),
    (
        [1.0, 1.1, 0.9, 1.0, 0.8, 0.9, 0.7],
        2,
        0.0,
        (6, 6),
        "only looks in a row count; an improvement sets the count back",
    ),
    ([0.5, 0.6, 0.7, 0.8], 3, 0.0, (3, 0), "what is kept are the best weights, not the last"),
    ([1.0, NAN, 0.9, NAN, NAN, NAN], 3, 0.0, (5, 2), "nan is no improvement, and no loss compares with it"),
    ([0.7, 0.7, 0.7, 0.7], 2, 0.0, (2, 0), "an equal loss is no improvement"),
    # the first step down from 1.0 is too small, and so is every next; together they would not be
    ([1.0, 0.97, 0.94, 0.5], 3, 0.05, (3, 3), "small steps add up against the best, which stays where it was"),
]


def check(answer) -> None:
    for losses, patience, least, wanted, why in CASES:
        seen = answer.stop_in_time(list(losses), patience, least)
        if tuple(seen) != wanted:
            told = f"stop_in_time({losses}, {patience}, {least}) is {tuple(seen)}, expected {wanted}"
            raise Wrong(f"{told}: {why}." if why else f"{told}.")
