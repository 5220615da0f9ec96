"""The split: how many are held out, balanced over length, seeded, stable, and without leaks."""

from __future__ import annotations

import pytest

from voice_pipeline.split import held_out_count, split_clips


def clip_row(number: int, seconds: float, text: str = "", file: str = "") -> dict:
    name = f"c{number:03d}"
    return {"id": name, "file": file or name, "text": text or name, "measurements": {"clip_duration": seconds}}


@pytest.mark.parametrize(
    ("clips", "held_out"), [(1, 0), (2, 0), (3, 1), (5, 2), (8, 3), (20, 5), (35, 9), (60, 12), (1000, 12)]
)
def test_how_many_are_held_out(clips, held_out):
    assert held_out_count(clips) == held_out
    assert clips - held_out >= 0.6 * clips


def test_the_split_is_balanced_stable_and_seeded():
    rows = [clip_row(n, 4.0 if n % 2 else 10.0) for n in range(20)]
    split = split_clips(rows, seed=0)
    assert split == split_clips(rows, seed=0)
    assert split["validation"] != split_clips(rows, seed=1)["validation"]
    assert sorted(split["train"] + split["validation"]) == [row["id"] for row in rows]
    short = [name for name in split["validation"] if int(name[1:]) % 2]
    assert len(split["validation"]) == 5 and len(short) in (2, 3)
    more = split_clips([*rows, clip_row(20, 4.0), clip_row(21, 10.0)], seed=0)
    assert len(set(split["validation"]) & set(more["validation"])) >= 3


def test_recordings_and_texts_do_not_leak():
    rows = [clip_row(n, 4.0, file=f"file{n // 3}") for n in range(24)]
    rows += [clip_row(n, 4.0, text="Said  TWICE" if n % 2 else "said twice") for n in range(24, 30)]
    split = split_clips(rows)
    groups = split["groups"]
    assert {groups[name] for name in split["train"]}.isdisjoint({groups[name] for name in split["validation"]})
    assert len({groups[f"c{n:03d}"] for n in range(24, 30)}) == 1
    assert 3 <= len(split["validation"]) <= 8
