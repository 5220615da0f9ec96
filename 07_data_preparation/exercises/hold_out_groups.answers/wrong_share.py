"""Misconception: the share is one of clips, not of groups"""

import hashlib


def hold_out_groups(groups: list[str], share: float, seed: int) -> list[int]:
    """Return the numbers of the held-out clips, sorted."""
    names = sorted(set(groups), key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).hexdigest())
    chosen = set(names[: max(1, round(share * len(names)))])
    return [number for number, name in enumerate(groups) if name in chosen]
