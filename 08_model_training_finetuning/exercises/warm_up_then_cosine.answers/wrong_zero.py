"""Misconception: a first step with the rate 0 teaches nothing"""

import math


def rate_at(step: int, total: int, warm_up: int, peak: float, floor: float) -> float:
    if step < warm_up:
        return peak * step / warm_up
    share = min(1.0, (step - warm_up) / (total - warm_up))
    return floor + (peak - floor) * (1 + math.cos(math.pi * share)) / 2
