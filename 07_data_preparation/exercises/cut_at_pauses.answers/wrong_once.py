"""Misconception: both parts are looked at again"""


def cut_at_pauses(stretches: list[tuple[float, float]], longest: float) -> list[tuple[float, float]]:
    """Return the pieces in the order of time."""
    if not stretches:
        return []
    if len(stretches) == 1 or stretches[-1][1] - stretches[0][0] <= longest:
        return [(stretches[0][0], stretches[-1][1])]
    pauses = [b[0] - a[1] for a, b in zip(stretches, stretches[1:], strict=False)]
    n = pauses.index(max(pauses))
    return [(stretches[0][0], stretches[n][1]), (stretches[n + 1][0], stretches[-1][1])]
