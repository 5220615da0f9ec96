"""Chunks of text to one waveform: spoken one after the other, joined without a click, saved with their history."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.files import write_bytes_atomic, write_json_atomic
from voice_pipeline import __version__
from voice_pipeline.audio import CONTENT_TYPES, encode
from voice_pipeline.engines.base import LoadedVoice, ProgressCallback
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO
from voice_pipeline.text import Chunk, Pauses, chunks_of, normalise

logger = logging.getLogger(__name__)

FADE_SECONDS = 0.01
"""Length of a cross-fade between two chunks, and of the fade at an edge to silence."""

MIN_SPEED = 0.25
MAX_SPEED = 4.0
MAX_TEXT_CHARACTERS = 2_000_000


@dataclass(frozen=True)
class SpokenChunk:
    """When a chunk is heard.

    Attributes:
        text: what was said, normalised.
        start_seconds: where it begins in the waveform.
        end_seconds: where its sound ends; the pause comes after.
    """

    text: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class Piece:
    """A part of the waveform as `stream` yields it.

    Attributes:
        waveform: float32 `[samples]`; the pieces laid end to end are the whole.
        chunk: the chunk whose sound ends in this piece.
        index: number of the chunk, from 0.
        total: number of chunks.
    """

    waveform: np.ndarray
    chunk: SpokenChunk
    index: int
    total: int


@dataclass(frozen=True)
class Speech:
    """What a voice said.

    Attributes:
        waveform: float32 `[samples]`, peaks at most `AUDIO.peak_limit`.
        sample_rate: Hz.
        chunks: the chunks with their times.
        text: the text as it was given.
        normalised_text: the text as it was spoken.
        speed: 1.0 is the voice's own.
        seed: random seed.
        settings: pauses and fade, for the record.
        compute_seconds: how long it took to make.
    """

    waveform: np.ndarray
    sample_rate: int
    chunks: tuple[SpokenChunk, ...]
    text: str
    normalised_text: str
    speed: float = 1.0
    seed: int = 0
    settings: Mapping[str, Any] | None = None
    compute_seconds: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.waveform) / self.sample_rate

    @property
    def real_time_factor(self) -> float:
        """Seconds of computing for one second of sound."""
        return self.compute_seconds / self.seconds if self.seconds else 0.0


def speak(
    voice: LoadedVoice,
    text: str,
    *,
    speed: float = 1.0,
    seed: int = 0,
    pauses: Pauses | None = None,
    on_progress: ProgressCallback | None = None,
) -> Speech:
    """Say a whole text.

    Args:
        voice: who speaks.
        text: any text; it is normalised here.
        speed: 0.25..4.0; 2.0 is twice as fast at the same pitch.
        seed: the same seed gives the same waveform.
        pauses: silences between chunks, at normal speed.
        on_progress: told the share done after each chunk.

    Raises:
        PipelineError: nothing to say, a setting out of range, or the voice gave unusable samples.
    """
    started = time.perf_counter()
    normalised = normalise(_checked(text, speed))
    chunks = chunks_of(normalised, pauses=pauses)
    pieces = []
    for piece in _join(voice, chunks, speed, seed):
        pieces.append(piece)
        if on_progress:
            on_progress((piece.index + 1) / piece.total, f"{piece.index + 1} of {piece.total} chunks spoken")
    waveform = np.concatenate([piece.waveform for piece in pieces])
    if not waveform.any():
        raise PipelineError("the voice gave no sound for this text", hint="try other words, or fine-tune it again")
    return Speech(
        waveform=waveform,
        sample_rate=voice.sample_rate,
        chunks=tuple(piece.chunk for piece in pieces),
        text=text,
        normalised_text=normalised.text,
        speed=speed,
        seed=seed,
        settings={"pauses": asdict(pauses or Pauses()), "fade_seconds": FADE_SECONDS},
        compute_seconds=time.perf_counter() - started,
    )


def stream(
    voice: LoadedVoice, text: str, *, speed: float = 1.0, seed: int = 0, pauses: Pauses | None = None
) -> Iterator[Piece]:
    """Say a text chunk by chunk: the first piece comes when the first chunk is spoken, the memory stays the same.

    The arguments and errors are those of `speak`, the samples too; errors in the arguments are raised at once.
    """
    return _join(voice, chunks_of(normalise(_checked(text, speed)), pauses=pauses), speed, seed)


def _checked(text: str, speed: float) -> str:
    if not MIN_SPEED <= speed <= MAX_SPEED:
        raise PipelineError(f"speed {speed} is out of range", hint=f"choose {MIN_SPEED} to {MAX_SPEED}: --speed 1.0")
    if len(text) > MAX_TEXT_CHARACTERS:
        raise PipelineError(
            f"the text has {len(text):,} characters, more than {MAX_TEXT_CHARACTERS:,}", hint="speak it in parts"
        )
    return text


def _join(voice: LoadedVoice, chunks: list[Chunk], speed: float, seed: int) -> Iterator[Piece]:
    """Speak the chunks; hold back the end of each until it is known what follows."""
    rate = voice.sample_rate
    fade = max(1, round(FADE_SECONDS * rate))
    tail: np.ndarray = np.zeros(0, np.float32)
    emitted = 0
    for index, chunk in enumerate(chunks):
        sound = _say(voice, chunk.text, speed, seed + index)
        edge = min(fade, len(sound) // 2)
        overlap = min(len(tail), edge)
        start = emitted + len(tail) - overlap
        ramp = np.linspace(0.0, 1.0, edge + 2, dtype=np.float32)[1:-1]
        sound[:edge] *= ramp
        sound[len(sound) - edge :] *= ramp[::-1]
        sound[:overlap] += tail[len(tail) - overlap :]
        sound = np.concatenate([tail[: len(tail) - overlap], sound])
        spoken = SpokenChunk(chunk.text, start / rate, (emitted + len(sound)) / rate)
        pause = round(chunk.pause_after_seconds / speed * rate)
        last = index == len(chunks) - 1
        kept = edge if not (pause or last) else 0
        tail = sound[len(sound) - kept :].copy()
        ready = np.concatenate([sound[: len(sound) - kept], np.zeros(pause, np.float32)])
        emitted += len(ready)
        yield Piece(ready, spoken, index, len(chunks))


def _say(voice: LoadedVoice, text: str, speed: float, seed: int) -> np.ndarray:
    sound = np.array(voice.synthesize(text, speed=speed, seed=seed), dtype=np.float32).reshape(-1)
    if not np.isfinite(sound).all():
        raise PipelineError("the voice gave samples that are no numbers", hint="fine-tune it again: 04_fine_tune.py")
    if not len(sound):
        logger.warning("the voice gave no sound for a chunk of %d characters", len(text))
    peak = float(np.abs(sound).max(initial=0.0))
    return sound * (AUDIO.peak_limit / peak) if peak > AUDIO.peak_limit else sound


def save(
    speech: Speech,
    path: str | Path,
    *,
    details: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    seal: Callable[[bytes, str], bytes] | None = None,
) -> Path:
    """Write a speech in the format of the path's suffix, with a sidecar `<file>.json` that says how it was made.

    Args:
        speech: what to write.
        path: file to write; `.wav`, `.flac`, `.mp3`, `.opus`, `.aac` or `.pcm`.
        details: more for the sidecar: voice, engine, hash of the weights.
        tags: for the file itself, see `audio.encode`.
        seal: called with the encoded file and its format; returns what is written (a manifest added).

    Returns:
        Path of the sidecar.

    Raises:
        PipelineError: unknown suffix, or the place cannot be written.
    """
    path = Path(path)
    format_name = check_format(path.suffix.lstrip("."))
    sidecar = path.with_name(path.name + ".json")
    record = {
        **(details or {}),
        "file": path.name,
        "text": speech.text,
        "normalised_text": speech.normalised_text,
        "seconds": round(speech.seconds, 3),
        "sample_rate": speech.sample_rate,
        "speed": speech.speed,
        "seed": speech.seed,
        "settings": speech.settings,
        "real_time_factor": round(speech.real_time_factor, 4),
        "chunks": [asdict(chunk) for chunk in speech.chunks],
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "software": f"voice_pipeline {__version__}",
    }
    data = encode(speech.waveform, speech.sample_rate, format_name, tags=tags)
    if seal:
        data = seal(data, format_name)
    try:
        write_bytes_atomic(path, data)
        write_json_atomic(sidecar, {**record, "sha256": hashlib.sha256(data).hexdigest()})
    except OSError as error:
        raise PipelineError(
            f"cannot write {path}: {error.strerror or error}", hint="choose a place you can write: --out FILE"
        ) from error
    return sidecar


def check_format(name: str) -> str:
    """Return the audio format's name in lower case.

    Raises:
        PipelineError: it is none that can be written.
    """
    if name.lower() not in CONTENT_TYPES:
        raise PipelineError(
            f"'{name}' is no audio format this can write", hint=f"choose one of: {', '.join(CONTENT_TYPES)}"
        )
    return name.lower()
