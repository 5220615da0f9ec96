"""The path that decides the end. Solved."""


def critical_path(days: dict[str, float], needs: dict[str, list[str]]) -> tuple[float, list[str]]:
    ends: dict[str, float] = {}
    decided_by: dict[str, str | None] = {}
    waiting = dict.fromkeys(days)  # keeps the order, and finds quickly
    while waiting:
        can_begin = [issue for issue in waiting if all(earlier in ends for earlier in needs.get(issue, []))]
        if not can_begin:
            raise ValueError(f"a circle among {', '.join(waiting)}: none of them can begin")
        for issue in can_begin:
            decided_by[issue] = max(needs.get(issue, []), key=ends.__getitem__, default=None)
            ends[issue] = days[issue] + (ends[decided_by[issue]] if decided_by[issue] else 0)
            del waiting[issue]
    chain = [max(ends, key=ends.__getitem__)]
    while (earlier := decided_by[chain[-1]]) is not None:
        chain.append(earlier)
    return ends[chain[0]], chain[::-1]
