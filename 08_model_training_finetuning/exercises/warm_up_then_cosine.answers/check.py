"""Checks rate_at at its corners and along the way."""

import math

from coursekit.course import Wrong


def truth(step: int, total: int, warm_up: int, peak: float, floor: float) -> float:
    if step < warm_up:
        return peak * (step + 1) / warm_up
    share = min(1.0, (step - warm_up) / (total - warm_up))
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * share))


def check(answer) -> None:
    for total, warm_up, peak, floor in ((100, 10, 1.0, 0.1), (300, 20, 1e-3, 1e-5), (50, 0, 0.5, 0.0)):
        for step in (0, 1, warm_up - 1, warm_up, (total + warm_up) // 2, total - 1, total, total + 5, 2 * total):
            if step < 0:
                continue
            seen, wanted = answer.rate_at(step, total, warm_up, peak, floor), truth(step, total, warm_up, peak, floor)
            if not isinstance(seen, (int, float)) or not math.isfinite(seen):
                raise Wrong(f"rate_at({step}, {total}, {warm_up}, {peak}, {floor}) is {seen!r}, not a number.")
            if abs(seen - wanted) > 1e-9 * peak + 1e-12:
                explain(step, total, warm_up, peak, floor, seen, wanted)


def explain(step, total, warm_up, peak, floor, seen, wanted) -> None:
    told = f"rate_at({step}, {total}, {warm_up}, {peak}, {floor}) is {seen:.6g}, expected {wanted:.6g}"
    if step == 0 and warm_up and seen == 0:
        raise Wrong(f"{told}: a first step with the rate 0 teaches nothing. Step 0 is the first of the line's steps.")
    if step > total:
        raise Wrong(f"{told}: a cosine goes up again after its half; beyond the end the floor holds.")
    from_zero = floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * step / total))
    if step >= warm_up and warm_up and abs(seen - from_zero) < 1e-9 * peak:
        raise Wrong(f"{told}: the cosine begins where the warm-up ends, not at step 0, or the rate jumps there.")
    if floor and abs(seen - peak * 0.5 * (1 + math.cos(math.pi * min(1, (step - warm_up) / (total - warm_up))))) < 1e-9:
        raise Wrong(f"{told}: the cosine has to end at the floor, not at 0.")
    raise Wrong(f"{told}.")
