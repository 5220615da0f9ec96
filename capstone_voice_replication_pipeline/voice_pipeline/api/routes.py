"""The routes: they check, call the service, and shape the answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from voice_pipeline import __version__
from voice_pipeline.api.errors import ApiError
from voice_pipeline.api.schemas import Health, Model, ModelList, SpeechRequest, Voice, VoiceList, error_responses
from voice_pipeline.api.service import Audio, SpeechService
from voice_pipeline.api.work import Cancelled

router = APIRouter()
_DELTA_BYTES = 24 * 1024
_CLIENT_CLOSED_REQUEST = 499
_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _service(request: Request) -> SpeechService:
    service: SpeechService = request.app.state.service
    return service


@router.post(
    "/v1/audio/speech",
    tags=["speech"],
    summary="Say a text",
    response_class=Response,
    responses={
        200: {
            "description": "The audio file, or server-sent events with `stream_format` sse.",
            "content": {
                **{kind: _BINARY for kind in ("audio/mpeg", "audio/ogg", "audio/aac", "audio/flac")},
                **{kind: _BINARY for kind in ("audio/wav", "audio/pcm")},
                "text/event-stream": {"schema": {"type": "string"}},
            },
        },
        **error_responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 500, 503),
    },
)
async def create_speech(body: SpeechRequest, request: Request) -> Response:
    """Speak with one of the voices; the contract is that of OpenAI's POST /v1/audio/speech."""
    service = _service(request)
    service.check_model(body.model)

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    try:
        audio = await service.speak(
            body.voice_id,
            body.input,
            speed=body.speed,
            audio_format=body.response_format.value,
            gone=gone,
            verify=body.verify,
        )
    except Cancelled:
        return Response(status_code=_CLIENT_CLOSED_REQUEST)
    headers = {"Cache-Control": "no-store", **audio.headers}
    if body.stream_format == "sse":
        return StreamingResponse(_events(audio), media_type="text/event-stream", headers=headers)
    return Response(audio.data, media_type=audio.content_type, headers=headers)


def _events(audio: Audio) -> Iterator[str]:
    for start in range(0, len(audio.data), _DELTA_BYTES):
        part = base64.b64encode(audio.data[start : start + _DELTA_BYTES]).decode()
        yield _event({"type": "speech.audio.delta", "audio": part})
    usage = {
        "input_tokens": audio.input_tokens,
        "output_tokens": audio.output_tokens,
        "total_tokens": audio.input_tokens + audio.output_tokens,
    }
    yield _event({"type": "speech.audio.done", "usage": usage})


def _event(content: dict[str, object]) -> str:
    return f"data: {json.dumps(content)}\n\n"


@router.get("/v1/models", tags=["catalogue"], summary="Models a request may name", responses=error_responses(401))
def models(request: Request) -> ModelList:
    """OpenAI's names, which any client knows, and the engines of the voices here."""
    return ModelList(data=[Model(id=name) for name in _service(request).models()])


@router.get("/v1/models/{model}", tags=["catalogue"], summary="One model", responses=error_responses(401, 404, 422))
def model(model: str, request: Request) -> Model:
    """The model, if a request may name it."""
    _service(request).check_model(model)
    return Model(id=model)


@router.get("/v1/audio/voices", tags=["catalogue"], summary="Voices", responses=error_responses(401))
def voices(request: Request) -> VoiceList:
    """Every voice of this service; `ready` tells which can speak."""
    found = [Voice(**voice) for voice in _service(request).store.describe()]
    return VoiceList(data=found, voices=found)


@router.get("/health", tags=["operation"], summary="Does the process answer")
async def health() -> Health:
    """Always 200 while the process lives; needs no key."""
    return Health(status="ok", version=__version__)


@router.get("/ready", tags=["operation"], summary="Can it speak", responses=error_responses(503))
def ready(request: Request) -> Health:
    """200 when a request to speak would be taken; needs no key."""
    service = _service(request)
    if service.queue.closed:
        raise ApiError(503, "the service is stopping", code="shutting_down")
    able = sum(voice["ready"] for voice in service.store.describe())
    if not able:
        raise ApiError(503, "no voice can speak yet: train one first", code="no_voice")
    return Health(status="ready", version=__version__, voices=able)
