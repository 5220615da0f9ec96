"""What every request has to pass before a route sees it: the API key, the size, the media type."""

from __future__ import annotations

import hashlib
import hmac

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voice_pipeline.api.errors import ApiError

OPEN_PATHS = {"/health", "/ready"}


class Guard:
    """ASGI middleware; the body is read here, up to its limit, and handed on whole.

    Args:
        app: what comes after.
        key: API key; empty for none.
        max_body_bytes: largest body.
    """

    def __init__(self, app: ASGIApp, key: str, max_body_bytes: int) -> None:
        self.app = app
        self.key_digest = hashlib.sha256(key.encode()).digest() if key else b""
        self.max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_key(scope["path"], headers)
            body = await self._read(headers, receive)
            if body is None:
                return
            if body and not _is_json(headers):
                raise ApiError(415, "send JSON: Content-Type: application/json", code="unsupported_media_type")
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    def _check_key(self, path: str, headers: Headers) -> None:
        if not self.key_digest or path in OPEN_PATHS:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = hashlib.sha256(token.strip().encode()).digest()
        if not (hmac.compare_digest(given, self.key_digest) and scheme.lower() == "bearer"):
            raise ApiError(
                401,
                "the API key is missing or wrong: send Authorization: Bearer KEY",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """The whole body; None when the client left before its end."""
        too_large = ApiError(
            413,
            f"the request is larger than {self.max_body_bytes} bytes",
            code="request_too_large",
            headers={"Connection": "close"},
        )
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self.max_body_bytes:
            raise too_large
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.max_body_bytes:
                raise too_large
            more = message.get("more_body", False)
        return b"".join(parts)


def _is_json(headers: Headers) -> bool:
    return headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the body once and then what the connection gives (its end)."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed
