"""The curve of a training run: one JSON line per training step and per evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from coursekit.files import write_text_atomic

FILE = "curves.jsonl"


def read_curves(run_dir: Path, up_to_step: int | None = None) -> list[dict[str, Any]]:
    """Rows of a run's curves.jsonl; a half-written last line is left out.

    Args:
        run_dir: the run folder.
        up_to_step: leave out rows of later steps.
    """
    path = run_dir / FILE
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            row = json.loads(line)
        except ValueError:
            break
        if up_to_step is None or row["step"] <= up_to_step:
            rows.append(row)
    return rows


def cut_curves(run_dir: Path, step: int) -> list[dict[str, Any]]:
    """Forget what was noted after `step`, the one a resumed run goes on from; returns the rows that stay."""
    rows = read_curves(run_dir, up_to_step=step)
    write_text_atomic(run_dir / FILE, "".join(json.dumps(row) + "\n" for row in rows))
    return rows


def add_to_curves(run_dir: Path, step: int, split: str, seconds: float, losses: dict[str, float]) -> None:
    """Append one row.

    Args:
        run_dir: the run folder.
        step: optimiser steps done.
        split: "train" or "eval".
        seconds: wall-clock seconds of training so far.
        losses: figures by name.
    """
    row = {"step": step, "split": split, "seconds": round(seconds, 3), **losses}
    with open(run_dir / FILE, "a", encoding="utf-8") as handle:
        handle.write(json.dumps(row) + "\n")
