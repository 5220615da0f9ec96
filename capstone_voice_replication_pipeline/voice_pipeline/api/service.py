"""From a checked request to audio bytes: the one place where the service meets the pipeline."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np

from voice_pipeline import provenance, watermark
from voice_pipeline.api.errors import ApiError, log_unexpected
from voice_pipeline.api.voices import VoiceStore
from voice_pipeline.api.work import Cancelled, WorkQueue
from voice_pipeline.audio import CONTENT_TYPES, encode
from voice_pipeline.consent_record import ConsentError
from voice_pipeline.engines import engine_names
from voice_pipeline.errors import PipelineError
from voice_pipeline.synthesis import Piece, stream
from voice_pipeline.text import prepare
from voice_pipeline.verified import SpeechScore, VerifiedVoice

MODEL_ALIASES = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
"""OpenAI's names, so that clients with a fixed list work; here the voice decides which engine speaks."""

_SECONDS_PER_TOKEN = 0.05


@dataclass(frozen=True)
class Audio:
    """A finished answer.

    Attributes:
        data: the encoded file.
        content_type: its media type.
        seconds: how long it sounds.
        input_tokens: words of the input.
        output_tokens: pieces of 50 ms in the output.
        provenance: id under which the voice's ledger knows it.
        score: how well it was understood, when that was asked for.
    """

    data: bytes
    content_type: str
    seconds: float
    input_tokens: int
    output_tokens: int
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
        mark: add the watermark where its library is installed.
    """

    def __init__(self, store: VoiceStore, queue: WorkQueue, *, mark: bool = True) -> None:
        self.mark = mark
        self.store = store
        self.queue = queue

    def warm_up(self) -> None:
        """Load what the first request would wait for, apart from its voice."""
        prepare("One, two, three.")

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

    async def speak(
        self,
        voice_id: str,
        text: str,
        *,
        speed: float,
        audio_format: str,
        gone: Callable[[], Awaitable[None]],
        verify: bool = False,
    ) -> Audio:
        """Say a text in the queue's turn.

        Args:
            voice_id: which voice.
            text: what to say.
            speed: 0.25..4.0.
            audio_format: a key of `CONTENT_TYPES`.
            gone: returns when the client has left.
            verify: listen to each sentence and say unclear ones again.

        Raises:
            ApiError: unknown voice, nothing to say, full queue, or a failing model.
            Cancelled: the client has left.
        """
        self.store.find(voice_id)
        return await self.queue.run(lambda stop: self._audio(voice_id, text, speed, audio_format, verify, stop), gone)

    def _audio(
        self, voice_id: str, text: str, speed: float, audio_format: str, verify: bool, stop: threading.Event
    ) -> Audio:
        folder = self.store.find(voice_id)
        voice = self.store.open(voice_id)
        checked = VerifiedVoice(voice, stop) if verify else None
        try:
            pieces = stream(checked or voice, text, speed=speed)
        except PipelineError as error:
            raise ApiError(400, str(error), code="unspeakable_input", param="input") from error
        try:
            waveform = np.concatenate([_wanted(piece, stop) for piece in pieces])
            details = provenance.describe_speech(folder, speed=speed)
            marked = watermark.apply(waveform, voice.sample_rate) if self.mark else (waveform, None)
            waveform, details["watermark"] = marked
            data = encode(waveform, voice.sample_rate, audio_format, tags=provenance.tags(details))
            digest = hashlib.sha256(data).hexdigest()
            provenance.note(folder, details, waveform, voice.sample_rate, digest, text)
        except Cancelled:
            raise
        except ConsentError as error:
            raise ApiError(403, str(error), code=error.code, param="voice") from error
        except Exception as error:
            log_unexpected(error)
            raise ApiError(500, "the voice failed on this text", code="synthesis_failed") from None
        seconds = len(waveform) / voice.sample_rate
        return Audio(
            data=data,
            content_type=CONTENT_TYPES[audio_format],
            seconds=seconds,
            input_tokens=len(text.split()),
            output_tokens=round(seconds / _SECONDS_PER_TOKEN),
            provenance=details["id"],
            score=checked.result if checked else None,
        )


def _wanted(piece: Piece, stop: threading.Event) -> np.ndarray:
    if stop.is_set():
        raise Cancelled
    return piece.waveform
