"""Work in threads behind a queue of known length; its result comes whole, or in parts while it is made."""

from __future__ import annotations

import asyncio
import contextlib
import math
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from voice_pipeline.api.errors import ApiError

Result = TypeVar("Result")
_FIRST_GUESS_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0


class Cancelled(Exception):
    """The client has gone; raised in the worker at the next chunk."""


class Outflow:
    """Bytes on their way from a worker thread to a client.

    Args:
        loop: the event loop of the client.
        capacity: bytes that may wait for the client; then the worker waits.
        patience: seconds the worker waits for a client that does not read.

    Attributes:
        stop: set when nobody wants the rest.
        head: what the worker tells before its first part.
        tail: what it tells after its last.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, capacity: int, patience: float = _PATIENCE_SECONDS) -> None:
        self.stop = threading.Event()
        self.head: dict[str, str] = {}
        self.tail: Any = None
        self._loop, self._capacity, self._patience = loop, capacity, patience
        self._parts: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        self._first: bytes | BaseException | None = None
        self._room = threading.Condition()
        self._waiting = 0

    def put(self, part: bytes) -> None:
        """Hand over a part; for the worker.

        Raises:
            Cancelled: the client has gone, or reads nothing.
        """
        if not part:
            return
        with self._room:
            ready = self._room.wait_for(lambda: self.stop.is_set() or self._waiting < self._capacity, self._patience)
            if not ready or self.stop.is_set():
                raise Cancelled
            self._waiting += len(part)
        self._send(part)

    def end(self, error: BaseException | None = None) -> None:
        """No more parts; for the worker."""
        self._send(error)

    async def begin(self) -> None:
        """Wait for the first part, or raise what came in its place."""
        self._first = await self._parts.get()
        if isinstance(self._first, BaseException):
            raise self._first

    async def parts(self) -> AsyncIterator[bytes]:
        """The parts in order, after `begin`."""
        part = self._first
        while part is not None:
            if isinstance(part, BaseException):
                raise part
            with self._room:
                self._waiting -= len(part)
                self._room.notify_all()
            yield part
            part = await self._parts.get()

    def close(self) -> None:
        """Nobody wants the rest."""
        self.stop.set()
        with self._room:
            self._room.notify_all()

    def _send(self, part: bytes | BaseException | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._parts.put_nowait, part)
        except RuntimeError:  # the loop is closed
            raise Cancelled from None


class WorkQueue:
    """Runs jobs in `workers` threads and lets `waiting` more stand in line.

    Args:
        workers: jobs at the same time.
        waiting: jobs that may wait.
        name: of the threads.
    """

    def __init__(self, workers: int, waiting: int, name: str = "speech") -> None:
        self.workers = workers
        self._limit = workers + waiting
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=name)
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
        stop = threading.Event()
        future = self._submit(job, stop)
        work = asyncio.wrap_future(future)
        try:
            await _unless(gone, work)
            return work.result()
        finally:
            stop.set()
            # A running job keeps its place until it notices; work.cancel() would free it too early.
            future.cancel()
            work.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def stream(
        self, job: Callable[[Outflow], None], gone: Callable[[], Awaitable[None]], capacity: int
    ) -> Outflow:
        """Begin a job that hands its result over in parts; returns when the first part is there.

        The caller reads `parts()` and then calls `close()`, whatever happens.

        Raises:
            ApiError: as `run`; and what the job raised before its first part.
            Cancelled: the client has left before the first part.
        """
        outflow = Outflow(asyncio.get_running_loop(), capacity)

        def run(stop: threading.Event) -> None:
            try:
                job(outflow)
                outflow.end()
            except BaseException as error:
                with contextlib.suppress(Cancelled):
                    outflow.end(error)

        def dropped(future: Future[None]) -> None:
            if future.cancelled():
                with contextlib.suppress(Cancelled):
                    outflow.end(_stopping())

        future = self._submit(run, outflow.stop)
        future.add_done_callback(dropped)
        begun = asyncio.ensure_future(outflow.begin())
        try:
            await _unless(gone, begun)
        except BaseException:
            begun.cancel()
            outflow.close()
            future.cancel()
            raise
        return outflow

    def _submit(self, job: Callable[[threading.Event], Result], stop: threading.Event) -> Future[Result]:
        if self._closed:
            raise _stopping()
        if self._pending >= self._limit:
            raise self._full()
        self._pending += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(self._timed, job, stop)
        future.add_done_callback(lambda _: self._leave(loop))
        return future

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
        seconds = max(1, math.ceil(self._typical_seconds * self._pending / self.workers / 2))
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


def _stopping() -> ApiError:
    return ApiError(503, "the service is stopping", code="shutting_down", headers={"Retry-After": "5"})


async def _unless(gone: Callable[[], Awaitable[None]], work: asyncio.Future[Any]) -> None:
    """Wait for `work`, and raise its error.

    Raises:
        Cancelled: the client left first.
    """
    watch = asyncio.ensure_future(gone())
    try:
        waiting: set[asyncio.Future[Any]] = {work, watch}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Cancelled
        if not work.cancelled() and (error := work.exception()):
            raise error
    finally:
        watch.cancel()
