"""A budget before training: what a run will cost on this machine in minutes, memory and disk, and which plans fit.

The calibration is the run itself, begun in a scratch folder on the same disk: the engine's own optimiser steps on the
voice's own clips, an evaluation, a checkpoint, a trial on fewer sentences. It ends after half a minute, the folder is
removed, and

    seconds of a run = what happens once + sum over kinds of part (seconds of one x how many the plan has)

Afterwards the same sum over the parts that were really done is compared with the clock.
"""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from voice_pipeline.engines.base import Engine, FineTuneRequest, Measurable
from voice_pipeline.errors import PipelineError
from voice_pipeline.meter import (
    BROKEN_OFF,
    CHECKPOINT,
    STEP,
    MemoryWatch,
    Meter,
    folder_mb,
    free_disk_mb,
    free_memory_mb,
    out_of_memory,
    resident_mb,
)

CALIBRATION_SECONDS = 30.0
SHORTEST_PREDICTED = 20
"""Steps of the shortest run that is worth a calibration."""
_FOLDER = ".calibration"
_LEAST_STEPS, _MOST_OF_THE_RUN = 2, 0.1
_TRAINING_SHARE = 0.7  # of the calibration; the rest is for setting up before, evaluation and trial after
_MARGIN = 1.1  # of memory and disk, on top of what was predicted
_MINUTES_KEPT_FREE = 0.1  # of a limit in minutes


@dataclass(frozen=True)
class Costs:
    """What a calibration found.

    Attributes:
        seconds: wall-clock seconds the calibration took.
        steps: optimiser steps it did.
        unit_seconds: seconds of one part by kind.
        once_seconds: seconds of what happens once in a run: loading, aligning, the last export.
        memory_mb: the most memory the process held.
        gpu_mb: the most memory on the GPU; 0 without one.
        disk_mb: size of a run folder.
        disk_peak_mb: the same while the largest file is being replaced.
    """

    seconds: float
    steps: int
    unit_seconds: dict[str, float]
    once_seconds: float
    memory_mb: float
    gpu_mb: float
    disk_mb: float
    disk_peak_mb: float

    def predict(self, parts: dict[str, float]) -> float:
        """Seconds of a run with these parts; kinds that the calibration did not see count nothing."""
        return self.once_seconds + sum(self.unit_seconds.get(kind, 0.0) * count for kind, count in parts.items())


@dataclass(frozen=True)
class Plan:
    """One way to train.

    Attributes:
        name: full, half, short, as asked, or a limit in minutes.
        steps: optimiser steps.
        parts: how often each kind of part occurs.
        seconds: predicted wall-clock seconds.
    """

    name: str
    steps: int
    parts: dict[str, float]
    seconds: float


class _Over(Exception):
    """The calibration has used up its time."""


class CalibrationMeter(Meter):
    """Ends a run after a few steps, and lets trials be shorter."""

    def __init__(self, seconds: float, planned_steps: float, memory: MemoryWatch) -> None:
        super().__init__()
        self.limit, self.memory = seconds, memory
        self.enough_steps = max(10.0, _MOST_OF_THE_RUN * planned_steps)
        self.started = time.perf_counter()

    def elapsed(self) -> float:
        """Seconds since the calibration began."""
        return time.perf_counter() - self.started

    def enough(self) -> bool:
        """After a tenth of the run or most of the time, whichever comes first."""
        steps = self.counts[STEP]
        in_time = self.elapsed() < _TRAINING_SHARE * self.limit
        return steps >= self.enough_steps or (steps >= _LEAST_STEPS and not in_time)

    @contextmanager
    def some(self, kind: str, texts: Sequence[str], least: int = 2) -> Iterator[Sequence[str]]:
        """The least number of texts, of middling length, stand for all; they count as their share of the characters."""
        mean = sum(map(len, texts)) / len(texts)
        chosen = sorted(texts, key=lambda text: abs(len(text) - mean))[:least]
        with self.measure(kind, sum(map(len, chosen)) / (mean * len(texts))):
            yield chosen

    def check(self) -> None:
        """End at the limit; where even two steps and a checkpoint take longer, at twice the limit."""
        self.memory.check()
        seen = self.counts[STEP] >= _LEAST_STEPS and self.counts[CHECKPOINT] > 0
        if self.elapsed() > self.limit * (1 if seen else 2):
            raise _Over


def workload(engine: Engine, request: FineTuneRequest) -> dict[str, float]:
    """How often each kind of part occurs in a run; empty for an engine, or a request, that does not train."""
    parts = engine.workload(request) if isinstance(engine, Measurable) else {}
    return parts if parts.get(STEP) else {}


def calibrate(engine: Engine, request: FineTuneRequest, seconds: float = CALIBRATION_SECONDS) -> Costs | None:
    """Begin the run that `request` asks for in a scratch folder, and measure it.

    Args:
        engine: one with a workload.
        request: of the run that is to be predicted; its progress callback is told how far the calibration is.
        seconds: how long it may take; twice as long where setting up and two steps do not fit.

    Returns:
        What was found; None when this machine did not get to two steps.

    Raises:
        PipelineError: the memory or the disk does not suffice, or training cannot start at all.
    """
    scratch = request.folder.root / _FOLDER
    shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed
    (scratch / "run").mkdir(parents=True)
    memory = MemoryWatch(request.device)
    meter = CalibrationMeter(seconds, workload(engine, request)[STEP], memory)

    def on_progress(share: float, sentence: str) -> None:
        meter.check()
        request.on_progress(min(0.99, meter.elapsed() / seconds), f"calibrating: {sentence}")

    trial = replace(request, run_dir=scratch / "run", meter=meter, on_progress=on_progress, max_seconds=None)
    try:
        with memory, memory_errors():
            try:
                engine.fine_tune(trial)
            except _Over:
                pass  # enough was seen; what was measured so far is in the meter
        took = meter.elapsed()
        size, largest = folder_mb(scratch)
    finally:
        gc.collect()
        shutil.rmtree(scratch, ignore_errors=True)
    if meter.counts[STEP] < _LEAST_STEPS:
        return None
    units = _unit_seconds(meter)
    once = took - meter.seconds[BROKEN_OFF] - sum(units[kind] * meter.counts[kind] for kind in units)
    return Costs(
        seconds=took,
        steps=int(meter.counts[STEP]),
        unit_seconds=units,
        once_seconds=max(0.0, once),
        memory_mb=memory.peak_mb,
        gpu_mb=memory.gpu_mb,
        disk_mb=size,
        disk_peak_mb=size + largest,
    )


def _unit_seconds(meter: Meter) -> dict[str, float]:
    """Mean seconds of a part; the first step, which warms up, is left out."""
    units = {
        kind: total / meter.counts[kind]
        for kind, total in meter.seconds.items()
        if kind not in (STEP, BROKEN_OFF) and meter.counts[kind]
    }
    return {STEP: (meter.seconds[STEP] - meter.first_step) / (meter.counts[STEP] - 1), **units}


@contextmanager
def memory_errors() -> Iterator[None]:
    """Explain what the block raises when memory ends.

    Raises:
        PipelineError: it did.
    """
    try:
        yield
    except MemoryError as error:
        raise out_of_memory("an allocation failed") from error
    except RuntimeError as error:
        text = str(error)
        if "out of memory" in text or "allocate memory" in text:
            raise out_of_memory(text.strip().splitlines()[0][:200]) from error
        raise


def plans(engine: Engine, request: FineTuneRequest, costs: Costs) -> list[Plan]:
    """The plan that was asked for first, then shorter ones.

    With `request.max_seconds` and no number of steps, the first is the longest run that fits into these seconds.

    Raises:
        PipelineError: not even one step fits into the seconds.
    """

    def plan(name: str, steps: int) -> Plan:
        parts = workload(engine, replace(request, max_steps=steps))
        return Plan(name, steps, parts, costs.predict(parts))

    full = plan("as asked" if request.max_steps else "full", int(workload(engine, request)[STEP]))
    if request.max_seconds is not None and request.max_steps is None:
        first = _longest(plan, full, request.max_seconds)
    else:
        first = full
    shorter = [plan("half", first.steps // 2), plan("short", max(SHORTEST_PREDICTED, first.steps // 6))]
    return [first, *(one for one in shorter if SHORTEST_PREDICTED <= one.steps < first.steps)]


def _longest(plan: Any, full: Plan, seconds: float) -> Plan:
    usable = seconds * (1 - _MINUTES_KEPT_FREE)
    if full.seconds <= usable:
        return full
    name = f"{seconds / 60:g} min"
    low, high = 0, full.steps  # low fits, high does not
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if plan(name, middle).seconds <= usable else (low, middle)
    if low == 0:
        least = plan(name, 1).seconds / (1 - _MINUTES_KEPT_FREE)
        raise PipelineError(
            f"in {seconds / 60:g} minutes this machine does not get to the first step of training",
            hint=f"give it more time: --minutes {least / 60 + 1:.0f} or more, or leave --minutes out",
        )
    return plan(name, low)


def require_room(request: FineTuneRequest, costs: Costs) -> None:
    """Refuse a run for which memory or disk does not suffice; what a stopped run has written counts as there.

    Raises:
        PipelineError: one of them does not, with how much is missing.
    """
    there = folder_mb(request.run_dir)[0] if request.run_dir.is_dir() else 0.0
    needed, free = _MARGIN * costs.disk_peak_mb - there, free_disk_mb(request.folder.root)
    if needed > free:
        raise PipelineError(
            f"this training writes {needed:.0f} MB, and {free:.0f} MB are free on the disk of {request.folder.root}",
            hint=f"free {needed - free:.0f} MB, or move the voice's folder to another disk and give it by --home DIR",
        )
    more, available = _MARGIN * costs.memory_mb - resident_mb(), free_memory_mb()
    if more > available:
        raise out_of_memory(f"it needs {more:.0f} MB more, and {available:.0f} MB are free")


def comparison(
    costs: Costs, meter: Meter, *, seconds: float, memory_mb: float, gpu_mb: float, disk_mb: float
) -> dict[str, Any]:
    """Prediction and truth of a run, or of the part of it that was done in this process.

    Args:
        costs: of the calibration.
        meter: of the run.
        seconds: wall-clock seconds it took.
        memory_mb: the most memory the process held.
        gpu_mb: the most memory on the GPU.
        disk_mb: size of the run folder.

    Returns:
        `parts` done, and for each of `seconds`, `memory_mb`, `gpu_mb` (with a GPU) and `disk_mb` the prediction, what
        was measured, and the ratio measured / predicted.
    """
    parts = {kind: count for kind, count in meter.counts.items() if kind != BROKEN_OFF}
    pairs = {
        "seconds": (costs.predict(parts), seconds),
        "memory_mb": (costs.memory_mb, memory_mb),
        "gpu_mb": (costs.gpu_mb, gpu_mb),
        "disk_mb": (costs.disk_mb, disk_mb),
    }
    rows = {
        name: {"predicted": round(before, 2), "measured": round(after, 2), "ratio": round(after / before, 3)}
        for name, (before, after) in pairs.items()
        if before > 0
    }
    means = {kind: meter.seconds[kind] / count for kind, count in parts.items() if count}
    return {"parts": parts, "measured_unit_seconds": means, **rows}


def as_dict(costs: Costs, choices: list[Plan]) -> dict[str, Any]:
    """What budget.json holds before the run."""
    return {"calibration": asdict(costs), "plan": asdict(choices[0]), "plans": [asdict(plan) for plan in choices]}


def costs_from(saved: dict[str, Any]) -> Costs:
    """Costs as `as_dict` wrote them."""
    return Costs(**saved["calibration"])
