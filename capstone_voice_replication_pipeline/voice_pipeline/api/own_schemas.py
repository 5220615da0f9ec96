"""What goes in and out of the routes that OpenAI's contract lacks."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from voice_pipeline.api.jobs import Kind, Status
from voice_pipeline.api.schemas import MAX_INPUT_CHARACTERS, SpeechRequest
from voice_pipeline.engines import engine_names

MAX_LONG_INPUT_CHARACTERS = 200_000


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": [values]})


class LongSpeechRequest(SpeechRequest):
    """Body of POST /api/speech: as OpenAI's, for a text as long as a chapter or a short book."""

    model_config = _example(model="starter", input="It was a dark night. ...", voice="my-voice", response_format="mp3")
    input: str = Field(
        min_length=1,
        max_length=MAX_LONG_INPUT_CHARACTERS,
        description=f"What to say; OpenAI's route takes {MAX_INPUT_CHARACTERS} characters.",
    )


class NewVoice(BaseModel):
    """Body of POST /api/voices."""

    model_config = _example(name="My voice")
    name: str = Field(min_length=1, max_length=64, pattern=r"[A-Za-z0-9]", description="Its id is made from it.")
    language: str = Field(default="en", pattern=r"^[a-z]{2}$", description="Language of the prompts.")


class ConsentView(BaseModel):
    """What allows a voice to be used."""

    id: str
    kind: Literal["consent", "licence"] = Field(description="A speaker's statement, or the licence of public data.")
    created: str
    revoked: bool
    matched: bool = Field(description="Whether the speaker was compared with the clips; needed before it may speak.")
    summary: str


class VoiceView(BaseModel):
    """A voice and how far it is."""

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    name: str
    created_at: int
    language: str
    engine: str | None
    ready: bool = Field(description="Whether it can speak.")
    prompts: int = Field(description="Sentences to read.")
    recordings: int = Field(description="Recordings so far.")
    accepted: int = Field(description="Recordings the ledger accepted, when it was last made.")
    rejected: int
    consent: ConsentView | None
    has_proof_card: bool
    job: str | None = Field(description="A job that waits or runs for it.")


class VoiceViews(BaseModel):
    """Answer of GET /api/voices."""

    object: Literal["list"] = "list"
    data: list[VoiceView]


class Check(BaseModel):
    """How a take was judged."""

    ok: bool
    rules: list[str] = Field(description="Names of the rules it breaks.")
    heard: str | None = Field(description="What the recogniser understood; null when it was not asked.")
    match: float | None = Field(description="Share of the sentence's sounds that were understood, 0 to 1.")


class PromptView(BaseModel):
    """A sentence to read."""

    id: str
    text: str
    expected_seconds: float
    recorded: bool
    check: Check | None = Field(description="Of its take, where one was recorded here.")


class PromptViews(BaseModel):
    """Answer of GET /api/voices/{voice_id}/prompts."""

    object: Literal["list"] = "list"
    data: list[PromptView]


class TakeView(Check):
    """What became of an uploaded take."""

    prompt_id: str
    kept: bool
    sentence: str = Field(description="The reason in plain words; for a good take, its figures.")
    seconds: float
    left: int = Field(description="Sentences without a take.")


class Statement(BaseModel):
    """What the speaker reads as consent."""

    voice: str
    date: str
    code_words: list[str]
    text: str


class Licence(BaseModel):
    """Body of POST /api/voices/{voice_id}/licence: public data instead of a speaker who could be asked."""

    model_config = _example(licence="CC0 1.0", source="name of a public data set")
    licence: str = Field(min_length=1, max_length=200)
    source: str = Field(min_length=1, max_length=500)


class LedgerView(BaseModel):
    """Every recording: accepted, or rejected with rule, value, limit and repair."""

    accepted: int
    rejected: int
    record_again: list[str] = Field(description="Ids of recordings whose sentence is in no accepted clip.")
    rows: list[dict[str, Any]]


class JobRequest(BaseModel):
    """Body of POST /api/voices/{voice_id}/jobs. `train` prepares first; what is done already is not done again."""

    model_config = _example(kind="train", minutes=5)
    kind: Kind
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    allow_few: bool = Field(default=False, description="prepare, train: accept fewer clips than a voice needs.")
    engine: Annotated[str, Field(pattern=f"^({'|'.join(engine_names())})$")] = Field(
        default="starter", description="train: what to fine-tune."
    )
    steps: int | None = Field(default=None, ge=1, le=1_000_000, description="train: optimiser steps.")
    minutes: float | None = Field(default=None, gt=0, le=10_000, description="train: stop after so many minutes.")
    learning_rate: float | None = Field(default=None, gt=0, lt=1, description="train: of the optimiser.")
    budget: bool = Field(default=True, description="train: predict time, memory and disk first (half a minute).")
    accept_licence: bool = Field(default=False, description="train: I have read and accept the weights' licence.")


class JobError(BaseModel):
    """Why a job failed."""

    message: str
    code: str


class JobView(BaseModel):
    """A job."""

    id: str
    object: Literal["job"] = "job"
    kind: Kind
    voice: str
    status: Status
    share: float = Field(description="How much is done, 0 to 1.")
    sentence: str = Field(description="What it is doing.")
    options: dict[str, Any]
    result: dict[str, Any] | None
    error: JobError | None
    created_at: float = Field(description="Seconds since 1970, as the others.")
    started_at: float | None
    finished_at: float | None


class JobViews(BaseModel):
    """Answer of GET /api/jobs, the newest first."""

    object: Literal["list"] = "list"
    data: list[JobView]


class Sample(BaseModel):
    """A held-out sentence and who has read it for the proof card."""

    clip: str
    text: str
    systems: list[str] = Field(description='"real" is the recording; "clone" the voice.')


class Samples(BaseModel):
    """Answer of GET /api/voices/{voice_id}/samples."""

    object: Literal["list"] = "list"
    data: list[Sample]


class FindingView(BaseModel):
    """What a sound file is."""

    known: Literal["exact", "tag", "sound"] | None = Field(
        description="The very file; known by the id in its tags; a copy known by its sound; or not known."
    )
    record: dict[str, Any] | None = Field(description="Line of the provenance ledger.")
    matches: int
    share: float
    shift_seconds: float | None
    tag: str | None
    watermark: bool | None = Field(description="null where it cannot be looked for.")
    c2pa: dict[str, Any] | None = Field(description="The signed manifest in it.")


class BlindOutcome(BaseModel):
    """What the answers to a blind test prove."""

    first: str
    second: str
    picked_first: int
    answers: int
    p_value: float
    interval: tuple[float, float]
    words: str
