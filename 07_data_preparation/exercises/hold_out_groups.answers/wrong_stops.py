"""Misconception: one that is too large is skipped for the next"""

import hashlib


def hold_out_groups(groups: list[str], share: float, seed: int) -> list[int]:
    """Return the numbers of the held-out clips, sorted."""
    names = sorted(set(groups), key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).hexdigest())
    chosen, taken = set(), 0
    for name in names:
        if taken + groups.count(name) > share * len(groups):
            break
        chosen.add(name)
        taken += groups.count(name)
    return [number for number, name in enumerate(groups) if name in chosen]
