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
    stream: bool | None = Field(
        default=None,
        description="Not in OpenAI's contract: send the audio while it is spoken. By default mp3, opus, aac and pcm "
        "are, and wav is not, since its first bytes state its size. flac is always sent whole.",
    )
    c2pa: bool = Field(
        default=False,
        description="Not in OpenAI's contract: put a signed C2PA manifest into the file (wav, flac, mp3), sent whole.",
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
    created_at: int = 0
    engine: str | None = None
    language: str = "en"
    ready: bool = Field(description="Whether it was trained and can speak.")


class VoiceList(BaseModel):
    """Answer of GET /v1/audio/voices; `voices` repeats `data` for clients that look there."""

    object: Literal["list"] = "list"
    data: list[Voice]
    voices: list[Voice]


class NewlyMadeVoice(BaseModel):
    """Answer of POST /v1/audio/voices."""

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    created_at: int


class Consent(BaseModel):
    """A speaker's recorded consent."""

    id: str
    object: Literal["audio.voice_consent"] = "audio.voice_consent"
    name: str
    language: str
    created_at: int


class ConsentList(BaseModel):
    """Answer of GET /v1/audio/voice_consents."""

    object: Literal["list"] = "list"
    data: list[Consent]
    first_id: str | None
    last_id: str | None
    has_more: bool


class ConsentRename(BaseModel):
    """Body of POST /v1/audio/voice_consents/{consent_id}."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Ada, second statement"}]})
    name: str = Field(min_length=1, max_length=200)


class ConsentDeleted(BaseModel):
    """Answer of DELETE /v1/audio/voice_consents/{consent_id}: the consent is revoked."""

    id: str
    object: Literal["audio.voice_consent"] = "audio.voice_consent"
    deleted: bool = True


class Health(BaseModel):
    """Answer of GET /health and GET /ready."""

    status: Literal["ok", "ready"]
    version: str
    voices: int | None = None
    warm: bool | None = Field(default=None, description="Whether the voices are loaded that memory keeps.")


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
    """For a route's `responses`: these statuses answer with the envelope, and those that every route with a key has."""
    everywhere = (403, 429, 500) if 401 in statuses else ()
    return {status: {"model": ErrorEnvelope} for status in sorted({*statuses, *everywhere})}


def file_response(*kinds: str, text: bool = False) -> dict[int | str, dict[str, object]]:
    """For a route's `responses`: status 200 answers with a file of one of these media types."""
    schema = {"type": "string"} if text else {"type": "string", "format": "binary"}
    return {200: {"description": "The file.", "content": {kind: {"schema": schema} for kind in kinds}}}
