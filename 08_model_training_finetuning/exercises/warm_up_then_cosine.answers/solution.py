"""Warm up, then fall. Solved."""

import math


def rate_at(step: int, total: int, warm_up: int, peak: float, floor: float) -> float:
    if step < warm_up:
        return peak * (step + 1) / warm_up
    if step >= total:
        return floor
    share_of_the_fall = (step - warm_up) / (total - warm_up)
    return floor + (peak - floor) * (1 + math.cos(math.pi * share_of_the_fall)) / 2
