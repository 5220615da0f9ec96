"""Misconception: not where the piece is full"""


def cut_at_pauses(stretches: list[tuple[float, float]], longest: float) -> list[tuple[float, float]]:
    """Return the pieces in the order of time."""
    pieces: list[tuple[float, float]] = []
    for start, end in stretches:
        if pieces and end - pieces[-1][0] <= longest:
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((start, end))
    return pieces
