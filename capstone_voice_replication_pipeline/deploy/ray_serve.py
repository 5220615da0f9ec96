"""Serve the voices with Ray Serve: several replicas of the same application behind one address, on one machine or many.

Run:
    python deploy/ray_serve.py --home voices --replicas 2 --port 8000
    python deploy/ray_serve.py --home voices --replicas 8 --address auto      (on a Ray cluster that is up)

Each replica is a process of its own with all of voice_pipeline.api in it: OpenAI's contract, a bounded queue, 429,
streams. Ray chooses which one gets a request. Settings are those of 07_serve_api.py (VOICE_API_...), for each replica:
two with two workers speak four texts at once. On several machines every one needs the voices at the same path.
Needs the extra: python3 00_env_setup/bootstrap.py extra ray

Writes: as 07_serve_api.py; Ray's own logs into its temporary folder
Next: DEPLOYMENT.md
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import FastAPI
from pydantic import ValidationError

from coursekit.cli import ScriptParser, run_main
from voice_pipeline.api.app import create_app
from voice_pipeline.api.job_runner import COMMAND
from voice_pipeline.api.settings import ApiSettings
from voice_pipeline.api.voices import Loader
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import resolve_home

NAME = "voice-api"
_LIGHT_REQUESTS = 32
"""Requests besides syntheses that a replica may have open: /health, lists, pages."""


def application(
    settings: ApiSettings, replicas: int, *, load: Loader | None = None, job_command: Sequence[str] = COMMAND
) -> Any:
    """The deployment, for `serve.run`.

    Args:
        settings: of each replica; checked here.
        replicas: processes.
        load: as in `create_app`.
        job_command: as in `create_app`.

    Raises:
        PipelineError: it would be reachable from other machines without a key; Ray is not installed.
    """
    serve = _serve()
    settings.check()

    def build() -> FastAPI:  # called in the replica: locks and threads cannot travel
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        return create_app(settings, load=load, job_command=job_command)

    deployment = serve.deployment(
        serve.ingress(build)(),
        name=NAME,
        num_replicas=replicas,
        # More than the service takes: so that its own queue answers 429 with Retry-After, and Ray holds nothing back.
        max_ongoing_requests=settings.workers + settings.queue_size + _LIGHT_REQUESTS,
        graceful_shutdown_timeout_s=settings.shutdown_seconds,
        health_check_timeout_s=30,
        ray_actor_options={"num_cpus": 1},
    )
    return deployment.bind()


def run(
    settings: ApiSettings,
    replicas: int,
    *,
    address: str | None = None,
    on_ready: Callable[[str], None],
    load: Loader | None = None,
    job_command: Sequence[str] = COMMAND,
    until: threading.Event | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, or until `until` is set.

    Args:
        settings: as in `application`; host and port are those of Ray's proxy.
        replicas: processes.
        address: of a Ray cluster; None starts one here, which ends with this process.
        on_ready: called with the service's address once every replica answers.
        load: as in `create_app`.
        job_command: as in `create_app`.
        until: ends it, for tests.

    Raises:
        PipelineError: as `application`.
    """
    serve = _serve()
    bound = application(settings, replicas, load=load, job_command=job_command)
    import ray
    from ray.serve.config import HTTPOptions

    stop = until or threading.Event()
    # A local cluster may promise each replica a core, however few there are: the workers inside share them.
    local: dict[str, Any] = {"num_cpus": max(os.cpu_count() or 1, replicas + 1), "include_dashboard": False}
    # "local", or Ray would join whichever cluster it finds on this machine.
    ray.init(address=address or "local", logging_level=logging.WARNING, **({} if address else local))
    try:
        serve.start(http_options=HTTPOptions(host=settings.host, port=settings.port))
        serve.run(bound, name=NAME, route_prefix="/")
        if threading.current_thread() is threading.main_thread():  # after Ray, which sets handlers of its own
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
        on_ready(f"http://{settings.host}:{settings.port}")
        while not stop.wait(0.5):
            pass
    finally:
        serve.delete(NAME)
        if not address:
            serve.shutdown()
        ray.shutdown()


def _serve() -> Any:
    if importlib.util.find_spec("ray") is None:
        raise PipelineError("Ray is not installed", hint="python3 00_env_setup/bootstrap.py extra ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if os.environ["RAY_USAGE_STATS_ENABLED"] == "0":  # Ray would report just that
        os.environ.setdefault("RAY_USAGE_STATS_REPORT_URL", "http://127.0.0.1:9/")
    from ray import serve

    return serve


def main(argv: list[str] | None = None, *, load: Loader | None = None, job_command: Sequence[str] = COMMAND) -> int:
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--home", metavar="DIR", help="where voice folders live (default: $VOICE_HOME, else voices/)")
    parser.add_argument("--host", metavar="H", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, metavar="P", help="TCP port (default 8000)")
    parser.add_argument("--replicas", type=int, default=2, metavar="N", help="processes that speak (default 2)")
    parser.add_argument("--address", metavar="A", help="of a Ray cluster, or auto; without it one is started here")
    arguments = parser.parse_args(argv)
    if not 1 <= arguments.replicas <= 1000:
        raise PipelineError(f"--replicas {arguments.replicas}: from 1 to 1000 are possible", hint="--replicas 2")
    given = {name: value for name in ("host", "port") if (value := getattr(arguments, name)) is not None}
    try:
        settings = ApiSettings(home=resolve_home(arguments.home), **given)
    except ValidationError as error:
        first = error.errors()[0]
        raise PipelineError(f"{first['loc'][0]}: {first['msg']}", hint="see the fields of ApiSettings") from None
    if settings.port == 0:
        raise PipelineError("Ray's proxy needs a port of its own", hint="--port 8000")
    run(
        settings,
        arguments.replicas,
        address=arguments.address,
        on_ready=lambda url: print(
            f"Serving on {url} with {arguments.replicas} replicas\nCtrl-C stops it.", flush=True
        ),
        load=load,
        job_command=job_command,
    )
    print("stopped")
    return 0


if __name__ == "__main__":
    run_main(main)
