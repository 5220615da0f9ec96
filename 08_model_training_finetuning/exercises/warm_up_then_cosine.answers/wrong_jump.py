"""Misconception: the cosine begins where the warm-up ends, not at step 0"""

import math


def rate_at(step: int, total: int, warm_up: int, peak: float, floor: float) -> float:
    if step < warm_up:
        return peak * (step + 1) / warm_up
    return floor + (peak - floor) * (1 + math.cos(math.pi * min(1.0, step / total))) / 2
