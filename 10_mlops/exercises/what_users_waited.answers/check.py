"""Checks waited on small cases, and on a line that grows."""

import random

from coursekit.course import Wrong


def check(answer) -> None:
    small = [([0.0, 10.0], 1.0), ([0.0, 0.0, 0.5], 1.0), ([2.0], 0.5), ([], 1.0), ([0.0, 0.5, 1.0, 9.0], 1.0)]
    source = random.Random(5)
    crowd, moment = [], 0.0
    for _ in range(300):
        moment += source.expovariate(1.2)
        crowd.append(moment)
    for due, service in [*small, (crowd, 1.0)]:
        compare(answer, due, service)


def truth(due: list[float], service: float) -> list[float]:
    done, found = 0.0, []
    for moment in due:
        done = max(done, moment) + service
        found.append(done - moment)
    return found


def compare(answer, due: list[float], service: float) -> None:
    wanted = truth(due, service)
    seen = [float(value) for value in answer.waited(list(due), service)]
    if len(seen) == len(wanted) and all(abs(a - b) < 1e-9 for a, b in zip(seen, wanted, strict=True)):
        return
    shown = (
        f"waited({due[:4]}{', ...' if len(due) > 4 else ''}, {service}): {wanted[:4]} were expected, {seen[:4]} came."
    )
    if seen == [service] * len(due):
        raise Wrong(f"{shown} That is the time of the work alone. A user waits in line as well: measure from `due`.")
    if any(value < service for value in seen):
        raise Wrong(f"{shown} The worker was idle before the last one: it cannot begin before the request is there.")
    raise Wrong(shown)
