"""What every engine on top of Coqui TTS needs before it touches Coqui's code."""

from __future__ import annotations

import functools
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np


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

    from coursekit.files import atomic_path

    waveform, rate = soundfile.read(source, dtype="float32", always_2d=True)
    waveform = soxr.resample(waveform.mean(axis=1), rate, sample_rate)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        soundfile.write(temporary, np.clip(waveform, -1.0, 1.0), sample_rate, subtype="PCM_16", format="WAV")
    return target
