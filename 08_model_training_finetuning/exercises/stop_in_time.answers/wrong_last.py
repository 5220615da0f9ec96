"""Misconception: what is kept are the best weights, not the last"""


def stop_in_time(losses: list[float], patience: int, least: float) -> tuple[int, int]:
    best, place = losses[0], 0
    for look, loss in enumerate(losses):
        if best - loss > least:
            best, place = loss, look
        elif look - place >= patience:
            return look, place if place else look
    return len(losses) - 1, place
