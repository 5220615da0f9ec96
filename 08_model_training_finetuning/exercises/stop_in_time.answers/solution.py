"""Stop in time. Solved."""


def stop_in_time(losses: list[float], patience: int, least: float) -> tuple[int, int]:
    lowest_yet, where_it_was = losses[0], 0
    for place, value in enumerate(losses):
        if lowest_yet - value > least:
            lowest_yet, where_it_was = value, place
        elif place - where_it_was >= patience:
            return place, where_it_was
    return len(losses) - 1, where_it_was
