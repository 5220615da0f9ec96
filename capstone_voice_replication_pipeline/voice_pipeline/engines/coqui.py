"""What every engine on top of Coqui TTS needs before it touches Coqui's code."""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.files import atomic_path, write_json_atomic
from voice_pipeline.engines.base import TrainingClip
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import read_json

logger = logging.getLogger(__name__)


@functools.cache
def setup_coqui() -> None:
    """Make Coqui's libraries quiet, and let them read audio without FFmpeg.

    Coqui's data loaders call `torchaudio.load`, which since torchaudio 2.9 is a front for torchcodec and needs FFmpeg's
    shared libraries from the system even for a WAV. soundfile brings its own decoder, so it takes that place.
    """
    import torchaudio

    torchaudio.load = read_audio
    trainer_logger = logging.getLogger("trainer")
    import trainer.logger  # noqa: F401  (adds a handler that prints every step)

    trainer_logger.handlers.clear()
    trainer_logger.propagate = True
    for name in ("trainer", "TTS"):
        logging.getLogger(name).setLevel(logging.ERROR)


def read_audio(path: str | os.PathLike[str], *_: Any, **__: Any) -> tuple[Any, int]:
    """Stand-in for `torchaudio.load` by soundfile.

    Args:
        path: a WAV, FLAC, OGG or MP3 file.

    Returns:
        waveform, float32 tensor `[channels, samples]`, -1..1, and its sample rate in Hz.
    """
    import soundfile
    import torch

    samples, rate = soundfile.read(os.fspath(path), dtype="float32", always_2d=True)
    return torch.from_numpy(np.ascontiguousarray(samples.T)), rate


def resampled_copy(source: Path, target: Path, sample_rate: int) -> Path:
    """Write `source` as 16-bit mono WAV at `sample_rate` to `target`, once.

    Args:
        source: a mono WAV.
        target: where the copy goes; one that is newer than the source is kept.
        sample_rate: Hz.
    """
    if target.is_file() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
        return target
    import soundfile
    import soxr

    waveform, rate = soundfile.read(source, dtype="float32", always_2d=True)
    waveform = soxr.resample(waveform.mean(axis=1), rate, sample_rate)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        soundfile.write(temporary, np.clip(waveform, -1.0, 1.0), sample_rate, subtype="PCM_16", format="WAV")
    return target


def check_run_settings(run_dir: Path, settings: dict[str, Any]) -> None:
    """Note what a run is made of; refuse to continue a run that is made of something else.

    Args:
        run_dir: the run folder.
        settings: plain values; all of them have to be the same when the run is continued.

    Raises:
        PipelineError: the folder holds a run with other settings.
    """
    path = run_dir / "run.json"
    if not path.is_file():
        write_json_atomic(path, settings)
        return
    before = read_json(path)
    changed = sorted(key for key in {*before, *settings} if before.get(key) != settings.get(key))
    if changed:
        raise PipelineError(
            f"{run_dir} holds a run with other {', '.join(changed)}; it cannot be continued with these",
            hint=f"delete {run_dir}, or start a new run, to train with the new settings",
        )


def coqui_samples(
    clips: Sequence[TrainingClip], cache: Path, sample_rate: int, *, speaker: str, language: str
) -> list[dict[str, str]]:
    """Clips as Coqui's data sets want them, with audio at the model's rate.

    Args:
        clips: 24 kHz clips.
        cache: folder for the copies at `sample_rate`.
        sample_rate: Hz.
        speaker: name in the model's speaker table; any word for a single-speaker model.
        language: language code, "en".
    """
    samples = []
    for clip in clips:
        audio = resampled_copy(clip.path, cache / f"{clip.clip_id}_{sample_rate}.wav", sample_rate)
        key = hashlib.sha256(f"{clip.clip_id}|{clip.text}".encode()).hexdigest()[:24]
        samples.append(
            {
                "audio_file": str(audio),
                "text": clip.text,
                "speaker_name": speaker,
                "language": language,
                "audio_unique_name": key,
                "root_path": str(cache),
            }
        )
    return samples


def keep_usable(
    clips: Sequence[TrainingClip], *, shortest: float, longest: float, why: str
) -> tuple[list[TrainingClip], list[dict[str, str]]]:
    """Part the clips an engine can learn from and those it cannot, each with its reason.

    Coqui's loaders put another clip in the place of one that they cannot use, without a word.

    Args:
        clips: what the ledger accepted.
        shortest: seconds.
        longest: seconds.
        why: where the limits come from, a clause for the message.

    Raises:
        PipelineError: fewer than half of the clips can be used.
    """
    usable, left_out = [], []
    for clip in clips:
        if not clip.text.strip():
            left_out.append({"clip": clip.clip_id, "reason": "it has no text"})
        elif not shortest <= clip.seconds <= longest:
            reason = f"{clip.seconds:.1f} s; {why} takes {shortest:.1f} to {longest:.1f} s"
            left_out.append({"clip": clip.clip_id, "reason": reason})
        else:
            usable.append(clip)
    require_half(clips, left_out)
    return usable, left_out


def require_half(clips: Sequence[TrainingClip], left_out: list[dict[str, str]]) -> None:
    """Say which clips are left out; refuse to go on with fewer than half of them.

    Raises:
        PipelineError: fewer than half of the clips can be used.
    """
    for row in left_out:
        logger.warning("clip %s is left out of training: %s", row["clip"], row["reason"])
    if 2 * len(left_out) > len(clips) or not clips:
        listed = "; ".join(f"{row['clip']}: {row['reason']}" for row in left_out[:5]) or "there are none"
        raise PipelineError(
            f"only {len(clips) - len(left_out)} of {len(clips)} clips can be used for training ({listed})",
            hint="record clips of 1 to 11 seconds, or choose another engine: --engine starter",
        )
