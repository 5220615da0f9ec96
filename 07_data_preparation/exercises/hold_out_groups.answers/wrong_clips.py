"""Misconception: a group is held out whole or not at all"""

import random


def hold_out_groups(groups: list[str], share: float, seed: int) -> list[int]:
    """Return the numbers of the held-out clips, sorted."""
    numbers = list(range(len(groups)))
    random.Random(seed).shuffle(numbers)
    return sorted(numbers[: int(share * len(groups))])
