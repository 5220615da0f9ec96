"""Hold out whole groups. Solved."""

import hashlib
from collections import Counter


def hold_out_groups(groups: list[str], share: float, seed: int) -> list[int]:
    """Return the numbers of the held-out clips, sorted."""
    n_clips = Counter(groups)
    by_digest = sorted(n_clips, key=lambda one: hashlib.sha256(f"{seed}:{one}".encode()).hexdigest())
    chosen: set[str] = set()
    taken = 0
    for name in by_digest:
        if taken + n_clips[name] <= share * len(groups):
            chosen.add(name)
            taken += n_clips[name]
    return [number for number, name in enumerate(groups) if name in chosen]
