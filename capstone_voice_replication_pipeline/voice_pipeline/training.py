"""Fine-tuning a voice folder, whichever engine does it; and loading the result."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import soundfile

from coursekit.files import sha256_file, write_json_atomic
from voice_pipeline.consent import require_consent, require_consent_to_speak, require_consent_to_train
from voice_pipeline.engines import get_engine
from voice_pipeline.engines.base import (
    FineTuneRequest,
    FineTuneResult,
    LoadedVoice,
    ProgressCallback,
    TrainingClip,
    fingerprint,
)
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder, read_json

FINISHED = "finished.json"
"""Written last into a run folder; a run without it goes on where it was stopped."""


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


def fine_tune_voice(
    folder: VoiceFolder,
    *,
    engine: str = "starter",
    device: str = "cpu",
    seed: int = 0,
    max_steps: int | None = None,
    max_seconds: float | None = None,
    accept_licence: bool = False,
    offline: bool = False,
    on_progress: ProgressCallback = lambda share, sentence: None,
) -> FineTuneResult:
    """Fine-tune `engine` on the training clips of a voice and make the result the voice's model.

    A run that was stopped goes on; a run that is finished is not repeated.

    Args:
        folder: a voice whose recordings were preprocessed.
        engine: name of the engine.
        device: torch device name.
        seed: random seed.
        max_steps: optimiser steps; None lets the engine choose.
        max_seconds: wall-clock limit of the optimisation.
        accept_licence: True when the user accepted the licence of the engine's weights.
        offline: True to touch no network.
        on_progress: progress callback.

    Raises:
        PipelineError: no consent, no clips, no weights, licence not accepted, or the loss diverged.
    """
    require_consent(folder)
    train, validation = read_split(folder)
    consent = require_consent_to_train(folder, train + validation)
    chosen = get_engine(engine)
    chosen.prepare(accept_licence=accept_licence, offline=offline)
    name = run_id(engine, train + validation, {"seed": seed, "max_steps": max_steps, "max_seconds": max_seconds})
    run_dir = folder.models / name
    done = run_dir / FINISHED
    if done.is_file():
        result = _read_result(folder, done)
    else:
        run_dir.mkdir(parents=True, exist_ok=True)
        request = FineTuneRequest(
            folder=folder,
            run_dir=run_dir,
            train=train,
            validation=validation,
            device=device,
            seed=seed,
            max_steps=max_steps,
            max_seconds=max_seconds,
            on_progress=on_progress,
        )
        result = chosen.fine_tune(request)
        write_json_atomic(
            done,
            {
                "engine": engine,
                "consent": consent["id"],
                "model": result.model_dir.relative_to(folder.root).as_posix(),
                "steps": result.steps,
                "seconds": round(result.seconds, 1),
                "device": device,
                "seed": seed,
                "train_clips": [clip.clip_id for clip in train],
                "weights_sha256": weights_hash(result.model_dir),
                "metrics": result.metrics,
            },
        )
    require_consent(folder)  # it may have been revoked during the training
    folder.update_info(engine=engine, model=result.model_dir.relative_to(folder.root).as_posix(), run=name)
    on_progress(1.0, "the voice is ready")
    return result


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
