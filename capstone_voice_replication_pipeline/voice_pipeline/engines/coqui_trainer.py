"""Training any Coqui model with Coqui's own Trainer: quiet, resumable, bounded in steps and seconds.

Coqui's Trainer does the optimisation (mixed precision, several optimizers, schedulers, gradient clipping). Here it
never deletes the run folder, keeps two checkpoints at most, writes them atomically, and continues a stopped run so that
its curve is the one it would have had without the stop.

A run folder holds:
    last.pth      model, optimizers, schedulers, counters, random generators: what a resumed run needs
    best.pth      weights with the lowest evaluation loss
    curves.jsonl  one line per training step and per evaluation
    config.json   written by the Trainer
"""

from __future__ import annotations

import contextlib
import logging
import math
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch

from coursekit.seeding import seed_everything
from voice_pipeline.engines.base import ProgressCallback
from voice_pipeline.engines.checkpoints import (
    load_checkpoint,
    random_state,
    remove_interrupted_writes,
    restore_random_state,
    save_checkpoint,
)
from voice_pipeline.engines.coqui_quiet import ENDLESS, QuietTrainer, ResumableLoader
from voice_pipeline.engines.curves import add_to_curves, cut_curves, read_curves
from voice_pipeline.engines.health import LossWatch, check_weights, main_loss
from voice_pipeline.errors import PipelineError
from voice_pipeline.meter import CHECKPOINT, EVALUATION, Meter

logger = logging.getLogger(__name__)

_EPOCH_STRIDE = 100_003  # keeps the seeds of the epochs of one run apart


@dataclass(frozen=True)
class StepReport:
    """One optimiser step, as `on_step` sees it.

    Attributes:
        step: steps done in total, this one included.
        seconds: wall-clock seconds of training in total, over all resumed parts.
        losses: training losses of this step by name.
        evaluation: losses on the held-out samples, when they were measured at this step; else empty.
        model: the model being trained; leave its weights alone.
    """

    step: int
    seconds: float
    losses: dict[str, float]
    evaluation: dict[str, float]
    model: torch.nn.Module


@dataclass(frozen=True)
class TrainingOutcome:
    """What `run_training` leaves behind.

    Attributes:
        steps: optimiser steps in total, over all resumed parts.
        seconds: wall-clock seconds in total, over all resumed parts.
        last_checkpoint: training state after the last step.
        best_checkpoint: weights with the lowest evaluation loss (`{"model", "step", "loss"}`); the last
            checkpoint when nothing was evaluated.
        metrics: last training losses as `train_NAME`, last evaluation losses as `eval_NAME`, `best_step`, `best_loss`.
        curves: rows of curves.jsonl.
    """

    steps: int
    seconds: float
    last_checkpoint: Path
    best_checkpoint: Path
    metrics: dict[str, float]
    curves: list[dict[str, Any]]


def run_training(
    model: torch.nn.Module,
    config: Any,
    train_samples: list[Any],
    eval_samples: list[Any],
    run_dir: Path,
    *,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    device: str = "cpu",
    seed: int = 0,
    on_progress: ProgressCallback = lambda share, sentence: None,
    on_step: Callable[[StepReport], bool | None] | None = None,
    eval_every: int = 50,
    save_every: int = 25,
    keep_best: bool = True,
    meter: Meter | None = None,
) -> TrainingOutcome:
    """Train `model`, or continue the run found in `run_dir`.

    Args:
        model: any Coqui model (`BaseTrainerModel`) with its initial weights; trained in place.
        config: its Coqui config; batch sizes, learning rates, `grad_clip`, `target_loss` and loader workers count,
            the Trainer's own bookkeeping fields (epochs, save_step, run_eval ...) are ignored. Not changed.
        train_samples: given to `model.get_data_loader`.
        eval_samples: held-out samples; may be empty.
        run_dir: the run folder, see above. Only this folder is written.
        max_steps: stop when this many optimiser steps are done in total.
        max_seconds: stop when this many seconds are used in total, resumed parts and evaluations included.
        device: "cpu", "cuda" or "cuda:N".
        seed: random seed, 0..2**32-1; sets the global generators.
        on_progress: called after each step with the share done and a sentence.
        on_step: called after each step; return True to stop here (early stopping). It may use the model in eval mode
            and draw random numbers: both are put back.
        eval_every: steps between evaluations; one more follows the last step.
        save_every: steps between checkpoints, that is, what a kill can cost.
        keep_best: write best.pth; False for a caller that chooses its best checkpoint by something else.
        meter: told what the time is spent on; may end the run early.

    Returns:
        What was reached. Calling again with the same limits returns it at once.

    Raises:
        PipelineError: the loss is no longer a number or has exploded, or there is nothing to train on.
    """
    if max_steps is None and max_seconds is None:
        raise ValueError("give max_steps, max_seconds, or both")
    run_dir.mkdir(parents=True, exist_ok=True)
    remove_interrupted_writes(run_dir)
    limits = _Limits(max_steps or ENDLESS, max_seconds or math.inf, eval_every, save_every, keep_best)
    run = _Run(model, config, train_samples, eval_samples, run_dir, limits, torch.device(device), seed)
    run.on_progress, run.on_step, run.meter = on_progress, on_step, meter or Meter()
    return run.train()


class _Limits(NamedTuple):
    max_steps: int
    max_seconds: float
    eval_every: int
    save_every: int
    keep_best: bool


class _Finished(Exception):
    """Leaves the Trainer's endless loop."""


class _Run(QuietTrainer):
    """Coqui's Trainer with our bookkeeping in place of its own."""

    def __init__(
        self,
        model: torch.nn.Module,
        config: Any,
        train_samples: list[Any],
        eval_samples: list[Any],
        run_dir: Path,
        limits: _Limits,
        device: torch.device,
        seed: int,
    ) -> None:
        self.limits, self.seed = limits, seed
        self.on_progress: ProgressCallback = lambda share, sentence: None
        self.on_step: Callable[[StepReport], bool | None] | None = None
        self.meter, self.watch = Meter(), LossWatch()
        self.last_path, self.best_path = run_dir / "last.pth", run_dir / "best.pth"
        self.batches_done = 0  # within the current epoch
        self.seconds_before = self.seconds_saved = 0.0
        self.started = time.perf_counter()
        self.train_losses, self.eval_losses = dict[str, float](), dict[str, float]()
        self.evaluated_step = -1
        self.best = {"step": -1, "loss": math.inf}
        super().__init__(model, config, train_samples, eval_samples, run_dir, device, seed)

    # ------------------------------------------------------------------ the run

    def train(self) -> TrainingOutcome:
        state = self._find_checkpoint()
        if state is not None:
            self._restore(state)
        self.watch = LossWatch(cut_curves(self.output_path, self.total_steps_done))
        if not self._limit_reached():
            self._optimise(state)
        return self._outcome()

    def _optimise(self, state: dict[str, Any] | None) -> None:
        seed_everything(self.seed)
        try:
            loader = self.get_train_dataloader(self.train_samples)
        except AssertionError as error:
            raise PipelineError(
                "the engine's data loader kept no training clip: all are too short, too long, or have no text",
                hint="look at ledger.jsonl of the voice and record clips of 1 to 11 seconds",
            ) from error
        self.batches = ResumableLoader(loader, str(self.device))
        if state is not None:
            self.batches.skip, self.batches.state = self.batches_done, state["random"]
        self.train_loader = cast(Any, self.batches)
        self.started = time.perf_counter()
        self.meter.start_laps()
        with contextlib.suppress(_Finished), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected call of `lr_scheduler.step")  # restored, not skipped
            self._fit()  # not fit(): that one deletes folders, prints tracebacks and ends the process

    def train_epoch(self) -> None:
        resumed = self.batches.state is not None
        if not resumed:
            self.batches_done = 0
        seed_everything((self.seed + self.epochs_done * _EPOCH_STRIDE) % 2**32)  # the order of this epoch's batches
        before = self.total_steps_done
        self.first_batch = self.batches_done
        super().train_epoch()
        if self.total_steps_done == before and not resumed:
            raise PipelineError(
                "the model skipped every batch of a whole epoch", hint="record more clips, or lower the batch size"
            )

    def train_step(
        self, batch: Any, batch_n_steps: int, step: int, loader_start_time: float
    ) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        outputs, losses = super().train_step(batch, batch_n_steps, step + self.first_batch, loader_start_time)
        self.batches_done += 1
        if outputs is not None:
            self._after_step({name: float(value) for name, value in (losses or {}).items()})
        return outputs, losses

    def _after_step(self, losses: dict[str, float]) -> None:
        step = self.total_steps_done
        self.train_losses = {name: value for name, value in losses.items() if not name.endswith("_time")}
        self.watch.check(step, losses, self._learning_rate())
        self._record("train", self.train_losses)
        self.meter.lap()
        if step % self.limits.eval_every == 0:
            self._evaluate()
        stop = self._report(step) or self._limit_reached() or self.meter.enough()
        if stop:
            self._evaluate()
        if stop or step % self.limits.save_every == 0:
            self._save_last()
        if stop:
            raise _Finished

    def _report(self, step: int) -> bool:
        target = f" of {self.limits.max_steps}" if self.limits.max_steps < ENDLESS else ""
        share = max(step / self.limits.max_steps, self._seconds() / self.limits.max_seconds)
        self.on_progress(min(1.0, share), f"step {step}{target}, loss {main_loss(self.train_losses):.3f}")
        if self.on_step is None:
            return False
        evaluation = self.eval_losses if self.evaluated_step == step else {}
        with self._aside():
            return bool(self.on_step(StepReport(step, self._seconds(), self.train_losses, evaluation, self.model)))

    def _limit_reached(self) -> bool:
        return self.total_steps_done >= self.limits.max_steps or self._seconds() >= self.limits.max_seconds

    def _learning_rate(self) -> float:
        group = self.optimizer[-1].param_groups[0]
        return float(group.get("initial_lr", group["lr"]))

    def _seconds(self) -> float:
        return self.seconds_before + time.perf_counter() - self.started

    # ------------------------------------------------------------------ evaluation

    def _evaluate(self) -> None:
        """Losses on the held-out samples."""
        if not self.eval_samples or self.evaluated_step == self.total_steps_done:
            return
        with self.meter.measure(EVALUATION), self._aside():
            seed_everything(self.seed)
            self.eval_losses = self.measure_losses()
            self.evaluated_step = self.total_steps_done
            if self.eval_losses:
                self._record("eval", self.eval_losses)
                self._keep_best()

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Whatever happens inside leaves training modes and random generators as they were."""
        state = random_state(str(self.device))
        modes = {module: module.training for module in self.model.modules()}
        yield
        for module, training in modes.items():
            module.training = training
        restore_random_state(state, str(self.device))

    def _keep_best(self) -> None:
        loss = self._pick_target_avg_loss(self.keep_avg_eval)
        if loss is not None and loss < self.best["loss"]:
            self.best = {"step": self.total_steps_done, "loss": float(loss)}
            if self.limits.keep_best:
                save_checkpoint(self.best_path, {"model": self.model.state_dict(), **self.best})

    # ------------------------------------------------------------------ checkpoints

    def _save_last(self) -> None:
        check_weights(self.model, self.total_steps_done, self._learning_rate())
        self.seconds_saved = self._seconds()
        with self.meter.measure(CHECKPOINT):
            save_checkpoint(self.last_path, self._state())

    def _state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": [optimizer.state_dict() for optimizer in self.optimizer],
            "scheduler": [scheduler and scheduler.state_dict() for scheduler in self.scheduler],
            "scaler": self.scaler.state_dict() if self.scaler is not None else None,
            "step": self.total_steps_done,
            "epoch": self.epochs_done,
            "batches_done": self.batches_done,
            "stepped_optimizers": list(self._stepped_optimizers),
            "seconds": self.seconds_saved,
            "best": self.best,
            "train_losses": self.train_losses,
            "eval_losses": self.eval_losses,
            "random": random_state(str(self.device)),
        }

    def _find_checkpoint(self) -> dict[str, Any] | None:
        if not self.last_path.is_file():
            return None
        try:
            return load_checkpoint(self.last_path)
        except PipelineError as error:
            damaged = self.last_path.replace(self.last_path.with_suffix(".damaged"))
            logger.warning("%s; kept as %s, this run starts again from its first step", error, damaged)
            self.on_progress(0.0, "the checkpoint is damaged; starting again from the first step")
            return None

    def _restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizer, state["optimizer"], strict=True):
            optimizer.load_state_dict(saved)
        for scheduler, saved in zip(self.scheduler, state["scheduler"], strict=True):
            if scheduler is not None:
                scheduler.load_state_dict(saved)
        if self.scaler is not None and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.total_steps_done, self.epochs_done = state["step"], state["epoch"]
        self.batches_done = state["batches_done"]
        self.seconds_before = self.seconds_saved = state["seconds"]
        self._stepped_optimizers = set(state["stepped_optimizers"])
        self.best = state["best"]
        self.train_losses, self.eval_losses = state["train_losses"], state["eval_losses"]
        self.started = time.perf_counter()

    def _record(self, split: str, losses: dict[str, float]) -> None:
        add_to_curves(self.output_path, self.total_steps_done, split, self._seconds(), losses)

    def _outcome(self) -> TrainingOutcome:
        metrics = {f"train_{name}": value for name, value in self.train_losses.items()}
        metrics |= {f"eval_{name}": value for name, value in self.eval_losses.items()}
        evaluated = self.best["step"] >= 0
        if evaluated:
            metrics |= {"best_step": float(self.best["step"]), "best_loss": self.best["loss"]}
        return TrainingOutcome(
            steps=self.total_steps_done,
            seconds=self.seconds_saved,
            last_checkpoint=self.last_path,
            best_checkpoint=self.best_path if evaluated and self.best_path.is_file() else self.last_path,
            metrics=metrics,
            curves=read_curves(self.output_path),
        )
