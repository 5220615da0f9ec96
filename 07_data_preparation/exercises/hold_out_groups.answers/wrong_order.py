"""Misconception: only names matter"""

import random


def hold_out_groups(groups: list[str], share: float, seed: int) -> list[int]:
    """Return the numbers of the held-out clips, sorted."""
    names = list(dict.fromkeys(groups))
    random.Random(seed).shuffle(names)
    chosen, taken = set(), 0
    for name in names:
        if taken + groups.count(name) <= share * len(groups):
            chosen.add(name)
            taken += groups.count(name)
    return [number for number, name in enumerate(groups) if name in chosen]
