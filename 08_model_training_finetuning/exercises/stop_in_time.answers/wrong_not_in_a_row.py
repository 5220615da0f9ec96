"""Misconception: only looks in a row count"""


def stop_in_time(losses: list[float], patience: int, least: float) -> tuple[int, int]:
    best, place, bad = losses[0], 0, 0
    for look, loss in enumerate(losses[1:], 1):
        if best - loss > least:
            best, place = loss, look
        else:
            bad += 1
        if bad >= patience:
            return look, place
    return len(losses) - 1, place
