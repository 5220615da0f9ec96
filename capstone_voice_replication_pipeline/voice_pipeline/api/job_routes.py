"""Own routes: work that takes minutes, with its progress."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status
from fastapi import Path as PathField
from fastapi.responses import StreamingResponse

from voice_pipeline.api.jobs import Job, Status
from voice_pipeline.api.own_schemas import JobRequest, JobView, JobViews
from voice_pipeline.api.schemas import error_responses, file_response
from voice_pipeline.api.site import FolderOf, Site, SiteOf
from voice_pipeline.consent import require_consent

router = APIRouter(prefix="/api", tags=["jobs"])

JobId = Annotated[str, PathField(min_length=1, max_length=64, examples=["job_0123456789abcdef"])]
_POLL_SECONDS = 0.3
_KEEP_ALIVE_SECONDS = 15.0
_NOT_FOR_PREPARING = {"engine", "steps", "minutes", "learning_rate", "budget", "accept_licence"}


@router.post(
    "/voices/{voice_id}/jobs",
    summary="Start a job",
    status_code=status.HTTP_202_ACCEPTED,
    responses=error_responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
)
def start_job(folder: FolderOf, body: JobRequest, site: SiteOf, response: Response) -> JobView:
    """`prepare`: recordings to clips and ledger. `train`: that, then a model. `evaluate`: the proof card and its files.

    One job is done at a time, in a process of its own. A job that is stopped with the service goes on when the service
    is started again; a training that was cancelled goes on where it was when the same one is started again.
    """
    if body.kind == "train":
        require_consent(folder)
    options = body.model_dump(exclude={"kind"} | (set() if body.kind == "train" else _NOT_FOR_PREPARING))
    job = site.jobs.add(body.kind, folder.name, options)
    site.runner.wake()
    response.headers["Location"] = f"/api/jobs/{job.id}"
    return view(job)


@router.get("/jobs", summary="Jobs", responses=error_responses(401, 422))
def list_jobs(
    site: SiteOf,
    voice: Annotated[str | None, Query(max_length=64, description="Only those of this voice.")] = None,
    status: Annotated[Status | None, Query(description="Only those that are so.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JobViews:
    """The newest first; those of earlier runs of the service, too."""
    found = site.jobs.find(voice=voice, statuses=(status,) if status else (), limit=limit)
    return JobViews(data=[view(job) for job in found])


@router.get("/jobs/{job_id}", summary="One job", responses=error_responses(401, 404, 422))
def get_job(job_id: JobId, site: SiteOf) -> JobView:
    """How far it is, and what came of it."""
    return view(site.jobs.get(job_id))


@router.get(
    "/jobs/{job_id}/events",
    summary="A job's progress as it happens",
    response_class=Response,
    responses={
        **file_response("text/event-stream", text=True),
        **error_responses(401, 404, 422),
    },
)
async def job_events(job_id: JobId, request: Request, site: SiteOf) -> StreamingResponse:
    """One `data:` line with the job whenever something changed; ends with the job."""
    await asyncio.to_thread(site.jobs.get, job_id)
    return StreamingResponse(_events(site, job_id), media_type="text/event-stream")


@router.post("/jobs/{job_id}/cancel", summary="Stop a job", responses=error_responses(401, 404, 409, 422))
def cancel_job(job_id: JobId, site: SiteOf) -> JobView:
    """What was done stays: the same training goes on from its last checkpoint."""
    job = site.jobs.cancel(job_id)
    site.runner.wake()
    return view(job)


def view(job: Job) -> JobView:
    """A job for clients."""
    return JobView(**{name: getattr(job, name) for name in JobView.model_fields if name != "object"})


async def _events(site: Site, job_id: str) -> AsyncIterator[str]:
    told, quiet = "", 0.0
    while True:
        job = await asyncio.to_thread(site.jobs.get, job_id)
        now = view(job).model_dump_json()
        if now != told:
            told, quiet = now, 0.0
            yield f"data: {now}\n\n"
        if not job.active or site.stopping.is_set():
            return
        quiet += _POLL_SECONDS
        if quiet >= _KEEP_ALIVE_SECONDS:
            quiet = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(_POLL_SECONDS)
