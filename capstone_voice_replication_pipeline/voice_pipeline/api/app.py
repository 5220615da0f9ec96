"""Builds the application; nothing happens at import."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from voice_pipeline import __version__
from voice_pipeline.api import errors
from voice_pipeline.api.guard import Guard
from voice_pipeline.api.routes import router
from voice_pipeline.api.service import SpeechService
from voice_pipeline.api.settings import ApiSettings
from voice_pipeline.api.voices import Loader, VoiceStore
from voice_pipeline.api.work import WorkQueue
from voice_pipeline.engines.base import LoadedVoice
from voice_pipeline.voice_folder import VoiceFolder

logger = logging.getLogger(__name__)


def create_app(settings: ApiSettings | None = None, *, load: Loader | None = None) -> FastAPI:
    """Make the service.

    Args:
        settings: from the environment when not given.
        load: loads a voice; `training.load_voice` when not given.

    Raises:
        PipelineError: it would be reachable from other machines without a key.
    """
    settings = (settings or ApiSettings()).check()
    store = VoiceStore(settings.home, load or _loader(settings.device), settings.loaded_voices)
    queue = WorkQueue(settings.workers, settings.queue_size)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        logger.info("serving the voices of %s", settings.home)
        warming = asyncio.get_running_loop().run_in_executor(None, app.state.service.warm_up)
        yield
        await warming
        await queue.close()

    app = FastAPI(
        title="Voice cloning pipeline",
        version=__version__,
        description="Speech with your own voices, by OpenAI's contract.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = SpeechService(store, queue, mark=settings.watermark)
    app.include_router(router)
    app.add_middleware(Guard, key=settings.key.get_secret_value(), max_body_bytes=settings.max_body_bytes)
    errors.install(app)
    return app


def _loader(device: str) -> Loader:
    def load(folder: VoiceFolder) -> LoadedVoice:
        from coursekit.device import choose_device
        from voice_pipeline.training import load_voice

        return load_voice(folder, device=str(choose_device(device).device))

    return load
