"""Pictures of a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from coursekit.files import atomic_path
from voice_pipeline.plots import BLUE, GREEN, ORANGE, VERMILION
from voice_pipeline.voice_folder import read_jsonl


def plot_training(run_dir: Path, path: Path) -> Path | None:
    """Draw the losses of a run and, where checkpoints were tried, similarity and word error rate.

    Returns:
        `path`, or None when the run has no curves.
    """
    curves = read_jsonl(run_dir / "curves.jsonl")
    if not curves:
        return None
    trials = read_jsonl(run_dir / "trials.jsonl")
    pyplot = _pyplot()
    figure, axes = pyplot.subplots(1, 2 if trials else 1, figsize=(10 if trials else 6, 3.6), squeeze=False)
    losses = axes[0][0]
    for split, color in (("train", BLUE), ("eval", ORANGE)):
        rows = [row for row in curves if row["split"] == split and "loss" in row]
        name = {"train": "training clips", "eval": "held-out clips"}[split]
        losses.plot([row["step"] for row in rows], [row["loss"] for row in rows], color=color, label=name)
    losses.set(xlabel="optimiser steps", ylabel="loss", title="what the optimiser sees")
    losses.legend()
    if trials:
        axis = axes[0][1]
        chosen = max(trials, key=lambda row: row["score"])
        for key, color, marker in (("similarity", GREEN, "o"), ("word_error_rate", VERMILION, "s")):
            for share in sorted({row["share"] for row in trials if row["step"]}):
                rows = [row for row in trials if row["share"] == share or not row["step"]]
                style = "-" if share == chosen["share"] else ":"
                label = f"{key.replace('_', ' ')}, share {share:g}"
                axis.plot(
                    [row["step"] for row in rows], [row[key] for row in rows], style, marker=marker, color=color,
                    label=label,
                )  # fmt: skip
        axis.axvline(chosen["step"], color="black", linewidth=0.8, label=f"kept: step {chosen['step']}")
        axis.set(xlabel="optimiser steps", ylabel="fraction", ylim=(0, None))
        axis.set_title("what a listener would notice")
        axis.legend(fontsize=7)
    return _save(figure, path)


def _pyplot() -> Any:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _save(figure: Any, path: Path) -> Path:
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    _pyplot().close(figure)
    return path
