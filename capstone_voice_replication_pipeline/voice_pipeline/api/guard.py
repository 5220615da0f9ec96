"""What every request has to pass before a route sees it: host, origin, rate, API key, size, media type."""

from __future__ import annotations

import hashlib
import hmac
import math
import re
import time
from urllib.parse import urlsplit

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voice_pipeline.api.errors import ApiError
from voice_pipeline.api.settings import ApiSettings, is_loopback

OPEN_PATHS = {"/health", "/ready"}
"""Asked by machines that have no key and are not counted."""

PAGE_PATHS = re.compile(r"/|/page/[a-z_]+\.(js|css)")
"""The web page's own files: they hold nothing of anybody's, and the page asks for the key."""

UPLOADS = re.compile(
    r"/v1/audio/(voices|voice_consents)|/api/verify|/api/voices/[^/]+/(takes|consent|blind_test/answers)"
)
"""Paths that take multipart/form-data; everything else takes JSON. A test compares this with the OpenAPI document."""

_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class Guard:
    """ASGI middleware. A JSON body is read here, up to its limit, and handed on whole; an upload is only counted.

    Args:
        app: what comes after.
        settings: key, limits, and names under which the service may be called.
    """

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self.app = app
        self.settings = settings
        key = settings.key.get_secret_value()
        self.key_digest = hashlib.sha256(key.encode()).digest() if key else b""
        self.rate = RateLimitItemPerMinute(settings.requests_per_minute) if settings.requests_per_minute else None
        self.limiter = MovingWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            self._check_host(headers)
            self._check_origin(scope, headers)
            if scope["path"] not in OPEN_PATHS:
                self._check_rate(scope)
                if not PAGE_PATHS.fullmatch(scope["path"]):
                    self._check_key(headers)
            passed_on = await self._body(scope, headers, receive)
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        if passed_on is not None:
            await self.app(scope, passed_on, send)

    def _check_host(self, headers: Headers) -> None:
        """Without a key, only this machine's own names: a web page elsewhere could make its name point here."""
        host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if not self.key_digest and not is_loopback(host) and host not in self.settings.hosts:
            raise ApiError(403, "call it as 127.0.0.1 or localhost, or set an API key", code="unknown_host")

    def _check_origin(self, scope: Scope, headers: Headers) -> None:
        """A web page of another origin may change nothing, also where its browser asks no permission first."""
        origin = headers.get("origin")
        if origin is None or scope["method"] in _SAFE_METHODS or origin in self.settings.origins:
            return
        if urlsplit(origin).netloc != headers.get("host"):
            raise ApiError(403, "pages of another origin may not use this service", code="cross_origin")

    def _check_rate(self, scope: Scope) -> None:
        client = scope["client"][0] if scope.get("client") else "unknown"
        if self.rate is None or self.limiter.hit(self.rate, client):
            return
        seconds = max(1, math.ceil(self.limiter.get_window_stats(self.rate, client).reset_time - time.time()))
        raise ApiError(
            429,
            f"more than {self.settings.requests_per_minute} requests in a minute; try again in {seconds} s",
            code="rate_limit_exceeded",
            headers={"Retry-After": str(seconds)},
        )

    def _check_key(self, headers: Headers) -> None:
        if not self.key_digest:
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

    async def _body(self, scope: Scope, headers: Headers, receive: Receive) -> Receive | None:
        """What the route will receive; None when the client left."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data" and UPLOADS.fullmatch(scope["path"]):
            limit = self.settings.max_upload_bytes
            _check_length(headers, limit)
            return _counted(receive, limit)
        limit = self.settings.max_body_bytes
        _check_length(headers, limit)
        body = await _read(receive, limit)
        takes_files = scope["method"] == "POST" and UPLOADS.fullmatch(scope["path"])
        wanted = "multipart/form-data" if takes_files else "application/json"
        if body and kind != wanted:
            raise ApiError(415, f"send Content-Type: {wanted}", code="unsupported_media_type")
        return None if body is None else _replay(body, receive)


def _too_large(limit: int) -> ApiError:
    message = f"the request is larger than {limit} bytes"
    return ApiError(413, message, code="request_too_large", headers={"Connection": "close"})


def _check_length(headers: Headers, limit: int) -> None:
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length) > limit:
        raise _too_large(limit)


async def _read(receive: Receive, limit: int) -> bytes | None:
    """The whole body; None when the client left before its end."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
        more = message.get("more_body", False)
    return b"".join(parts)


def _counted(receive: Receive, limit: int) -> Receive:
    """A `receive` that refuses more than `limit` bytes."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        return message

    return counted


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
