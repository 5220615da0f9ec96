"""Jobs as the database knows them: what was asked for, how far it is, what came of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import func, insert, select, update

from voice_pipeline.api.database import Database
from voice_pipeline.api.database import jobs as table
from voice_pipeline.api.errors import ApiError

Kind = Literal["prepare", "train", "evaluate"]
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
KINDS: tuple[Kind, ...] = ("prepare", "train", "evaluate")
ACTIVE: tuple[Status, ...] = ("queued", "running")
MAX_ATTEMPTS = 3
"""A job that ended with the service is begun again this often; then it has failed."""


@dataclass(frozen=True)
class Job:
    """One line of the table; times in seconds since 1970."""

    id: str
    number: int
    kind: Kind
    voice: str
    options: dict[str, Any]
    status: Status
    share: float
    sentence: str
    cancel: bool
    attempts: int
    result: dict[str, Any] | None
    error: dict[str, str] | None
    created_at: float
    started_at: float | None
    finished_at: float | None

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.status in ACTIVE


class JobBook:
    """Reads and changes jobs.

    Args:
        database: where they are.
        max_waiting: jobs that may wait.
    """

    def __init__(self, database: Database, max_waiting: int) -> None:
        self._database = database
        self._max_waiting = max_waiting

    def add(self, kind: Kind, voice: str, options: dict[str, Any]) -> Job:
        """Put a job into the queue.

        Raises:
            ApiError: 409 when the same work for this voice waits or runs, 429 when too many jobs wait.
        """
        with self._database.begin() as connection:
            rows = connection.execute(select(table).where(table.c.status.in_(ACTIVE))).mappings().all()
            for row in rows:
                if (row["kind"], row["voice"]) == (kind, voice):
                    message = f"this is being done already: job {row['id']}"
                    raise ApiError(409, message, code="job_exists")
            if sum(row["status"] == "queued" for row in rows) >= self._max_waiting:
                message = f"{self._max_waiting} jobs wait already; try again later"
                raise ApiError(429, message, code="too_many_jobs", headers={"Retry-After": "60"})
            number = (connection.scalar(select(func.max(table.c.number))) or 0) + 1
            row_id = f"job_{secrets.token_hex(8)}"
            connection.execute(
                insert(table).values(
                    id=row_id,
                    number=number,
                    kind=kind,
                    voice=voice,
                    options=options,
                    status="queued",
                    share=0.0,
                    sentence="waiting",
                    cancel=False,
                    attempts=0,
                    created_at=time.time(),
                )
            )
        return self.get(row_id)

    def get(self, job_id: str) -> Job:
        """One job.

        Raises:
            ApiError: 404 when there is none.
        """
        with self._database.begin() as connection:
            row = connection.execute(select(table).where(table.c.id == job_id)).mappings().one_or_none()
        if row is None:
            raise ApiError(404, "there is no such job; GET /api/jobs lists them", code="job_not_found", param="job_id")
        return Job(**row)

    def find(self, *, voice: str | None = None, statuses: Sequence[str] = (), limit: int = 100) -> list[Job]:
        """Jobs, the newest first."""
        query = select(table).order_by(table.c.number.desc()).limit(limit)
        if voice is not None:
            query = query.where(table.c.voice == voice)
        if statuses:
            query = query.where(table.c.status.in_(statuses))
        with self._database.begin() as connection:
            return [Job(**row) for row in connection.execute(query).mappings()]

    def cancel(self, job_id: str) -> Job:
        """Ask for a job to be stopped; one that waits is cancelled at once.

        Raises:
            ApiError: 404 when there is none, 409 when it has ended.
        """
        job = self.get(job_id)
        now = time.time()
        with self._database.begin() as connection:
            waiting = (table.c.id == job_id) & (table.c.status == "queued")
            ended = {"status": "cancelled", "cancel": True, "sentence": "cancelled", "finished_at": now}
            if not connection.execute(update(table).where(waiting).values(**ended)).rowcount:
                running = (table.c.id == job_id) & (table.c.status == "running")
                if not connection.execute(update(table).where(running).values(cancel=True)).rowcount:
                    raise ApiError(409, f"the job has ended: {job.status}", code="job_ended", param="job_id")
        return self.get(job_id)

    def claim(self) -> Job | None:
        """The job to do next, marked as running; None when none waits."""
        with self._database.begin() as connection:
            query = select(table.c.id).where(table.c.status == "queued").order_by(table.c.number).limit(1)
            job_id = connection.scalar(query)
            taken = (table.c.id == job_id) & (table.c.status == "queued")
            begun = {"status": "running", "started_at": time.time(), "sentence": "starting"}
            change = update(table).where(taken).values(**begun, attempts=table.c.attempts + 1)
            if job_id is None or not connection.execute(change).rowcount:
                return None
        return self.get(job_id)

    def progress(self, job_id: str, share: float, sentence: str) -> bool:
        """Note how far a running job is; returns whether it is to be stopped."""
        values = {"share": min(1.0, max(0.0, share)), "sentence": sentence}
        with self._database.begin() as connection:
            connection.execute(update(table).where(table.c.id == job_id).values(**values))
            return bool(connection.scalar(select(table.c.cancel).where(table.c.id == job_id)))

    def finish(self, job_id: str, status: Status, **values: Any) -> None:
        """Note how a job ended: `result` or `error`, and `sentence`."""
        with self._database.begin() as connection:
            ended = {"status": status, "finished_at": time.time(), **values}
            connection.execute(update(table).where(table.c.id == job_id).values(**ended))

    def put_back(self, job_id: str) -> None:
        """Let a running job wait again, since the service is stopping."""
        waits = {"status": "queued", "sentence": "goes on when the service is there again"}
        with self._database.begin() as connection:
            mine = (table.c.id == job_id) & (table.c.status == "running")
            connection.execute(update(table).where(mine).values(**waits, attempts=table.c.attempts - 1))

    def take_over(self) -> int:
        """Let the jobs wait again that a process left running which is no more.

        Returns:
            how many there were.
        """
        running = table.c.status == "running"
        tired = {
            "status": "failed",
            "sentence": "failed",
            "finished_at": time.time(),
            "error": {"message": f"the service ended {MAX_ATTEMPTS} times during this job", "code": "interrupted"},
        }
        cancelled = {"status": "cancelled", "finished_at": time.time(), "sentence": "cancelled"}
        waits = {"status": "queued", "sentence": "goes on after the service ended"}
        with self._database.begin() as connection:
            connection.execute(update(table).where(running & table.c.cancel).values(**cancelled))
            connection.execute(update(table).where(running & (table.c.attempts >= MAX_ATTEMPTS)).values(**tired))
            return connection.execute(update(table).where(running).values(**waits)).rowcount
