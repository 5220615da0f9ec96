"""A run's curve in TensorBoard or MLflow as well, for people who use them; curves.jsonl stays the original.

Both are fed from the files of the run folder, so every engine is logged, and a resumed run goes on in the same log.
Nothing leaves this computer: TensorBoard writes files into the run folder, MLflow an SQLite file beside the runs.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from coursekit.files import write_text_atomic
from voice_pipeline.engines.base import FineTuneRequest
from voice_pipeline.engines.curves import read_curves
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import read_jsonl

LOGGERS = ("tensorboard", "mlflow")
_PACKAGES = {"tensorboard": "tensorboard>=2.19", "mlflow": "mlflow>=3,<4"}
_MLFLOW_RUN = "mlflow_run.txt"


class Sink(Protocol):
    """Where figures go."""

    def write(self, step: int, values: dict[str, float]) -> None:
        """Note figures by name, such as `train/loss`, of one step."""
        ...

    def close(self, finished: bool) -> None:
        """Write what is still in memory; `finished` is False when the training was stopped or failed."""
        ...


def check_available(name: str | None) -> None:
    """Make sure that a logger can be used; None is always possible.

    Raises:
        PipelineError: it is not installed, or unknown.
    """
    if name is None:
        return
    if name not in LOGGERS:
        raise PipelineError(f"there is no logger called '{name}'", hint=f"use --log {' | '.join(LOGGERS)}")
    if importlib.util.find_spec(name) is None:
        raise PipelineError(
            f"--log {name} needs the package {name}, which is not installed",
            hint=f'python -m pip install "{_PACKAGES[name]}"; or leave --log out: the curve stands in curves.jsonl '
            "and in reports/training.png",
        )


def how_to_look(name: str, models: Path) -> str:
    """The command that shows the logs of a voice's runs."""
    if name == "tensorboard":
        return f'tensorboard --logdir "{models}"'
    return f'mlflow ui --backend-store-uri "{_mlflow_store(models)}"'


@contextmanager
def follow(request: FineTuneRequest, name: str | None) -> Iterator[None]:
    """While the block trains, send what the run notes to the logger `name`; None sends nothing."""
    if name is None:
        yield
        return
    check_available(name)
    sink: Sink = _TensorBoard(request) if name == "tensorboard" else _MlFlow(request)
    follower = _Follower(request.run_dir, sink)
    tell = request.on_progress

    def on_progress(share: float, sentence: str) -> None:
        follower.pull_now_and_then()
        tell(share, sentence)

    request.on_progress = on_progress
    finished = False
    try:
        yield
        finished = True
    finally:
        request.on_progress = tell
        follower.pull()
        sink.close(finished)


class _Follower:
    """Reads curves.jsonl and trials.jsonl, and sends each row once."""

    def __init__(self, run_dir: Path, sink: Sink) -> None:
        self.run_dir, self.sink = run_dir, sink
        self.sent: set[tuple[int, str]] = set()
        self.pulled = time.monotonic()

    def pull_now_and_then(self) -> None:
        """Every two seconds."""
        if time.monotonic() - self.pulled > 2.0:
            self.pull()

    def pull(self) -> None:
        """Send what is new."""
        rows = [(row, row["split"]) for row in read_curves(self.run_dir)]
        rows += [(row, f"trial/share_{row['share']:g}") for row in read_jsonl(self.run_dir / "trials.jsonl")]
        for row, prefix in rows:
            if (row["step"], prefix) not in self.sent:
                self.sink.write(row["step"], _figures(row, prefix))
                self.sent.add((row["step"], prefix))
        self.pulled = time.monotonic()


class _TensorBoard:
    """Event files in the run folder; those of a part that was killed are superseded as a whole."""

    def __init__(self, request: FineTuneRequest) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(request.run_dir / "tensorboard"), purge_step=0)

    def write(self, step: int, values: dict[str, float]) -> None:
        """See `Sink`."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def close(self, finished: bool) -> None:
        """See `Sink`."""
        self.writer.close()


class _MlFlow:
    """One MLflow experiment for a voice, one MLflow run for a run; a resumed run goes on in it."""

    def __init__(self, request: FineTuneRequest) -> None:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
        from mlflow import MlflowClient

        models = request.folder.models
        self.client = MlflowClient(tracking_uri=_mlflow_store(models))
        name = request.folder.name
        experiment = self.client.get_experiment_by_name(name)
        number = experiment.experiment_id if experiment else None
        if number is None:
            number = self.client.create_experiment(name, artifact_location=(models / "mlflow").as_uri())
        self.run, self.known = self._resume(request.run_dir) or self._begin(number, request)

    def _resume(self, run_dir: Path) -> tuple[str, set[tuple[int, str]]] | None:
        """The MLflow run noted in the run folder, and the steps and names it knows."""
        from mlflow.exceptions import MlflowException

        path = run_dir / _MLFLOW_RUN
        if not path.is_file():
            return None
        run = path.read_text(encoding="utf-8").strip()
        try:
            self.client.update_run(run, status="RUNNING")
        except MlflowException:  # its database was removed
            return None
        names = self.client.get_run(run).data.metrics
        return run, {(point.step, name) for name in names for point in self.client.get_metric_history(run, name)}

    def _begin(self, experiment: str, request: FineTuneRequest) -> tuple[str, set[tuple[int, str]]]:
        run = self.client.create_run(experiment, run_name=request.run_dir.name).info.run_id
        settings = {"seed": request.seed, "max_steps": request.max_steps, "device": request.device, **request.options}
        for name, value in settings.items():
            self.client.log_param(run, name, value)
        write_text_atomic(request.run_dir / _MLFLOW_RUN, run + "\n")
        return run, set()

    def write(self, step: int, values: dict[str, float]) -> None:
        """See `Sink`."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [  # a resumed run passes the same steps again; MLflow would draw them twice
            Metric(name, value, now, step) for name, value in values.items() if (step, name) not in self.known
        ]
        self.client.log_batch(self.run, metrics=metrics)

    def close(self, finished: bool) -> None:
        """See `Sink`."""
        self.client.set_terminated(self.run, status="FINISHED" if finished else "KILLED")


def _mlflow_store(models: Path) -> str:
    return f"sqlite:///{(models / 'mlflow.db').as_posix()}"


def _figures(row: dict[str, Any], prefix: str) -> dict[str, float]:
    return {
        f"{prefix}/{name}": float(value)
        for name, value in row.items()
        if name not in ("step", "split", "share", "seconds") and isinstance(value, (int, float))
    }
