"""The web page: static files that hold nothing of anybody's, so that it can ask for the key itself."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from voice_pipeline.api.errors import ApiError

router = APIRouter(include_in_schema=False)

PAGES = Path(__file__).parents[1] / "pages"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "media-src data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Nothing from another host, nothing inline."""

_KINDS = {".js": "text/javascript", ".css": "text/css"}


@router.get("/")
def page() -> FileResponse:
    """The page itself."""
    headers = {"Content-Security-Policy": POLICY, "Permissions-Policy": "microphone=(self), camera=(), geolocation=()"}
    return FileResponse(PAGES / "studio.html", media_type="text/html", headers=headers)


@router.get("/page/{name}")
def part(name: str) -> FileResponse:
    """A script or a style of the page."""
    for path in PAGES.iterdir():
        if path.name == name and path.suffix in _KINDS:
            return FileResponse(path, media_type=_KINDS[path.suffix])
    raise ApiError(404, "the page has no such part", code="not_found")
