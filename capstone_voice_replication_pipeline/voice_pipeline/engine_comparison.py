"""Voices that other engines made of the same clips, so that the proof card can set them side by side."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from voice_pipeline.engines import get_engine
from voice_pipeline.engines.base import LoadedVoice, TrainingClip
from voice_pipeline.training import FINISHED
from voice_pipeline.voice_folder import VoiceFolder, read_json

logger = logging.getLogger(__name__)

ROW = "engine_"
"""Begins the name of such a voice on the card: `engine_pocket`."""


def other_engines(
    folder: VoiceFolder, train: Sequence[TrainingClip], held_out: Sequence[TrainingClip], *, device: str = "cpu"
) -> dict[str, Callable[[], LoadedVoice]]:
    """The newest finished run of every engine but the one the voice speaks with.

    A run that learned from a clip that is held out now, or that is gone, would not be a fair comparison: it is left out
    with a warning.

    Args:
        folder: a voice that was fine-tuned.
        train: clips to learn from, as they are split now.
        held_out: clips to be measured on.
        device: torch device name.

    Returns:
        `ROW` and the engine's name -> what loads it.
    """
    in_use = folder.read_info().get("engine")
    clips, secret = {clip.clip_id for clip in train}, {clip.clip_id for clip in held_out}
    voices: dict[str, Callable[[], LoadedVoice]] = {}
    for path in _newest_first(folder):
        run = read_json(path)
        engine = run.get("engine")
        if not engine or engine == in_use or ROW + engine in voices:
            continue
        learned = set(run.get("train_clips", ()))
        if learned & secret or learned - clips:
            logger.warning("%s is not compared: it learned from other clips; fine-tune it again", path.parent.name)
            continue
        voices[ROW + engine] = functools.partial(_load, engine, folder.root / run["model"], device)
    return voices


def _newest_first(folder: VoiceFolder) -> list[Path]:
    found = folder.models.glob(f"*/{FINISHED}")
    return sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.parent.name), reverse=True)


def _load(engine: str, model_dir: Path, device: str) -> Any:
    return get_engine(engine).load(model_dir, device=device)
