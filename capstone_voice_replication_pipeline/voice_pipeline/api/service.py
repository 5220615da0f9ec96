"""From a checked request to audio bytes: the one place where the service meets the pipeline."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from voice_pipeline import content_credentials, provenance, watermark
from voice_pipeline.api import errors
from voice_pipeline.api.encoding import STREAMED, StreamEncoder
from voice_pipeline.api.errors import ApiError, log_unexpected
from voice_pipeline.api.telemetry import Metrics
from voice_pipeline.api.voices import SharedVoice, VoiceStore
from voice_pipeline.api.work import Cancelled, Outflow, WorkQueue
from voice_pipeline.audio import CONTENT_TYPES, encode
from voice_pipeline.consent_record import ConsentError
from voice_pipeline.engines import engine_names
from voice_pipeline.errors import PipelineError
from voice_pipeline.fingerprint import Landmarks
from voice_pipeline.synthesis import Piece, stream
from voice_pipeline.text import prepare
from voice_pipeline.verified import SpeechScore, VerifiedVoice
from voice_pipeline.voice_folder import VoiceFolder, list_voices

logger = logging.getLogger(__name__)

MODEL_ALIASES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""OpenAI's names, so that clients with a fixed list work; here the voice decides which engine speaks."""

_SECONDS_PER_TOKEN = 0.05
_WARM_UP_TEXT = "One, 2, 3 and the 4th."  # digits load what puts them into words


@dataclass(frozen=True)
class Wanted:
    """A request to speak.

    Attributes:
        voice_id: which voice.
        text: what to say.
        speed: 0.25..4.0.
        audio_format: a key of `CONTENT_TYPES`.
        verify: listen to each sentence and say unclear ones again.
        c2pa: put a signed manifest into the file.
        stream: send while it is spoken; None for "where the format allows it, save WAV, which states its size".
    """

    voice_id: str
    text: str
    speed: float = 1.0
    audio_format: str = "mp3"
    verify: bool = False
    c2pa: bool = False
    stream: bool | None = None

    @property
    def streams(self) -> bool:
        """Whether the answer begins before the last sentence is spoken."""
        possible = self.audio_format in STREAMED and not self.verify and not self.c2pa
        return possible and (self.audio_format != "wav" if self.stream is None else self.stream)

    @property
    def content_type(self) -> str:
        """Media type of the audio."""
        return CONTENT_TYPES[self.audio_format]


@dataclass(frozen=True)
class Usage:
    """How much was asked for and given: words of the input, pieces of 50 ms in the output."""

    input_tokens: int
    output_tokens: int

    @classmethod
    def of(cls, text: str, seconds: float) -> Usage:
        """Count."""
        return cls(len(text.split()), round(seconds / _SECONDS_PER_TOKEN))

    def as_dict(self) -> dict[str, int]:
        """As OpenAI's event has it."""
        total = self.input_tokens + self.output_tokens
        return {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens, "total_tokens": total}


@dataclass(frozen=True)
class Audio:
    """A finished answer.

    Attributes:
        data: the encoded file.
        usage: for the events.
        provenance: id under which the voice's ledger knows it.
        score: how well it was understood, when that was asked for.
    """

    data: bytes
    usage: Usage
    provenance: str
    score: SpeechScore | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What the answer's headers say of it."""
        told = {"X-Provenance-Id": self.provenance}
        if self.score:
            told |= {
                "X-Speech-Score": f"{self.score.score:.3f}",
                "X-Speech-Weakest": f"{self.score.weakest:.3f}",
                "X-Speech-Respoken": str(self.score.respoken),
            }
        return told


class SpeechService:
    """Speaks with the voices of a store, through a queue.

    Args:
        store: the voices.
        queue: where requests wait.
        metrics: told how long it took.
        mark: add the watermark where its library is installed.
        threads: processor threads of one synthesis; 0 shares the cores among the workers.
        stream_bytes: audio that may wait for a slow client.
    """

    def __init__(
        self,
        store: VoiceStore,
        queue: WorkQueue,
        metrics: Metrics,
        *,
        mark: bool = True,
        threads: int = 0,
        stream_bytes: int = 2**24,
    ) -> None:
        self.mark = mark
        self.store = store
        self.queue = queue
        self.metrics = metrics
        self.stream_bytes = stream_bytes
        self.threads = threads or max(1, (os.cpu_count() or 1) // queue.workers)
        self.warm = threading.Event()
        self._text_ready = False
        self._text_lock = threading.Lock()

    def warm_up(self, *, voices: bool) -> None:
        """Load what the first requests would wait for: the sentence splitter, and as many voices as memory keeps.

        Args:
            voices: the voices too, those changed last first.
        """
        self._load_text()
        found = sorted(list_voices(self.store.home), key=lambda folder: folder.info.stat().st_mtime, reverse=True)
        for folder in found if voices else ():
            if self.store.loaded >= self.store.capacity or self.queue.closed:
                break
            try:
                voice = self.store.open(folder.name)
                voice.load_all()
                _limit_threads(self.threads)
                for piece in stream(voice, _WARM_UP_TEXT):
                    StreamEncoder(voice.sample_rate, "mp3").add(piece.waveform)
            except ApiError as error:
                logger.info("the voice '%s' is not warmed up: %s", folder.name, error.code)
            except Exception as error:
                log_unexpected(error)
        self.warm.set()

    def _load_text(self) -> None:
        """Load the sentence splitter, once: two threads that import spaCy side by side find it half made."""
        with self._text_lock:
            if not self._text_ready:
                prepare(_WARM_UP_TEXT)
                self._text_ready = True

    def models(self) -> list[str]:
        """Names that a request's `model` may have: OpenAI's and those of the engines."""
        return [*MODEL_ALIASES, *engine_names()]

    def check_model(self, name: str) -> None:
        """Accept a listed model or a dated variant of one ("gpt-4o-mini-tts-2025-12-15").

        Raises:
            ApiError: 404 for another name.
        """
        known = self.models()
        if name not in known and not name.startswith(tuple(f"{alias}-20" for alias in MODEL_ALIASES)):
            raise ApiError(
                404,
                f"there is no such model; use one of: {', '.join(known)}",
                code="model_not_found",
                param="model",
            )

    async def speak(self, wanted: Wanted, gone: Callable[[], Awaitable[None]]) -> Audio:
        """Say a text in the queue's turn.

        Args:
            wanted: voice, text and how.
            gone: returns when the client has left.

        Raises:
            ApiError: unknown voice, nothing to say, full queue, or a failing model.
            Cancelled: the client has left.
        """
        self._check(wanted)
        started = time.perf_counter()
        audio = await self.queue.run(lambda stop: self._audio(wanted, stop), gone)
        self.metrics.first_audio.observe(time.perf_counter() - started)
        return audio

    async def stream(self, wanted: Wanted, gone: Callable[[], Awaitable[None]]) -> Outflow:
        """Say a text in the queue's turn, and return when its first audio is there.

        The arguments and errors are those of `speak`. The outflow's `head` has the answer's headers, its `tail` the
        `Usage`.
        """
        self._check(wanted)
        started = time.perf_counter()
        outflow = await self.queue.stream(lambda outflow: self._parts(wanted, outflow), gone, self.stream_bytes)
        self.metrics.first_audio.observe(time.perf_counter() - started)
        return outflow

    def _check(self, wanted: Wanted) -> None:
        if wanted.c2pa:
            try:
                content_credentials.check_possible(wanted.audio_format)
            except PipelineError as error:
                raise ApiError(400, str(error), code="c2pa_not_possible", param="c2pa") from error
        self.store.find(wanted.voice_id)

    def _begin(self, wanted: Wanted, stop: threading.Event) -> tuple[VoiceFolder, SharedVoice, VerifiedVoice | None]:
        self._load_text()
        voice = self.store.open(wanted.voice_id)  # asks for the consent once more: the request may have waited
        folder = VoiceFolder(self.store.home, wanted.voice_id)
        _limit_threads(self.threads)
        return folder, voice, VerifiedVoice(voice, stop) if wanted.verify else None

    def _audio(self, wanted: Wanted, stop: threading.Event) -> Audio:
        folder, voice, checked = self._begin(wanted, stop)
        pieces = _pieces(checked or voice, wanted)
        with _explained():
            waveform = np.concatenate([_still_wanted(piece, stop) for piece in pieces])
            details = provenance.describe_speech(folder, speed=wanted.speed)
            marked = watermark.apply(waveform, voice.sample_rate) if self.mark else (waveform, None)
            waveform, details["watermark"] = marked
            data = encode(waveform, voice.sample_rate, wanted.audio_format, tags=provenance.tags(details))
            if wanted.c2pa:
                details["c2pa"] = True
                data = content_credentials.sign(data, wanted.audio_format, details, folder.home)
            digest = hashlib.sha256(data).hexdigest()
            provenance.note(folder, details, waveform, voice.sample_rate, digest, wanted.text)
        seconds = len(waveform) / voice.sample_rate
        self.metrics.speech.inc(seconds)
        return Audio(data, Usage.of(wanted.text, seconds), details["id"], score=checked.result if checked else None)

    def _parts(self, wanted: Wanted, outflow: Outflow) -> None:
        """Speak, and hand over each piece as it is encoded; what was sent is noted, also when the client leaves."""
        folder, voice, _ = self._begin(wanted, outflow.stop)
        pieces = _pieces(voice, wanted)
        with _explained():
            details = provenance.describe_speech(folder, speed=wanted.speed)
            outflow.head["X-Provenance-Id"] = details["id"]
            encoder = StreamEncoder(voice.sample_rate, wanted.audio_format, provenance.tags(details))
            sent, digest = Landmarks(voice.sample_rate), hashlib.sha256()
            try:
                for piece in pieces:
                    sound = _still_wanted(piece, outflow.stop)
                    if self.mark:
                        sound, details["watermark"] = watermark.apply(sound, voice.sample_rate)
                    data = encoder.add(sound)
                    outflow.put(data)
                    digest.update(data)
                    sent.add(sound)
                data = encoder.end()
                outflow.put(data)
                digest.update(data)
            except Cancelled:
                details["complete"] = False
                raise
            finally:
                if sent.seconds:
                    provenance.note_landmarks(folder, details, sent, digest.hexdigest(), wanted.text)
                    self.metrics.speech.inc(sent.seconds)
            outflow.tail = Usage.of(wanted.text, sent.seconds)


def _pieces(voice: SharedVoice | VerifiedVoice, wanted: Wanted) -> Iterator[Piece]:
    try:
        return stream(voice, wanted.text, speed=wanted.speed)
    except PipelineError as error:
        raise ApiError(400, str(error), code="unspeakable_input", param="input") from error


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what fails while a text is spoken into what the client may know."""
    try:
        yield
    except (Cancelled, ApiError):
        raise
    except ConsentError as error:
        raise ApiError(403, str(error), code=error.code, param="voice") from error
    except PipelineError as error:
        if isinstance(error.__cause__, OSError):
            raise errors.of_pipeline(error) from error
        log_unexpected(error)
        raise ApiError(500, "the voice failed on this text", code="synthesis_failed") from None
    except Exception as error:
        log_unexpected(error)
        raise ApiError(500, "the voice failed on this text", code="synthesis_failed") from None


def _still_wanted(piece: Piece, stop: threading.Event) -> np.ndarray:
    if stop.is_set():
        raise Cancelled
    return piece.waveform


def _limit_threads(threads: int) -> None:
    """Keep PyTorch, if it is in use, from taking all cores for one request; it counts by calling thread."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
