"""A training that goes wrong is stopped with the reason and the repair, and its last good checkpoint stays good."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from voice_pipeline.engines.curves import add_to_curves, cut_curves, read_curves
from voice_pipeline.engines.health import WINDOW, WORSE, LossWatch
from voice_pipeline.errors import PipelineError

from .toy_trainer import ToyConfig, ToyModel, at_step, bad_gradient, train, without_time


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("two", [False, True], ids=["one optimizer", "two optimizers"])
def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_folder(tmp_path, bad, two):
    config = ToyConfig(two_optimizers=two)
    spoil = at_step(5 if two else 3, lambda loss: loss * 0 + bad)  # with two optimizers it is called twice a step
    with pytest.raises(PipelineError, match="diverged at step 3") as error:
        train(tmp_path, two=two, model=ToyModel(config, spoil))
    assert f"is {bad}, no longer a number" in str(error.value)
    assert "--learning-rate 0.03 (it was 0.1)" in error.value.hint
    assert torch.load(tmp_path / "last.pth", weights_only=True)["step"] == 2
    assert train(tmp_path, two=two).steps == 7
    train(tmp_path / "unbroken", two=two)
    assert without_time(tmp_path) == without_time(tmp_path / "unbroken")


@pytest.mark.parametrize("save_every", [1, 2, 5])
def test_weights_that_are_no_numbers_are_never_saved(tmp_path, save_every):
    """The loss of step 4 is fine, its gradient is NaN; a checkpoint of step 4 would end the run for good."""
    model = ToyModel(ToyConfig(), at_step(4, bad_gradient))
    with pytest.raises(PipelineError, match="diverged at step [45]: "):
        train(tmp_path, model=model, save_every=save_every, eval_every=4)
    for path in tmp_path.glob("*.pth"):
        weights = torch.load(path, weights_only=True)["model"]
        assert all(torch.isfinite(value).all() for value in weights.values()), path
    assert train(tmp_path, save_every=save_every).steps == 7


def test_an_exploding_loss_is_stopped_and_says_from_where_to_where(tmp_path):
    model = ToyModel(ToyConfig(), lambda step, loss: loss * (1 if step <= 12 else 1e6))
    with pytest.raises(PipelineError, match=r"diverged at step \d\d: the loss of the last 10 steps is") as error:
        train(tmp_path, 60, model=model)
    assert "--learning-rate" in error.value.hint
    last = read_curves(tmp_path)[-1]["step"]
    assert 12 + WINDOW // 2 < last < 12 + WINDOW


def test_a_run_that_goes_on_remembers_how_it_began(tmp_path):
    """Stopped after 15 steps; the rest alone would look like a new beginning."""
    train(tmp_path, 15)
    model = ToyModel(ToyConfig(), lambda step, loss: loss * 1e6)
    with pytest.raises(PipelineError, match="diverged at step 2[0-4]"):
        train(tmp_path, 60, model=model)


def check_all(losses: list[float]) -> int:
    """Steps that a watch lets pass."""
    watch = LossWatch()
    for step, loss in enumerate(losses, start=1):
        try:
            watch.check(step, {"loss": loss}, 0.1)
        except PipelineError:
            return step - 1
    return len(losses)


def test_what_does_not_count_as_divergence():
    falling = [1 / (1 + step / 20) for step in range(100)]
    single_bad_batches = [50.0 if step % 3 == 0 else 1.0 for step in range(100)]
    back_to_the_start = [1.0] * 10 + [0.1] * 30 + [1.0 * WORSE] * 60
    below_zero = [-1.0] * 10 + [5.0] * 60  # a likelihood; no ratio can be told
    for losses in (falling, single_bad_batches, back_to_the_start, below_zero):
        assert check_all(losses) == len(losses)
    assert check_all([1.0] * 10 + [1.01 * WORSE] * 60) == 2 * WINDOW - 1


def test_a_half_written_line_of_the_curve_is_left_out(tmp_path):
    for step in (1, 2, 3):
        add_to_curves(tmp_path, step, "train", 0.5, {"loss": 1.0 / step})
    with open(tmp_path / "curves.jsonl", "a") as handle:
        handle.write('{"step": 4, "spl')
    assert [row["step"] for row in read_curves(tmp_path)] == [1, 2, 3]
    assert [row["step"] for row in cut_curves(tmp_path, 2)] == [1, 2]
    assert len((tmp_path / "curves.jsonl").read_text().splitlines()) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files (POSIX setrlimit)")
def test_a_full_disk_is_an_error_of_the_disk_and_keeps_the_old_checkpoint(tmp_path):
    """A limit on the size of files fails a write as a full disk does; in a process of its own, it cannot be undone."""
    program = f"""
import resource, signal, sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).resolve().parents[1])!r})
import torch
from voice_pipeline.disk import writing_to
from voice_pipeline.engines.checkpoints import save_checkpoint
path = Path({str(tmp_path / "last.pth")!r})
save_checkpoint(path, {{"model": torch.zeros(10)}})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with writing_to(path.parent):
        save_checkpoint(path, {{"model": torch.zeros(1_000_000)}})
except Exception as error:
    print(type(error).__name__, error, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout.startswith("PipelineError cannot write to "), done.stdout + done.stderr
    assert "the disk is full" in done.stdout and "free some disk space" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["last.pth"]
    assert len(torch.load(tmp_path / "last.pth", weights_only=True)["model"]) == 10
