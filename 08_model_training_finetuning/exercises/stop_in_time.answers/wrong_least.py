"""Misconception: an improvement smaller than `least` is none"""


def stop_in_time(losses: list[float], patience: int, least: float) -> tuple[int, int]:
    best, place = losses[0], 0
    for look, loss in enumerate(losses):
        if loss < best:
            best, place = loss, look
        elif look - place >= patience:
            return look, place
    return len(losses) - 1, place
