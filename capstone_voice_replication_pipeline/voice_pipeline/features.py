"""What librosa hears in the clips: mel, MFCC, F0 and energy, cached by content, with statistics."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import soundfile

from coursekit.files import atomic_path, sha256_file, write_json_atomic
from voice_pipeline import acoustics
from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError
from voice_pipeline.ledger import ACCEPTED
from voice_pipeline.settings import AUDIO, AudioSettings
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

logger = logging.getLogger(__name__)

N_MFCC = 13
METHOD = 1  # raise it when the same clip gives other features
_DECIBELS_PER_NEPER = 20.0 / np.log(10.0)


@dataclass(frozen=True)
class Features:
    """Frames of one clip; T is the number of frames.

    Attributes:
        mel: float32 `[n_mels, T]`, natural log of mel magnitudes.
        mfcc: float32 `[N_MFCC, T]`, cepstrum of the mel in dB (`librosa.feature.mfcc`).
        f0: float32 `[T]`, Hz, 0 where unvoiced.
        energy: float32 `[T]`, RMS, 0..1.
    """

    mel: np.ndarray
    mfcc: np.ndarray
    f0: np.ndarray
    energy: np.ndarray


@dataclass(frozen=True)
class ClipFeatures:
    """Features of one accepted clip and where it lies."""

    clip_id: str
    clip: Path
    text: str
    features: Features
    from_cache: bool


def extract(waveform: np.ndarray, audio: AudioSettings = AUDIO) -> Features:
    """Compute all features of a clip, on one frame grid.

    Args:
        waveform: float32 `[samples]`, -1..1, at `audio.sample_rate`.
        audio: frame grid and mel scale.
    """
    mel = acoustics.log_mel(waveform, audio)
    mfcc = librosa.feature.mfcc(S=mel * _DECIBELS_PER_NEPER, n_mfcc=N_MFCC).astype(np.float32)
    return Features(mel, mfcc, acoustics.fundamental_frequency(waveform, audio), acoustics.energy(waveform, audio))


def extract_all(
    folder: VoiceFolder,
    audio: AudioSettings = AUDIO,
    *,
    workers: int | None = None,
    on_clip: Callable[[ClipFeatures], object] | None = None,
) -> list[ClipFeatures]:
    """Features of every accepted clip, from features/ where they are still valid.

    Args:
        folder: a preprocessed voice. The caller holds its lock.
        audio: frame grid and mel scale.
        workers: threads; default one per core, at most 8.
        on_clip: called with each clip in order.

    Raises:
        PipelineError: there are no clips, or one is gone.
    """
    rows = [row for row in read_jsonl(folder.ledger) if row["status"] == ACCEPTED]
    if not rows:
        raise PipelineError(
            f"the voice '{folder.name}' has no clips yet",
            hint=f"python 02_preprocess_recordings.py --voice {folder.name}",
        )
    folder.create()
    found = []
    with ThreadPoolExecutor(max_workers=workers or min(8, os.cpu_count() or 1)) as pool:
        for clip in pool.map(lambda row: _of_clip(folder, row, audio), rows):
            found.append(clip)
            if on_clip:
                on_clip(clip)
    _remove_stale(folder, {clip.clip_id for clip in found})
    return found


def _of_clip(folder: VoiceFolder, row: dict[str, Any], audio: AudioSettings) -> ClipFeatures:
    clip = folder.root / row["clip"]
    cache = folder.features / f"{row['id']}.npz"
    try:
        key = content_key(clip, audio)
        cached = load_features(cache, key)
        features = cached or extract(soundfile.read(clip, dtype="float32")[0], audio)
    except (OSError, soundfile.LibsndfileError) as error:
        raise PipelineError(
            f"{row['clip']} of the voice '{folder.name}' cannot be used: {error}",
            hint=f"python 02_preprocess_recordings.py --voice {folder.name}",
        ) from error
    if cached is None:
        with writing_to(folder.features):
            save_features(cache, features, key)
    return ClipFeatures(row["id"], clip, row["text"], features, cached is not None)


def content_key(clip: Path, audio: AudioSettings = AUDIO) -> str:
    """Name of a clip's content together with the settings that make its features."""
    settings = {"audio": audio.as_dict(), "mfcc": N_MFCC, "method": METHOD, "clip": sha256_file(clip)}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def save_features(path: Path, features: Features, key: str) -> None:
    """Write one clip's features atomically."""
    with atomic_path(path) as temporary:
        np.savez(
            temporary, mel=features.mel, mfcc=features.mfcc, f0=features.f0, energy=features.energy, key=np.array(key)
        )


def load_features(path: Path, key: str | None = None) -> Features | None:
    """Read one clip's features; None when the file is absent, damaged, or was made from something else.

    Args:
        path: the .npz file.
        key: from `content_key`; None takes the file as it is.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if key is not None and str(stored["key"]) != key:
                return None
            return Features(stored["mel"], stored["mfcc"], stored["f0"], stored["energy"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("%s is damaged (%s); it is computed again", path.name, error)
        return None


def _remove_stale(folder: VoiceFolder, kept: set[str]) -> None:
    """Delete caches of clips that are gone. Only files this module wrote: engines keep other things here."""
    for path in folder.features.glob("*.npz"):
        if path.stem in kept:
            continue
        try:
            with np.load(path, allow_pickle=False) as stored:
                ours = {"mel", "mfcc", "f0", "energy", "key"} <= set(stored.files)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            ours = False
        if ours:
            path.unlink(missing_ok=True)


def statistics(
    clips: list[ClipFeatures], ledger_rows: list[dict[str, Any]], audio: AudioSettings = AUDIO
) -> dict[str, Any]:
    """Figures that describe the voice.

    Args:
        clips: from `extract_all`.
        ledger_rows: from ledger.jsonl.
        audio: frame grid.

    Returns:
        plain values for JSON: clips, seconds, F0 median, 5th and 95th percentile in Hz, range in semitones, share of
        voiced frames, characters per second, loudness before normalisation in LUFS, SNR in dB.
    """
    f0 = np.concatenate([clip.features.f0 for clip in clips])
    voiced = f0[f0 > 0]
    accepted = [row["measurements"] for row in ledger_rows if row["status"] == ACCEPTED]
    low, middle, high = np.percentile(voiced, [5, 50, 95]) if len(voiced) else (0.0, 0.0, 0.0)
    return {
        "clips": len(clips),
        "seconds": round(sum(audio.seconds(clip.features.mel.shape[1]) for clip in clips), 2),
        "f0_median_hz": round(float(middle), 1),
        "f0_low_hz": round(float(low), 1),
        "f0_high_hz": round(float(high), 1),
        "f0_range_semitones": round(float(12 * np.log2(high / low)), 1) if low > 0 else 0.0,
        "voiced_share": round(len(voiced) / len(f0), 3),
        "characters_per_second": _median(accepted, "characters_per_second"),
        "source_loudness_lufs": _median(accepted, "loudness_lufs"),
        "snr_db": _median(accepted, "snr_db"),
    }


def write_statistics(folder: VoiceFolder, clips: list[ClipFeatures]) -> dict[str, Any]:
    """Compute `statistics` and write them to reports/features.json."""
    values = statistics(clips, read_jsonl(folder.ledger))
    write_json_atomic(folder.reports / "features.json", values)
    return values


def _median(measurements: list[dict[str, Any]], name: str) -> float | None:
    values = [measured[name] for measured in measurements if measured.get(name) is not None]
    return round(float(np.median(values)), 2) if values else None
