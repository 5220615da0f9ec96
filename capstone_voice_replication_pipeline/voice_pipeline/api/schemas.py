"""What goes in and out, as OpenAI's specification of 2026-08 has it."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_INPUT_CHARACTERS = 4096


class AudioFormat(str, Enum):
    """Formats of the answer."""

    mp3 = "mp3"
    opus = "opus"
    aac = "aac"
    flac = "flac"
    wav = "wav"
    pcm = "pcm"


class VoiceReference(BaseModel):
    """A custom voice by its id."""

    model_config = ConfigDict(extra="forbid")
    id: str = Field(min_length=1, max_length=64)


class SpeechRequest(BaseModel):
    """Body of POST /v1/audio/speech."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"model": "tts-1", "input": "Hello, this is my own voice.", "voice": "my-voice"}]
        },
    )
    model: str = Field(min_length=1, max_length=128, description="An id that GET /v1/models lists.")
    input: str = Field(min_length=1, max_length=MAX_INPUT_CHARACTERS, description="What to say.")
    voice: Annotated[str, Field(min_length=1, max_length=64)] | VoiceReference = Field(
        description='A voice\'s id, bare or as {"id": "..."}.'
    )
    instructions: str | None = Field(
        default=None, max_length=4096, description="Accepted and without effect, as with tts-1."
    )
    response_format: AudioFormat = AudioFormat.mp3
    speed: float = Field(default=1.0, ge=0.25, le=4.0, allow_inf_nan=False)
    stream_format: Literal["audio", "sse"] = "audio"
    verify: bool = Field(
        default=False,
        description="Not in OpenAI's contract: listen to each sentence and say unclear ones again, up to three times.",
    )

    @property
    def voice_id(self) -> str:
        """The voice, however it was named."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


class Model(BaseModel):
    """One entry of GET /v1/models."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "voice-pipeline"


class ModelList(BaseModel):
    """Answer of GET /v1/models."""

    object: Literal["list"] = "list"
    data: list[Model]


class Voice(BaseModel):
    """One entry of GET /v1/audio/voices."""

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    engine: str | None = None
    language: str = "en"
    ready: bool = Field(description="Whether it was trained and can speak.")


class VoiceList(BaseModel):
    """Answer of GET /v1/audio/voices; `voices` repeats `data` for clients that look there."""

    object: Literal["list"] = "list"
    data: list[Voice]
    voices: list[Voice]


class Health(BaseModel):
    """Answer of GET /health and GET /ready."""

    status: Literal["ok", "ready"]
    version: str
    voices: int | None = None


class ErrorBody(BaseModel):
    """Inside of every error."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorEnvelope(BaseModel):
    """Every error of the service."""

    error: ErrorBody


def error_responses(*statuses: int) -> dict[int | str, dict[str, object]]:
    """For a route's `responses`: these statuses answer with the envelope."""
    return {status: {"model": ErrorEnvelope} for status in statuses}
