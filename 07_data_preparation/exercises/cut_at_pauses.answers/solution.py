"""Cut at the longest pause. Solved."""


def cut_at_pauses(stretches: list[tuple[float, float]], longest: float) -> list[tuple[float, float]]:
    """Return the pieces in the order of time."""
    if not stretches:
        return []
    whole = (stretches[0][0], stretches[-1][1])
    if len(stretches) == 1 or whole[1] - whole[0] <= longest:
        return [whole]
    before = max(range(len(stretches) - 1), key=lambda n: stretches[n + 1][0] - stretches[n][1])
    left, right = stretches[: before + 1], stretches[before + 1 :]
    return cut_at_pauses(left, longest) + cut_at_pauses(right, longest)
