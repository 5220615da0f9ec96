"""Which clips train and which are held out: seeded, balanced over length, never one recording or text on both sides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

MIN_CLIPS = 8
MIN_HELD_OUT = 3
MAX_HELD_OUT = 12


def split_clips(rows: Sequence[dict[str, Any]], *, seed: int = 0) -> dict[str, Any]:
    """Hold out about a quarter of the clips, 3 to 12, never more than 40 %.

    Clips of one recording, or with the same text, stay together, so that nothing heard in training is judged later.
    Short and long groups are held out in turn. The choice depends only on the seed and the ids: running again gives
    the same split, and a clip more moves few others.

    Args:
        rows: accepted ledger rows; uses `id`, `file`, `text` and the measured `clip_duration`.
        seed: another seed gives another split.

    Returns:
        `{"seed", "train": [ids], "validation": [ids], "groups": {id: group}}`, ids in the order given.
    """
    groups = _groups(rows)
    wanted = held_out_count(len(rows))
    members: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        members.setdefault(groups[row["id"]], []).append(row)
    by_length = sorted(members, key=lambda group: (_mean_duration(members[group]), group))
    half = len(by_length) // 2
    strata = [sorted(part, key=lambda group: _rank(seed, group)) for part in (by_length[:half], by_length[half:])]
    held_out: set[str] = set()
    while any(strata) and len(held_out) < wanted:
        for stratum in strata:
            if stratum:
                ids = {row["id"] for row in members[stratum.pop(0)]}
                if len(held_out) + len(ids) <= wanted:
                    held_out |= ids
    return {
        "seed": seed,
        "train": [row["id"] for row in rows if row["id"] not in held_out],
        "validation": [row["id"] for row in rows if row["id"] in held_out],
        "groups": groups,
    }


def held_out_count(clips: int) -> int:
    """How many of `clips` clips to hold out."""
    return min(max(round(clips / 4), MIN_HELD_OUT), MAX_HELD_OUT, int(clips * 0.4))


def _groups(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Group of each clip id: the smallest id among the clips tied to it by recording or by text."""
    parent = {row["id"]: row["id"] for row in rows}

    def root(clip_id: str) -> str:
        while parent[clip_id] != clip_id:
            clip_id = parent[clip_id]
        return clip_id

    first: dict[tuple[str, str], str] = {}
    for row in rows:
        for tie in (("recording", row["file"]), ("text", " ".join(row["text"].casefold().split()))):
            one, other = sorted((root(row["id"]), root(first.setdefault(tie, row["id"]))))
            parent[other] = one
    return {row["id"]: root(row["id"]) for row in rows}


def _mean_duration(rows: Sequence[dict[str, Any]]) -> float:
    return sum(row["measurements"]["clip_duration"] for row in rows) / len(rows)


def _rank(seed: int, group: str) -> str:
    return hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()
