"""Misconception: what is short enough stays whole"""


def cut_at_pauses(stretches: list[tuple[float, float]], longest: float) -> list[tuple[float, float]]:
    """Return the pieces in the order of time."""
    return list(stretches)
