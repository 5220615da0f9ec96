"""Every error of the service in one form: {"error": {"message", "type", "param", "code"}}."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voice_pipeline.audio import AudioError
from voice_pipeline.consent_record import ConsentError
from voice_pipeline.errors import PipelineError, VoiceBusyError

logger = logging.getLogger(__name__)

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "request_too_large", 415: "unsupported_media_type"}


class ApiError(HTTPException):
    """An error a client is told about. (An HTTPException, so that FastAPI lets it pass while it reads a body.)

    Args:
        status: HTTP status.
        message: what is wrong and what to do, for people.
        code: what is wrong, for programs.
        param: the request field that is wrong.
        headers: more response headers.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, message, headers)
        self.status, self.message, self.code, self.param = status, message, code, param

    @property
    def body(self) -> dict[str, dict[str, str | None]]:
        """The envelope."""
        kind = _TYPES.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """The error as an HTTP response."""
        return JSONResponse(self.body, status_code=self.status, headers=dict(self.headers or {}))


def install(app: FastAPI) -> None:
    """Make `app` answer every error in the envelope."""
    app.add_exception_handler(ApiError, _known)
    app.add_exception_handler(PipelineError, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_middleware(CatchAll)


async def _known(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ApiError)
    return error.response()


def of_pipeline(error: PipelineError, param: str | None = None) -> ApiError:
    """What a client is told when the pipeline refuses."""
    if isinstance(error, ConsentError):
        wrong_recording = error.code in ("consent_words", "consent_speaker")
        return ApiError(400 if wrong_recording else 403, str(error), code=error.code, param=param)
    if isinstance(error, VoiceBusyError):
        return ApiError(409, str(error), code="voice_busy", param=param, headers={"Retry-After": "10"})
    if isinstance(error, AudioError):
        return ApiError(400, str(error), code=error.rule, param=param)
    if isinstance(error.__cause__, OSError):
        logger.error("the disk refuses: %s", type(error.__cause__).__name__)
        message = "the service cannot write to its disk; its operator has to look"
        return ApiError(503, message, code="storage_unavailable", headers={"Retry-After": "60"})
    return ApiError(400, str(error), code="not_possible", param=param)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PipelineError)
    return of_pipeline(error).response()


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    messages = {
        404: f"there is nothing at {request.url.path}; /openapi.json lists what there is",
        405: f"{request.method} is not possible at {request.url.path}",
    }
    message = messages.get(error.status_code, str(error.detail))
    code = _CODES.get(error.status_code, HTTPStatus(error.status_code).name.lower())
    return ApiError(error.status_code, message, code=code, headers=error.headers).response()


async def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return ApiError(400, "the body is not valid JSON", code="invalid_json").response()
    # "voice" may be a string or an object; pydantic reports both attempts, a client needs the field.
    path = [str(part) for part in first["loc"] if part not in ("body", "query", "path")]
    param = path[0] if path else None
    where = f"{param}: " if param else ""
    return ApiError(422, f"{where}{first['msg']}", code=first["type"], param=param).response()


class CatchAll:
    """Turns what nobody caught into a 500 without details; logs where it happened, never what was said."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except asyncio.CancelledError:
            if started:
                raise
            stopping = ApiError(503, "the service is stopping", code="shutting_down", headers={"Retry-After": "5"})
            await stopping.response()(scope, receive, send)
        except Exception as error:
            log_unexpected(error)
            if started:
                raise RuntimeError("failed after the response had begun") from None
            internal = ApiError(500, "something went wrong in the service; its log says where", code="internal_error")
            await internal.response()(scope, receive, send)


def log_unexpected(error: BaseException) -> None:
    """Log the kind and the place of an error; its message may hold a user's text."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown place"
    logger.error("unexpected %s at %s", type(error).__name__, place)
