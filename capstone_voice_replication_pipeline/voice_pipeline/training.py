"""Fine-tuning a voice folder, whichever engine does it; and loading the result."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from coursekit.files import sha256_file, write_json_atomic
from voice_pipeline.budget import (
    SHORTEST_PREDICTED,
    as_dict,
    calibrate,
    comparison,
    costs_from,
    memory_errors,
    plans,
    require_room,
    workload,
)
from voice_pipeline.consent import require_consent, require_consent_to_speak, require_consent_to_train
from voice_pipeline.engines import get_engine
from voice_pipeline.engines.base import (
    Engine,
    FineTuneRequest,
    FineTuneResult,
    LoadedVoice,
    ProgressCallback,
    TrainingClip,
    fingerprint,
)
from voice_pipeline.engines.curves import read_curves
from voice_pipeline.errors import PipelineError
from voice_pipeline.meter import STEP, MemoryWatch, folder_mb
from voice_pipeline.run_log import check_available, follow
from voice_pipeline.voice_folder import VoiceFolder, read_json

FINISHED = "finished.json"
"""Written last into a run folder; a run without it goes on where it was stopped."""
BUDGET = "budget.json"
"""What the run was predicted to cost, its plan, and afterwards what it did cost."""


def read_split(folder: VoiceFolder) -> tuple[list[TrainingClip], list[TrainingClip]]:
    """Training clips and held-out clips of a voice.

    Raises:
        PipelineError: the recordings were not preprocessed, or a clip is missing.
    """
    if not folder.split.is_file() or not folder.metadata.is_file():
        raise PipelineError(
            f"the voice '{folder.name}' has no preprocessed clips",
            hint=f"python 02_preprocess_recordings.py --voice {folder.name}",
        )
    texts = dict(line.split("|", 1) for line in folder.metadata.read_text(encoding="utf-8").splitlines() if "|" in line)
    split = read_json(folder.split)

    def clip(clip_id: str) -> TrainingClip:
        path = folder.clips / f"{clip_id}.wav"
        if clip_id not in texts or not path.is_file():
            raise PipelineError(
                f"clip {clip_id} of '{folder.name}' is missing",
                hint=f"python 02_preprocess_recordings.py --voice {folder.name}",
            )
        return TrainingClip(clip_id, path, texts[clip_id], soundfile.info(path).duration)

    return [clip(name) for name in split["train"]], [clip(name) for name in split["validation"]]


def run_id(engine: str, clips: list[TrainingClip], settings: dict[str, Any]) -> str:
    """Name of a run: the same clips and settings give the same name, so a second call resumes or finds it done."""
    digest = hashlib.sha256(json.dumps({**settings, "clips": fingerprint(clips)}, sort_keys=True).encode())
    return f"{engine}-{digest.hexdigest()[:10]}"


@dataclass
class TrainingRun:
    """A run that may begin, go on, or be finished.

    Attributes:
        engine: which engine trains.
        request: what it is asked to do.
        consent: id of the consent it rests on.
        log: where its curve also goes, or None; see `run_log`.
    """

    engine: Engine
    request: FineTuneRequest
    consent: str
    log: str | None = None

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.request.run_dir.name

    @property
    def finished(self) -> bool:
        """True when there is nothing left to do."""
        return (self.request.run_dir / FINISHED).is_file()

    @property
    def steps_done(self) -> int:
        """Optimiser steps noted by a run that was stopped, a few more than its checkpoint has; 0 for a new one."""
        begun = (self.request.run_dir / "last.pth").is_file()
        return max((row["step"] for row in read_curves(self.request.run_dir)), default=0) if begun else 0

    @property
    def is_short(self) -> bool:
        """True when a calibration would not be much shorter than the run, or nothing is trained at all."""
        return workload(self.engine, self.request).get(STEP, 0) <= SHORTEST_PREDICTED

    def saved_budget(self) -> dict[str, Any]:
        """Content of budget.json; empty without one."""
        path = self.request.run_dir / BUDGET
        return read_json(path) if path.is_file() else {}

    def budget(self) -> dict[str, Any]:
        """Calibrate and note the plan in the run folder; a run that has begun keeps what it has.

        Returns:
            content of budget.json: `calibration`, `plan`, `plans`; empty where nothing can be predicted.

        Raises:
            PipelineError: memory, disk or the limit in minutes does not suffice.
        """
        if self.finished or self.steps_done or self.saved_budget():
            saved = self.saved_budget()
            if saved and not self.finished:
                require_room(self.request, costs_from(saved))
            return saved
        if self.is_short:
            return {}
        costs = calibrate(self.engine, self.request)
        if costs is None:
            return {}
        require_room(self.request, costs)
        budget = as_dict(costs, plans(self.engine, self.request, costs))
        write_json_atomic(self.request.run_dir / BUDGET, budget)
        return budget

    def train(self) -> FineTuneResult:
        """Do what is left of the run, and make its result the voice's model.

        Raises:
            PipelineError: memory does not suffice, or the loss diverged.
        """
        folder, done = self.request.folder, self.request.run_dir / FINISHED
        if self.finished:
            result = _read_result(folder, done)
        else:
            self.request.run_dir.mkdir(parents=True, exist_ok=True)
            result = self._fine_tune()
            write_json_atomic(done, self._record(result))
        require_consent(folder)  # it may have been revoked during the training
        model = result.model_dir.relative_to(folder.root).as_posix()
        folder.update_info(engine=self.engine.name, model=model, run=self.name)
        self.request.on_progress(1.0, "the voice is ready")
        return result

    def _fine_tune(self) -> FineTuneResult:
        """Train, as budget.json plans it where there is one, and add to it what the run really took."""
        budget = self.saved_budget()
        if budget and self.request.max_steps is None:
            self.request.max_steps = budget["plan"]["steps"]
        started = time.perf_counter()
        memory = MemoryWatch(self.request.device)
        with follow(self.request, self.log), memory, memory_errors():
            result = self.engine.fine_tune(self.request)
        if budget:
            truth = comparison(
                costs_from(budget),
                self.request.meter,
                seconds=time.perf_counter() - started,
                memory_mb=memory.peak_mb,
                gpu_mb=memory.gpu_mb,
                disk_mb=folder_mb(self.request.run_dir)[0],
            )
            write_json_atomic(self.request.run_dir / BUDGET, {**budget, "truth": truth})
        return result

    def _record(self, result: FineTuneResult) -> dict[str, Any]:
        request = self.request
        return {
            "engine": self.engine.name,
            "consent": self.consent,
            "model": result.model_dir.relative_to(request.folder.root).as_posix(),
            "steps": result.steps,
            "seconds": round(result.seconds, 1),
            "device": request.device,
            "seed": request.seed,
            "options": request.options,
            "train_clips": [clip.clip_id for clip in request.train],
            "weights_sha256": weights_hash(result.model_dir),
            "metrics": result.metrics,
        }


def open_run(
    folder: VoiceFolder,
    *,
    engine: str = "starter",
    device: str = "cpu",
    seed: int = 0,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    options: dict[str, Any] | None = None,
    accept_licence: bool = False,
    offline: bool = False,
    log: str | None = None,
    on_progress: ProgressCallback = lambda share, sentence: None,
) -> TrainingRun:
    """The run that these clips and settings stand for.

    Args:
        folder: a voice whose recordings were preprocessed.
        engine: name of the engine.
        device: torch device name.
        seed: random seed.
        max_steps: optimiser steps; None lets the engine choose, or the budget where `max_seconds` is given.
        max_seconds: wall-clock limit of the optimisation.
        options: settings of the engine, see its `options`.
        accept_licence: True when the user accepted the licence of the engine's weights.
        offline: True to touch no network.
        log: "tensorboard" or "mlflow" to write the curve there, too.
        on_progress: progress callback.

    Raises:
        PipelineError: no consent, no clips, no weights, licence not accepted, unknown option, or no such logger.
    """
    require_consent(folder)
    check_available(log)
    train, validation = read_split(folder)
    consent = require_consent_to_train(folder, train + validation)
    chosen = get_engine(engine)
    _check_options(chosen, options or {})
    chosen.prepare(accept_licence=accept_licence, offline=offline)
    settings = {"seed": seed, "max_steps": max_steps, "max_seconds": max_seconds}
    name = run_id(engine, train + validation, settings | ({"options": options} if options else {}))
    request = FineTuneRequest(
        folder=folder,
        run_dir=folder.models / name,
        train=train,
        validation=validation,
        device=device,
        seed=seed,
        max_steps=max_steps,
        max_seconds=max_seconds,
        options=dict(options or {}),
        on_progress=on_progress,
    )
    return TrainingRun(chosen, request, consent["id"], log)


def fine_tune_voice(folder: VoiceFolder, **settings: Any) -> FineTuneResult:
    """Fine-tune an engine on the training clips of a voice and make the result the voice's model.

    A run that was stopped goes on; a run that is finished is not repeated. `settings` are those of `open_run`.

    Raises:
        PipelineError: see `open_run` and `TrainingRun.train`.
    """
    return open_run(folder, **settings).train()


def _check_options(engine: Engine, options: dict[str, Any]) -> None:
    known = getattr(engine, "options", {})
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise PipelineError(
            f"the engine {engine.name} has no setting {', '.join(unknown)}",
            hint=f"it knows {', '.join(known)}" if known else "leave it out",
        )


def load_voice(folder: VoiceFolder, *, device: str = "cpu") -> LoadedVoice:
    """Load the model that a voice speaks with.

    Raises:
        PipelineError: the voice was not fine-tuned yet, or has no consent.
    """
    info = folder.require().read_info()
    if not info.get("model"):
        raise PipelineError(
            f"the voice '{folder.name}' has no model yet", hint=f"python 04_fine_tune.py --voice {folder.name}"
        )
    require_consent_to_speak(folder)
    return get_engine(info["engine"]).load(folder.root / info["model"], device=device)


def read_run(folder: VoiceFolder) -> dict[str, Any]:
    """What is known of the run a voice speaks with; empty when it was not fine-tuned."""
    info = folder.read_info()
    path = folder.models / info["run"] / FINISHED if info.get("run") else None
    return read_json(path) if path and path.is_file() else {}


def weights_hash(model_dir: Path) -> str:
    """SHA-256 over all safetensors of a model, in name order."""
    digest = hashlib.sha256()
    for path in sorted(model_dir.glob("*.safetensors")):
        digest.update(sha256_file(path).encode())
    return digest.hexdigest()


def _read_result(folder: VoiceFolder, path: Path) -> FineTuneResult:
    row = read_json(path)
    return FineTuneResult(folder.root / row["model"], row["steps"], row["seconds"], row["metrics"])
