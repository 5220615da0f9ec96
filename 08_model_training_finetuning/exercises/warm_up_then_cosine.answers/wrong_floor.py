"""Misconception: the cosine has to end at the floor, not at 0"""

import math


def rate_at(step: int, total: int, warm_up: int, peak: float, floor: float) -> float:
    if step < warm_up:
        return peak * (step + 1) / warm_up
    if step >= total:
        return floor
    return peak * (1 + math.cos(math.pi * (step - warm_up) / (total - warm_up))) / 2
