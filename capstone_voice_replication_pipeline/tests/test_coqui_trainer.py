"""Training with Coqui's Trainer on a toy model: every stop resumes to the same curve, limits hold, nothing is lost."""

from __future__ import annotations

import json

import pytest
import torch

from .toy_trainer import train, without_time


@pytest.fixture(scope="module", params=[False, True], ids=["one optimizer", "two optimizers"])
def straight(request, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("straight")
    return request.param, run_dir, train(run_dir, two=request.param)


def test_two_runs_with_one_seed_are_the_same(straight, tmp_path):
    two, run_dir, _ = straight
    train(tmp_path / "same", two=two)
    train(tmp_path / "other", two=two, seed=1)
    assert without_time(tmp_path / "same") == without_time(run_dir) != without_time(tmp_path / "other")


@pytest.mark.parametrize("stop", range(1, 7))
@pytest.mark.parametrize("save_every", [1, 2])
def test_stopped_anywhere_the_curve_is_the_same(straight, tmp_path, stop, save_every):
    two, run_dir, whole = straight

    def kill(report):
        if report.step == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, two=two, on_step=kill, save_every=save_every)
    resumed = train(tmp_path, two=two, save_every=save_every)
    assert without_time(tmp_path) == without_time(run_dir)
    assert resumed.metrics == whole.metrics
    ours, theirs = (torch.load(path / "last.pth", weights_only=True)["model"] for path in (tmp_path, run_dir))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_best_is_the_lowest_evaluation(straight):
    two, run_dir, outcome = straight
    best = torch.load(outcome.best_checkpoint, weights_only=True)
    keys = ("loss_0", "loss_1") if two else ("loss",)  # with several optimizers the Trainer takes the mean
    losses = {row["step"]: sum(row[k] for k in keys) / len(keys) for row in outcome.curves if row["split"] == "eval"}
    assert best["loss"] == pytest.approx(min(losses.values())) == pytest.approx(losses[best["step"]])
    assert outcome.metrics["best_step"] == best["step"]
    assert sorted(path.name for path in run_dir.glob("*.pth")) == ["best.pth", "last.pth"]


def test_on_step_can_stop_and_sees_evaluations(tmp_path):
    seen = []

    def stop_at_four(report):
        seen.append((report.step, bool(report.evaluation)))
        return report.step == 4

    assert train(tmp_path, on_step=stop_at_four).steps == 4
    assert seen == [(1, False), (2, True), (3, False), (4, True)]


def test_what_on_step_does_leaves_the_curve_alone(straight, tmp_path):
    def listen(report):
        report.model.eval()
        torch.rand(100)

    train(tmp_path, two=straight[0], on_step=listen)
    assert without_time(tmp_path) == without_time(straight[1])


def test_without_held_out_samples_the_last_is_the_best(tmp_path):
    outcome = train(tmp_path, evaluate=False)
    assert outcome.best_checkpoint == outcome.last_checkpoint and "best_step" not in outcome.metrics


def test_a_longer_limit_continues_and_the_same_limit_does_nothing(tmp_path):
    assert train(tmp_path, 3).steps == 3
    longer = train(tmp_path, 5)
    assert longer.steps == 5 and [row["step"] for row in longer.curves if row["split"] == "train"] == [1, 2, 3, 4, 5]
    assert train(tmp_path, 5).seconds == longer.seconds


def test_max_seconds_counts_all_parts(tmp_path):
    first = train(tmp_path, None, max_seconds=0.2)
    assert first.steps >= 1 and first.seconds >= 0.2
    assert train(tmp_path, None, max_seconds=0.2).steps == first.steps


def test_an_error_before_the_first_checkpoint_keeps_the_folder(tmp_path):
    """Coqui's own `fit` would delete it."""
    (tmp_path / "notes.txt").write_text("mine")

    def fail(report):
        raise RuntimeError("in the callback")

    with pytest.raises(RuntimeError, match="in the callback"):
        train(tmp_path, on_step=fail, save_every=100)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_progress_ends_at_one_and_nothing_is_printed(tmp_path, capfd):
    told = []
    train(tmp_path, 3, on_progress=lambda share, sentence: told.append((share, sentence)))
    assert told[-1][0] == 1.0 and told[-1][1].startswith("step 3 of 3, loss ")
    assert capfd.readouterr() == ("", "")


def test_curves_are_json_lines(straight):
    lines = (straight[1] / "curves.jsonl").read_text().splitlines()
    assert all({"step", "split", "seconds"} <= set(json.loads(line)) for line in lines)


def test_no_limit_at_all_is_a_mistake(tmp_path):
    with pytest.raises(ValueError, match="max_steps"):
        train(tmp_path, None)
