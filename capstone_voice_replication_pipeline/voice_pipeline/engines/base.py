"""What every engine can do. The pipeline knows this protocol and nothing else about an engine."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from coursekit.files import sha256_file
from voice_pipeline.meter import CHECKPOINT, EVALUATION, STEP, Meter
from voice_pipeline.voice_folder import VoiceFolder

ProgressCallback = Callable[[float, str], None]
"""Called with the share done (0..1) and a short sentence."""


@dataclass(frozen=True)
class Licence:
    """Terms of an engine's weights.

    Attributes:
        name: short name, for example "MIT".
        url: where the full text stands; empty when it travels with the repository.
        needs_acceptance: True when the user has to accept the terms by an explicit flag.
        note: one sentence a user should know before choosing the engine.
    """

    name: str
    url: str = ""
    needs_acceptance: bool = False
    note: str = ""


@dataclass(frozen=True)
class TrainingClip:
    """One accepted clip: a 24 kHz mono WAV and what is said in it."""

    clip_id: str
    path: Path
    text: str
    seconds: float


def fingerprint(clips: Sequence[TrainingClip]) -> str:
    """A short text that changes when a clip or its text changes."""
    digest = hashlib.sha256()
    for clip in sorted(clips, key=lambda clip: clip.clip_id):
        digest.update(f"{clip.clip_id}|{clip.text}|{sha256_file(clip.path)}\n".encode())
    return digest.hexdigest()[:16]


@dataclass
class FineTuneRequest:
    """What `Engine.fine_tune` is given.

    Attributes:
        folder: the voice folder; engines write only below `run_dir` and their own cache in `folder.features`.
        run_dir: where this run's checkpoints, curves and settings go. Existing content is resumed.
        train: clips to learn from.
        validation: held-out clips; never trained on.
        device: torch device name, already chosen.
        seed: random seed.
        max_steps: optimiser steps; None lets the engine choose.
        max_seconds: wall-clock limit of the optimisation; None for no limit.
        options: engine-specific settings, already validated by the caller against `Engine.options`.
        on_progress: progress callback.
        meter: told by the engine what it is doing, for the budget; see `Measurable`.
    """

    folder: VoiceFolder
    run_dir: Path
    train: list[TrainingClip]
    validation: list[TrainingClip]
    device: str = "cpu"
    seed: int = 0
    max_steps: int | None = None
    max_seconds: float | None = None
    options: dict[str, Any] = field(default_factory=dict)
    on_progress: ProgressCallback = lambda share, sentence: None
    meter: Meter = field(default_factory=Meter)


def training_parts(steps: int, *, eval_every: int, save_every: int) -> dict[str, float]:
    """How often a run of `coqui_trainer` does what takes time, by the meter's kinds."""
    return {STEP: steps, EVALUATION: math.ceil(steps / eval_every), CHECKPOINT: math.ceil(steps / save_every)}


@dataclass(frozen=True)
class FineTuneResult:
    """What came out of a run.

    Attributes:
        model_dir: folder that `Engine.load` accepts: safetensors, config, settings.
        steps: optimiser steps done in total, over all resumed parts.
        seconds: wall-clock seconds of training in total, over all resumed parts.
        metrics: final figures by name (losses, validation scores).
    """

    model_dir: Path
    steps: int
    seconds: float
    metrics: dict[str, float]


class LoadedVoice(Protocol):
    """A voice in memory, ready to speak. Safe to call from one thread at a time."""

    sample_rate: int

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        """Speak one chunk of normalised text (at most 250 characters).

        Args:
            text: what to say; numbers and abbreviations are already spelled out.
            speed: 0.25..4.0; 2.0 is twice as fast at the same pitch.
            seed: random seed; the same seed gives the same waveform.

        Returns:
            waveform, float32 `[samples]`, -1..1, at `sample_rate`.
        """
        ...


@runtime_checkable
class Engine(Protocol):
    """A way to clone a voice.

    Attributes:
        name: the word after `--engine`.
        title: one line for people.
        licence: terms of the weights.
    """

    name: str
    title: str
    licence: Licence

    def prepare(self, *, accept_licence: bool = False, offline: bool = False) -> None:
        """Make the base model available (from the repository, the cache or its public home).

        Raises:
            PipelineError: the weights cannot be had, or their licence was not accepted; says what to do.
        """
        ...

    def fine_tune(self, request: FineTuneRequest) -> FineTuneResult:
        """Adapt the base model to one speaker; resumes what it finds in `request.run_dir`."""
        ...

    def load(self, model_dir: Path, *, device: str = "cpu") -> LoadedVoice:
        """Load what `fine_tune` wrote."""
        ...


@runtime_checkable
class Measurable(Protocol):
    """An engine that trains in steps, so that a calibration of a few of them predicts a whole run.

    Its `fine_tune` gives the request's meter to `run_training`, and names what else recurs by `meter.measure` or
    `meter.some`.
    """

    def workload(self, request: FineTuneRequest) -> dict[str, float]:
        """How often each kind of part will occur in the run that `request` asks for; `step` is 0 for no training."""
        ...
