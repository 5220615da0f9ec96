"""Synthesis in worker threads behind a queue of known length."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from voice_pipeline.api.errors import ApiError

Result = TypeVar("Result")
_FIRST_GUESS_SECONDS = 2.0


class Cancelled(Exception):
    """The client has gone; raised in the worker at the next chunk."""


class WorkQueue:
    """Runs jobs in `workers` threads and lets `waiting` more stand in line.

    Args:
        workers: jobs at the same time.
        waiting: jobs that may wait.
    """

    def __init__(self, workers: int, waiting: int) -> None:
        self._limit = workers + waiting
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="speech")
        self._pending = 0
        self._typical_seconds = _FIRST_GUESS_SECONDS
        self._closed = False

    @property
    def pending(self) -> int:
        """Jobs that run or wait."""
        return self._pending

    @property
    def closed(self) -> bool:
        """Whether the service is stopping."""
        return self._closed

    async def run(self, job: Callable[[threading.Event], Result], gone: Callable[[], Awaitable[None]]) -> Result:
        """Do a job in a worker.

        Args:
            job: called with an event that is set when the result is no longer wanted.
            gone: returns when the client has left; then a waiting job is dropped and a running one told to stop.

        Raises:
            ApiError: 429 when the line is full, 503 when the service is stopping.
            Cancelled: the client has left.
        """
        if self._closed:
            raise ApiError(503, "the service is stopping", code="shutting_down", headers={"Retry-After": "5"})
        if self._pending >= self._limit:
            raise self._full()
        self._pending += 1
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        future = self._pool.submit(self._timed, job, stop)
        future.add_done_callback(lambda _: self._leave(loop))
        work = asyncio.wrap_future(future)
        watch = asyncio.ensure_future(gone())
        try:
            waiting: set[asyncio.Future[Any]] = {work, watch}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Cancelled
            return work.result()
        finally:
            watch.cancel()
            stop.set()
            # A running job keeps its place until it notices; work.cancel() would free it too early.
            future.cancel()
            work.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _timed(self, job: Callable[[threading.Event], Result], stop: threading.Event) -> Result:
        if stop.is_set():
            raise Cancelled
        started = time.monotonic()
        result = job(stop)
        self._typical_seconds += 0.2 * (time.monotonic() - started - self._typical_seconds)
        return result

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody counts any more
            loop.call_soon_threadsafe(self._free)

    def _free(self) -> None:
        self._pending -= 1

    def _full(self) -> ApiError:
        seconds = max(1, math.ceil(self._typical_seconds * self._pending / self._workers / 2))
        return ApiError(
            429,
            f"the service is busy; try again in {seconds} s",
            code="queue_full",
            headers={"Retry-After": str(min(seconds, 120))},
        )

    async def close(self) -> None:
        """Refuse new jobs, drop those that wait, let those that run finish."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)
