"""Misconception: nan is no improvement"""


def stop_in_time(losses: list[float], patience: int, least: float) -> tuple[int, int]:
    best, place = losses[0], 0
    for look, loss in enumerate(losses):
        if look and loss >= best - least:
            if look - place >= patience:
                return look, place
        elif look:
            best, place = loss, look
    return len(losses) - 1, place
