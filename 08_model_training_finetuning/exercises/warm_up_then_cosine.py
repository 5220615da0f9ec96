"""Warm up, then fall

Write `rate_at(step, total, warm_up, peak, floor)`, the learning rate of step 0, 1, 2, ... of `total` steps:

    for the first `warm_up` steps a straight line that reaches `peak` in the last of them; the first step is not 0
    after them half a cosine, which begins at `peak` and would reach `floor` at step `total`
    from step `total` on, when somebody trains longer than planned: `floor`

    rate_at(0, 100, 10, 1.0, 0.1)    returns 0.1     rate_at(9, 100, 10, 1.0, 0.1)   returns 1.0
    rate_at(55, 100, 10, 1.0, 0.1)   returns 0.55    rate_at(100, 100, 10, 1.0, 0.1) returns 0.1

After: 02_learning_rate.py
Concepts: schedules, warm-up
Kind: exercise
Time: 15 min
"""

import math  # noqa: F401  (you will want it)


def rate_at(step: int, total: int, warm_up: int, peak: float, floor: float) -> float:
    # TODO: three cases
    raise NotImplementedError("rate_at")
