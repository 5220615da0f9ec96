"""Misconception: a cosine goes up again after its half"""

import math


def rate_at(step: int, total: int, warm_up: int, peak: float, floor: float) -> float:
    if step < warm_up:
        return peak * (step + 1) / warm_up
    share = (step - warm_up) / (total - warm_up)
    return floor + (peak - floor) * (1 + math.cos(math.pi * share)) / 2
