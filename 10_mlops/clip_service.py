"""The clip judge as a service: FastAPI, validation, Prometheus metrics, one line of JSON in the log for each request.

    python clip_service.py --models outputs/models --port 8000

Addresses: POST /v1/clips (the body is the sound file itself), /health, /ready, /metrics, /docs. It listens on this
machine only unless told otherwise. CLIP_MODELS, CLIP_HOST and CLIP_PORT do the same in a container. Scripts 03 to 08
start it, ask it, and stop it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn
from clip_model import FEATURES, KINDS, MAX_BYTES, BadClip, Current, decode, features
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from coursekit.cli import print_error
from coursekit.errors import CourseError

logger = logging.getLogger("clips")
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)  # upper ends of the histogram's buckets
DECIBELS = tuple(float(level) for level in range(-70, 1, 5))


class Verdict(BaseModel):
    """What the service says of a clip."""

    request_id: str
    kind: str = Field(description="clean, noisy, clipped, quiet or truncated")
    probability: float = Field(ge=0, le=1)
    probabilities: dict[str, float]
    model_version: str


# ----------------------------------------------------------------------------------------------------------------------
# what can be seen from outside


class Metrics:
    """Numbers for Prometheus, in a registry of their own."""

    def __init__(self, current: Current) -> None:
        self.registry = CollectorRegistry()
        # concept: prometheus metrics
        self.requests = Counter("clip_requests", "Requests answered.", ["status"], registry=self.registry)
        self.seconds = Histogram(
            "clip_request_seconds", "Seconds until the answer.", buckets=SECONDS, registry=self.registry
        )
        self.verdicts = Counter("clip_verdicts", "Clips judged.", ["kind"], registry=self.registry)
        self.level = Histogram("clip_level_db", "Level of the speech.", buckets=DECIBELS, registry=self.registry)
        self.noise = Histogram("clip_noise_db", "Level of the pauses.", buckets=DECIBELS, registry=self.registry)
        loads = Gauge("clip_model_loads", "Models loaded since the start.", registry=self.registry)
        loads.set_function(lambda: current.loads)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class OneLineOfJson(logging.Formatter):
    """Formats a record as JSON; `extra={"fields": {...}}` becomes fields that programs can search."""

    def format(self, record: logging.LogRecord) -> str:
        # concept: structured logs
        line = {"time": round(record.created, 3), "level": record.levelname, "event": record.getMessage()}
        return json.dumps({**line, **getattr(record, "fields", {})})


# ----------------------------------------------------------------------------------------------------------------------
# the service


async def body_of(request: Request) -> bytes:
    """Return the body, refusing it as soon as it is too long: it is never held whole before it is judged."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise BadClip(413, "too_large", f"the body has more than {MAX_BYTES} bytes")
        parts.append(part)
    return b"".join(parts)


def create_app(models: Path) -> FastAPI:
    """Return the service, judging with the model that `models/current.json` names."""
    current = Current(models)
    metrics = Metrics(current)
    app = FastAPI(title="Clip judge", version="1")
    app.state.metrics, app.state.current = metrics, current

    def judge(body: bytes) -> tuple[Verdict, dict[str, float]]:
        numbers = features(decode(body))
        model = current.model()
        [shares] = model.probabilities(numbers[None])
        best = int(shares.argmax())
        verdict = Verdict(
            request_id=f"req_{secrets.token_hex(6)}",
            kind=KINDS[best],
            probability=float(shares[best]),
            probabilities={kind: float(share) for kind, share in zip(KINDS, shares, strict=True)},
            model_version=model.version,
        )
        return verdict, dict(zip(FEATURES, (round(float(number), 3) for number in numbers), strict=True))

    @app.post("/v1/clips", response_model=Verdict)
    async def clips(request: Request) -> Any:
        started, fields = time.perf_counter(), {}
        try:
            verdict, numbers = await run_in_threadpool(judge, await body_of(request))
            answer, status = verdict, 200
            fields = {"request_id": verdict.request_id, "kind": verdict.kind, "model": verdict.model_version}
            fields |= {"probability": round(verdict.probability, 3), "features": numbers}
            metrics.verdicts.labels(verdict.kind).inc()
            metrics.level.observe(numbers["loud_frames"])
            metrics.noise.observe(numbers["soft_frames"])
        except BadClip as error:
            status, fields = error.status, {"code": error.code}
            answer = JSONResponse({"error": {"code": error.code, "message": str(error)}}, status)
        seconds = time.perf_counter() - started
        metrics.requests.labels(status).inc()
        metrics.seconds.observe(seconds)
        logger.info("judged", extra={"fields": {"status": status, "ms": round(1000 * seconds, 2), **fields}})
        return answer

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}  # concept: health and readiness

    @app.get("/ready")
    async def ready() -> dict[str, str]:
        return {"status": "ready", "model_version": current.model().version}

    @app.get("/metrics")
    async def read_metrics() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return app


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = {name: os.environ.get(f"CLIP_{name}") for name in ("MODELS", "HOST", "PORT")}  # how a container is told
    parser.add_argument(
        "--models", type=Path, default=known["MODELS"] or "models", metavar="DIR", help="a folder with current.json"
    )
    parser.add_argument("--host", default=known["HOST"] or "127.0.0.1", metavar="ADDRESS", help="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(known["PORT"] or 8000), metavar="N", help="8000")
    arguments = parser.parse_args(argv)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(OneLineOfJson())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        app = create_app(arguments.models)
    except CourseError as error:
        print_error(error)
        return 2
    signal.signal(
        signal.SIGTERM, lambda *_: sys.exit(0)
    )  # uvicorn lets running requests finish, then hands on the signal
    # An idle connection is kept longer than usual clients keep theirs (httpx 5 s; uvicorn's default is 5 s as well). If
    # the server closed it first, a request could be on its way already, and be lost.
    keep = {"timeout_keep_alive": 75, "access_log": False, "log_config": None, "log_level": "warning"}
    uvicorn.run(app, host=arguments.host, port=arguments.port, **keep)
    return 0


if __name__ == "__main__":
    sys.exit(main())
