"""The curve in TensorBoard and MLflow is the one in curves.jsonl, also after a stop."""

from __future__ import annotations

import importlib.util
import json

import pytest

from voice_pipeline import run_log
from voice_pipeline.engines.base import FineTuneRequest
from voice_pipeline.engines.curves import add_to_curves, cut_curves
from voice_pipeline.errors import PipelineError
from voice_pipeline.run_log import check_available, follow, how_to_look
from voice_pipeline.voice_folder import VoiceFolder


def request_for(tmp_path) -> FineTuneRequest:
    folder = VoiceFolder(tmp_path, "ann").create()
    run_dir = folder.models / "run"
    run_dir.mkdir(exist_ok=True)
    return FineTuneRequest(folder, run_dir, [], [], max_steps=9)


def note(request: FineTuneRequest, steps, losses=None) -> None:
    """What a training writes into its run folder."""
    for step in steps:
        add_to_curves(request.run_dir, step, "train", 0.0, {"loss": 1.0 / step, "current_lr": 0.1})
        request.on_progress(step / 9, "")
    add_to_curves(request.run_dir, steps[-1], "eval", 0.0, {"loss": 2.0})


def stopped_and_resumed(tmp_path, name: str) -> FineTuneRequest:
    """Four steps, a kill that loses the last one, four more, and two trials."""
    request = request_for(tmp_path)
    with pytest.raises(KeyboardInterrupt), follow(request, name):
        note(request, [1, 2, 3, 4])
        raise KeyboardInterrupt
    again = request_for(tmp_path)
    with follow(again, name):
        cut_curves(again.run_dir, 3)
        note(again, [4, 5, 6, 7])
        rows = [{"step": 7, "share": share, "similarity": share, "word_error_rate": 0.1} for share in (0.35, 0.7)]
        (again.run_dir / "trials.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return again


LOSSES = {step: pytest.approx(1.0 / step) for step in range(1, 8)}


def test_tensorboard_shows_the_curve(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    request = stopped_and_resumed(tmp_path, "tensorboard")
    events = EventAccumulator(str(request.run_dir / "tensorboard"))
    events.Reload()
    assert {event.step: event.value for event in events.Scalars("train/loss")} == LOSSES
    assert len(events.Scalars("train/loss")) == 7, "no step is drawn twice"
    assert [(event.step, event.value) for event in events.Scalars("eval/loss")] == [(7, 2.0)], "step 4 was redone"
    assert events.Scalars("trial/share_0.7/similarity")[0].value == pytest.approx(0.7)
    assert "tensorboard --logdir" in how_to_look("tensorboard", request.folder.models)


@pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None, reason="needs mlflow, which is optional: python -m pip install mlflow"
)
def test_mlflow_shows_the_curve(tmp_path, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    request = stopped_and_resumed(tmp_path, "mlflow")
    client = MlflowClient(tracking_uri=run_log._mlflow_store(request.folder.models))
    experiment = client.get_experiment_by_name("ann")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED" and run.data.params["max_steps"] == "9"
    points = client.get_metric_history(run.info.run_id, "train/loss")
    assert {point.step: point.value for point in points} == LOSSES and len(points) == 7
    assert run.data.metrics["trial/share_0.7/similarity"] == pytest.approx(0.7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ann"], "nothing is written anywhere else"
    assert "sqlite:///" in how_to_look("mlflow", request.folder.models)


def test_no_logger_writes_nothing(tmp_path):
    request = request_for(tmp_path)
    tell = request.on_progress
    with follow(request, None):
        assert request.on_progress is tell
    assert list(request.run_dir.iterdir()) == []


def test_a_missing_logger_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for name in ("tensorboard", "mlflow"):
        with pytest.raises(PipelineError, match=f"--log {name} needs the package {name}") as error:
            check_available(name)
        assert f'python -m pip install "{name}>=' in error.value.hint
    with pytest.raises(PipelineError, match="no logger called 'wandb'"):
        check_available("wandb")
    check_available(None)
