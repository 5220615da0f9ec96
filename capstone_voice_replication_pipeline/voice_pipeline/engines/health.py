"""Stops a training that has gone wrong, says why, and keeps it from overwriting a good checkpoint."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median
from typing import Any

import torch

from voice_pipeline.errors import PipelineError

WINDOW = 10
"""Steps whose median stands for the loss of now, and of the beginning."""
WORSE = 3.0
"""Times the loss of the beginning at which a run counts as diverged. Fine-tuning starts from a model that works, so a
loss that stays this far above its start has unlearned more than it can win back; a single bad batch does not count."""


class LossWatch:
    """Looks at every step's losses.

    Args:
        rows: rows of the curves so far, for a run that goes on.
    """

    def __init__(self, rows: Iterable[dict[str, Any]] = ()) -> None:
        self._losses = [main_loss(row) for row in rows if row["split"] == "train"]

    def check(self, step: int, losses: dict[str, float], learning_rate: float) -> None:
        """Note one step.

        Raises:
            PipelineError: a loss is NaN or infinite, or the loss has stayed far above that of the first steps.
        """
        for name, value in losses.items():
            if "loss" in name and not math.isfinite(value):
                raise diverged(step, f"{name} is {value}, no longer a number", learning_rate)
        self._losses.append(main_loss(losses))
        if len(self._losses) < 2 * WINDOW:
            return
        start, now = median(self._losses[:WINDOW]), median(self._losses[-WINDOW:])
        if start > 0 and now > WORSE * start:
            raise diverged(
                step, f"the loss of the last {WINDOW} steps is {now:.3g}, that of the first {start:.3g}", learning_rate
            )


def check_weights(model: torch.nn.Module, step: int, learning_rate: float) -> None:
    """Make sure that a checkpoint is worth keeping: the loss shows a bad update only one step later.

    Raises:
        PipelineError: a weight is NaN or infinite.
    """
    for name, value in model.named_parameters():
        if not bool(torch.isfinite(value).all()):
            raise diverged(step, f"the weights of {name} are no longer numbers", learning_rate)


def diverged(step: int, what: str, learning_rate: float) -> PipelineError:
    """The error with its repair."""
    return PipelineError(
        f"training diverged at step {step}: {what}",
        hint=f"run again with a smaller learning rate: --learning-rate {learning_rate / 3:.1g} (it was "
        f"{learning_rate:.1g}); if that ends the same way, look for damaged clips in reports/ledger.html. "
        "Nothing was deleted: the last checkpoint is from before",
    )


def main_loss(losses: dict[str, float]) -> float:
    """The loss that is watched and shown: the total, of the generator where there are two optimizers."""
    return next((losses[name] for name in ("loss_1", "loss") if name in losses), math.nan)
