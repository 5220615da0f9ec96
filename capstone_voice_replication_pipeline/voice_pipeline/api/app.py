"""Builds the application; nothing happens at import."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from voice_pipeline import __version__
from voice_pipeline.api import errors, job_routes, page, report_routes, routes, studio_routes, voice_routes
from voice_pipeline.api.database import Database
from voice_pipeline.api.guard import Guard
from voice_pipeline.api.job_runner import COMMAND, JobRunner
from voice_pipeline.api.jobs import ACTIVE, JobBook
from voice_pipeline.api.service import SpeechService
from voice_pipeline.api.settings import ApiSettings, database_path, service_folder
from voice_pipeline.api.site import Site
from voice_pipeline.api.telemetry import Metrics, Telemetry
from voice_pipeline.api.voices import Loader, VoiceStore
from voice_pipeline.api.work import WorkQueue
from voice_pipeline.engines.base import LoadedVoice
from voice_pipeline.voice_folder import VoiceFolder

logger = logging.getLogger(__name__)

_LISTENERS, _WAITING_UPLOADS = 1, 8


def create_app(
    settings: ApiSettings | None = None, *, load: Loader | None = None, job_command: Sequence[str] = COMMAND
) -> FastAPI:
    """Make the service.

    Args:
        settings: from the environment when not given.
        load: loads a voice; `training.load_voice` when not given.
        job_command: what is started for a job; see `job_process`.

    Raises:
        PipelineError: it would be reachable from other machines without a key.
    """
    site = _site((settings or ApiSettings()).check(), load, job_command)
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KERNELS_KEPT)
    app = FastAPI(
        title="Voice cloning pipeline",
        version=__version__,
        summary="Speech with your own voices, by OpenAI's contract; and all it takes to make one.",
        description=_DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.site, app.state.service = site, site.service
    for module in (page, routes, voice_routes, studio_routes, job_routes, report_routes):
        app.include_router(module.router)
    app.add_middleware(Guard, settings=site.settings)
    if site.settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(site.settings.origins),
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type"],
        )
    errors.install(app)
    app.add_middleware(Telemetry, metrics=site.metrics)
    return app


_KERNELS_KEPT = "64"
"""PyTorch's CPU library keeps compiled code for each length of sound it has met, 1024 of them unless told otherwise:
about 100 MB after some thousand requests, and hardly ever of use again."""

_DESCRIPTION = """\
Any OpenAI client can speak with it: base URL `/v1`, voice = the id of a voice.

A voice is made in these steps: `POST /api/voices`; read `GET /api/voices/{voice_id}/prompts` and upload each take;
`POST .../consent/statement`, read it aloud, upload it to `.../consent`; `POST .../jobs` with kind `train` and watch
`GET /api/jobs/{job_id}/events`; then kind `evaluate` for the proof card.

Every error has the form `{"error": {"message", "type", "param", "code"}}`. Status 429 comes with `Retry-After`.
"""


def _site(settings: ApiSettings, load: Loader | None, job_command: Sequence[str]) -> Site:
    metrics = Metrics()
    store = VoiceStore(settings.home, load or _loader(settings.device), settings.loaded_voices, settings.copies)
    queue = WorkQueue(settings.workers, settings.queue_size)
    service = SpeechService(
        store,
        queue,
        metrics,
        mark=settings.watermark,
        threads=settings.threads,
        stream_bytes=settings.stream_bytes,
    )
    database = Database(database_path(settings))
    jobs = JobBook(database, settings.max_jobs)
    runner = JobRunner(jobs, settings.home, service_folder(settings), settings.device, job_command)
    metrics.gauge("voice_queue", "Requests that speak or wait.", lambda: queue.pending)
    metrics.gauge("voice_loaded", "Voices in memory.", lambda: store.loaded)
    metrics.gauge("voice_jobs", "Jobs that run or wait.", lambda: len(jobs.find(statuses=ACTIVE)))
    listening = WorkQueue(_LISTENERS, _WAITING_UPLOADS, "listening")
    return Site(settings, service, listening, database, jobs, runner, metrics)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    site: Site = app.state.site
    logger.info("serving the voices of %s", site.settings.home)
    loop = asyncio.get_running_loop()
    warming = loop.run_in_executor(None, lambda: site.service.warm_up(voices=site.settings.warm_up))
    if site.settings.run_jobs:
        site.runner.start()
    yield
    site.stopping.set()
    site.runner.close()
    await warming
    await site.listening.close()
    await site.service.queue.close()


def _loader(device: str) -> Loader:
    def load(folder: VoiceFolder) -> LoadedVoice:
        from coursekit.device import choose_device
        from voice_pipeline.training import load_voice

        return load_voice(folder, device=str(choose_device(device).device))

    return load
