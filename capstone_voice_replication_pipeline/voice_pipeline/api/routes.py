"""OpenAI's routes for speech, the same for long texts, and what operators ask."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from voice_pipeline import __version__
from voice_pipeline.api.errors import ApiError, log_unexpected
from voice_pipeline.api.own_schemas import LongSpeechRequest
from voice_pipeline.api.schemas import (
    Health,
    Model,
    ModelList,
    SpeechRequest,
    Voice,
    VoiceList,
    error_responses,
    file_response,
)
from voice_pipeline.api.service import Audio, Usage, Wanted
from voice_pipeline.api.site import CLIENT_CLOSED_REQUEST, Site, SiteOf, watch
from voice_pipeline.api.telemetry import METRICS_TYPE
from voice_pipeline.api.work import Cancelled, Outflow

router = APIRouter()
_DELTA_BYTES = 24 * 1024
_SPEECH: dict[int | str, dict[str, Any]] = {
    **file_response("audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/pcm"),
    **error_responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503),
}
_SPEECH[200]["description"] = "The audio, or server-sent events with `stream_format` sse."
_SPEECH[200]["content"] |= {"text/event-stream": {"schema": {"type": "string"}}}


@router.post("/v1/audio/speech", tags=["speech"], summary="Say a text", response_class=Response, responses=_SPEECH)
async def create_speech(body: SpeechRequest, request: Request, site: SiteOf) -> Response:
    """Speak with one of the voices; the contract is that of OpenAI's POST /v1/audio/speech.

    mp3, opus, aac and pcm are sent while they are spoken: the first sentence is heard at once. wav and flac state their
    size and come whole.
    """
    return await _answer(body, request, site)


@router.post("/api/speech", tags=["speech"], summary="Say a long text", response_class=Response, responses=_SPEECH)
async def create_long_speech(body: LongSpeechRequest, request: Request, site: SiteOf) -> Response:
    """The same for a chapter or a short book; only what the client has not read yet is kept in memory.

    wav and flac are made whole in memory, so ask for another format, or for wav with `stream` true.
    """
    return await _answer(body, request, site)


async def _answer(body: SpeechRequest, request: Request, site: Site) -> Response:
    site.service.check_model(body.model)
    wanted = Wanted(
        body.voice_id, body.input, body.speed, body.response_format.value, body.verify, body.c2pa, body.stream
    )
    sse = body.stream_format == "sse"
    try:
        if wanted.streams:
            outflow = await site.service.stream(wanted, watch(request))
            kind = "text/event-stream" if sse else wanted.content_type
            parts = _told(outflow) if sse else outflow.parts()
            return _Flow(outflow, parts, media_type=kind, headers=outflow.head)
        audio = await site.service.speak(wanted, watch(request))
    except Cancelled:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    if sse:
        return StreamingResponse(_whole(audio), media_type="text/event-stream", headers=audio.headers)
    return Response(audio.data, media_type=wanted.content_type, headers=audio.headers)


class _Flow(StreamingResponse):
    """A streamed answer that frees its worker when it ends, however it ends."""

    def __init__(self, outflow: Outflow, parts: AsyncIterator[Any], **options: Any) -> None:
        super().__init__(parts, **options)
        self._outflow = outflow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._outflow.close()


async def _told(outflow: Outflow) -> AsyncIterator[str]:
    """The parts as events; what fails on the way is an event, too, since the status is sent already."""
    try:
        async for part in outflow.parts():
            for event in _deltas(part):
                yield event
        usage: Usage = outflow.tail
        yield _event({"type": "speech.audio.done", "usage": usage.as_dict()})
    except ApiError as error:
        yield _event({"type": "error", **error.body})
    except Cancelled:
        return
    except Exception as error:
        log_unexpected(error)
        failed = ApiError(500, "the voice failed on this text", code="synthesis_failed")
        yield _event({"type": "error", **failed.body})


async def _whole(audio: Audio) -> AsyncIterator[str]:
    for event in _deltas(audio.data):
        yield event
    yield _event({"type": "speech.audio.done", "usage": audio.usage.as_dict()})


def _deltas(data: bytes) -> list[str]:
    parts = [data[start : start + _DELTA_BYTES] for start in range(0, len(data), _DELTA_BYTES)]
    return [_event({"type": "speech.audio.delta", "audio": base64.b64encode(part).decode()}) for part in parts]


def _event(content: dict[str, object]) -> str:
    return f"data: {json.dumps(content)}\n\n"


@router.get("/v1/models", tags=["catalogue"], summary="Models a request may name", responses=error_responses(401))
def models(site: SiteOf) -> ModelList:
    """OpenAI's names, which any client knows, and the engines of the voices here."""
    return ModelList(data=[Model(id=name) for name in site.service.models()])


@router.get("/v1/models/{model}", tags=["catalogue"], summary="One model", responses=error_responses(401, 404, 422))
def model(model: str, site: SiteOf) -> Model:
    """The model, if a request may name it."""
    site.service.check_model(model)
    return Model(id=model)


@router.get("/v1/audio/voices", tags=["catalogue"], summary="Voices", responses=error_responses(401))
def voices(site: SiteOf) -> VoiceList:
    """Every voice of this service; `ready` tells which can speak."""
    described = site.service.store.describe()
    names = site.database.voice_names()
    for voice in described:
        if voice["id"] not in names:
            names[voice["id"]] = (voice["name"], site.database.remember_voice(voice["id"]))
        voice["name"], voice["created_at"] = names[voice["id"]]
    found = [Voice(**voice) for voice in described]
    return VoiceList(data=found, voices=found)


@router.get("/health", tags=["operation"], summary="Does the process answer")
async def health() -> Health:
    """Always 200 while the process lives; needs no key."""
    return Health(status="ok", version=__version__)


@router.get("/ready", tags=["operation"], summary="Can it speak", responses=error_responses(503))
def ready(site: SiteOf) -> Health:
    """200 when a request to speak would be taken; needs no key."""
    if site.stopping.is_set():
        raise ApiError(503, "the service is stopping", code="shutting_down")
    able = sum(voice["ready"] for voice in site.service.store.describe())
    if not able:
        raise ApiError(503, "no voice can speak yet: train one first", code="no_voice")
    return Health(status="ready", version=__version__, voices=able, warm=site.service.warm.is_set())


@router.get(
    "/metrics",
    tags=["operation"],
    summary="Measurements for Prometheus",
    response_class=Response,
    responses={**file_response("text/plain", text=True), **error_responses(401)},
)
def metrics(site: SiteOf) -> Response:
    """Requests, seconds until the first audio, seconds of speech, the queue, voices in memory, jobs, the process."""
    return Response(site.metrics.text(), media_type=METRICS_TYPE)
