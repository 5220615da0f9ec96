"""What the routes share: the parts of the running service, and helpers for requests."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request, UploadFile
from fastapi import Path as PathField

from voice_pipeline.api.database import Database
from voice_pipeline.api.errors import ApiError
from voice_pipeline.api.job_runner import JobRunner
from voice_pipeline.api.jobs import JobBook
from voice_pipeline.api.service import SpeechService
from voice_pipeline.api.settings import ApiSettings
from voice_pipeline.api.telemetry import Metrics
from voice_pipeline.api.work import Cancelled, WorkQueue
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder, check_name

CLIENT_CLOSED_REQUEST = 499
AUDIO_UPLOAD_BYTES = 10 * 2**20
"""As OpenAI's specification has it for samples and consent recordings."""


@dataclass(frozen=True)
class Site:
    """The running service.

    Attributes:
        settings: as checked.
        service: speaks.
        listening: where uploads wait to be listened to.
        database: voices, consents, jobs.
        jobs: the jobs.
        runner: does them.
        metrics: for Prometheus.
        stopping: set when the service was told to stop; answers without an end then end.
    """

    settings: ApiSettings
    service: SpeechService
    listening: WorkQueue
    database: Database
    jobs: JobBook
    runner: JobRunner
    metrics: Metrics
    stopping: threading.Event = field(default_factory=threading.Event)

    def folder(self, voice_id: str, param: str = "voice_id") -> VoiceFolder:
        """The folder of a voice that exists, whether it can speak or not.

        Raises:
            ApiError: 400 for what cannot be an id, 404 for no such voice.
        """
        try:
            folder = VoiceFolder(self.settings.home, check_name(voice_id))
        except PipelineError as error:
            message = "a voice id has 1 to 64 of a-z, 0-9, - and _"
            raise ApiError(400, message, code="invalid_voice", param=param) from error
        if not folder.exists:
            message = f"there is no voice '{folder.name}'; GET /v1/audio/voices lists them"
            raise ApiError(404, message, code="voice_not_found", param=param)
        return folder


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def _folder(
    site: Annotated[Site, Depends(_site)],
    voice_id: Annotated[str, PathField(min_length=1, max_length=64, description="A voice's id.", examples=["ada"])],
) -> VoiceFolder:
    return site.folder(voice_id)


SiteOf = Annotated[Site, Depends(_site)]
FolderOf = Annotated[VoiceFolder, Depends(_folder)]


def watch(request: Request) -> Callable[[], Awaitable[None]]:
    """A function that returns when the client has left."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return gone


async def listen_to(site: Site, request: Request, upload: UploadFile, work: Callable[[Path], dict]) -> dict:
    """Let a worker look at an uploaded sound file.

    Args:
        site: the service.
        request: to notice that the client left.
        upload: the file.
        work: called with a path that is gone afterwards.

    Raises:
        ApiError: 429 when too many wait; 413 for a file over 10 MiB; 499 when the client left.
    """

    def job(_: object) -> dict:
        with stored(upload, AUDIO_UPLOAD_BYTES) as path:
            return work(path)

    try:
        return await site.listening.run(job, watch(request))
    except Cancelled:
        raise ApiError(CLIENT_CLOSED_REQUEST, "the client left", code="client_left") from None


@contextmanager
def stored(upload: UploadFile, limit: int) -> Iterator[Path]:
    """An upload as a file of its own, whatever it calls itself.

    Raises:
        ApiError: 413 when it is larger than `limit` bytes.
    """
    if (upload.size or 0) > limit:
        raise ApiError(413, f"the file is larger than {limit} bytes", code="file_too_large")
    with tempfile.TemporaryDirectory(prefix="voice-upload-") as place:
        path = Path(place) / "upload"
        with open(path, "wb") as file:
            shutil.copyfileobj(upload.file, file)
        yield path
