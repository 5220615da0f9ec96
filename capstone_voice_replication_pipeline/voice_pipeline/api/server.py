"""Runs the service in this process until it is told to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import uvicorn

from voice_pipeline.api.app import create_app
from voice_pipeline.api.job_runner import COMMAND
from voice_pipeline.api.settings import ApiSettings
from voice_pipeline.api.voices import Loader
from voice_pipeline.errors import PipelineError

# Idle connections are kept longer than usual clients keep them (httpx 5 s, nginx 60 s): if the server closed one first,
# a request could be on its way already, and be lost.
_IDLE_SECONDS = 75


class _Server(uvicorn.Server):
    """Reports when it is ready and ends without raising the signal again: stopping it is no failure."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None], on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready, self._on_stop = on_ready, on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._on_stop()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def serve(
    settings: ApiSettings,
    *,
    on_ready: Callable[[str], None],
    load: Loader | None = None,
    job_command: Sequence[str] = COMMAND,
) -> None:
    """Serve until SIGINT or SIGTERM; running requests may finish.

    Args:
        settings: checked here.
        on_ready: called with the service's address once it answers.
        load: as in `create_app`.
        job_command: as in `create_app`.

    Raises:
        PipelineError: the address cannot be used, or would be reachable without a key.
    """
    app = create_app(settings, load=load, job_command=job_command)
    listener = _listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_keep_alive=_IDLE_SECONDS,
        lifespan="on",
    )
    with listener:
        _Server(config, lambda: on_ready(f"http://{host}:{port}"), app.state.site.stopping.set).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        if hasattr(socket, "SO_REUSEADDR") and not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise PipelineError(
            f"cannot listen on {host}, port {port}: {error.strerror or error}",
            hint="choose another: --port 0 takes a free one",
        ) from error
    return listener
