"""Training killed without warning at random moments, many times over, has the curve of a training nobody touched."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch

from voice_pipeline.engines.curves import read_curves

HERE = Path(__file__).resolve().parent
pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"),
    reason="needs os.fork, which Windows lacks; starting Python anew for every kill is too slow",
)


class Trainer:
    """A process of dying_trainer.py."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def _read(self) -> str:
        line = self.process.stdout.readline()
        assert line, "the trainer ended by itself; see its error above"
        return line.strip()

    def start(self, run_dir: Path, die_at_write: int | None = None) -> int:
        """Begin, or go on with, the run in `run_dir`; returns the process id."""
        self.process.stdin.write(json.dumps({"run_dir": str(run_dir), "die_at_write": die_at_write}) + "\n")
        self.process.stdin.flush()
        return int(self._read())

    def exit_code(self) -> int:
        """Wait for the end of what was started."""
        return int(self._read())

    def kill_at(self, run_dir: Path, rows: int, delay: float) -> int:
        """Start, and kill once the curve has `rows` rows, `delay` seconds later; returns the exit code."""
        child = self.start(run_dir)
        deadline = time.monotonic() + 240
        with suppress(ProcessLookupError):  # it may finish meanwhile
            while len(read_curves(run_dir)) < rows and time.monotonic() < deadline:
                time.sleep(0.002)
                os.kill(child, 0)  # is it there?
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        return self.exit_code()


@contextmanager
def trainer() -> Iterator[Trainer]:
    arguments = [sys.executable, str(HERE / "dying_trainer.py")]
    process = subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    try:
        running = Trainer(process)
        assert running._read() == "ready"
        yield running
    finally:
        process.stdin.close()
        process.wait(timeout=60)
        process.stdout.close()


def curve(run_dir: Path) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in read_curves(run_dir)]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)["model"]


@pytest.fixture(scope="module")
def toy(tmp_path_factory) -> Iterator[tuple[Trainer, Path]]:
    """A trainer, and the run folder of a training that nobody touched."""
    unbroken = tmp_path_factory.mktemp("unbroken")
    with trainer() as running:
        running.start(unbroken)
        assert running.exit_code() == 0
        yield running, unbroken


@pytest.mark.parametrize("seed", range(3))
def test_killed_from_outside_at_random_moments(toy, tmp_path, seed):
    running, unbroken = toy
    rng = random.Random(seed)
    (tmp_path / "notes.txt").write_text("mine")
    killed_at = []
    for _ in range(6):
        ahead = len(read_curves(tmp_path)) + rng.randint(1, 9)
        if running.kill_at(tmp_path, ahead, rng.uniform(0, 0.02)) == -signal.SIGKILL:
            killed_at.append(len(read_curves(tmp_path)))
    assert len(killed_at) >= 3, "the run was over before it could be killed"
    running.start(tmp_path)
    assert running.exit_code() == 0
    assert_same_run(tmp_path, unbroken)


@pytest.mark.parametrize("seed", range(3))
def test_killed_in_the_middle_of_writing(toy, tmp_path, seed):
    """At a random one of the moments between the first byte of a file and its final name, and just after."""
    running, unbroken = toy
    rng = random.Random(100 + seed)
    (tmp_path / "notes.txt").write_text("mine")
    codes = []
    for _ in range(8):
        running.start(tmp_path, die_at_write=rng.randint(1, 12))
        codes.append(running.exit_code())
        for path in tmp_path.glob("*.pth"):
            assert all(torch.isfinite(value).all() for value in weights(path).values()), "a checkpoint is always whole"
    assert codes.count(-signal.SIGKILL) >= 6, codes
    running.start(tmp_path)
    assert running.exit_code() == 0
    assert_same_run(tmp_path, unbroken)


def assert_same_run(run_dir: Path, unbroken: Path) -> None:
    assert [row["step"] for row in curve(run_dir) if row["split"] == "train"] == list(range(1, 61))
    for ours, theirs in zip(curve(run_dir), curve(unbroken), strict=True):
        assert ours == theirs
    for name in ("last.pth", "best.pth"):
        ours, theirs = weights(run_dir / name), weights(unbroken / name)
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs), name
    assert (run_dir / "notes.txt").read_text() == "mine", "a run folder is never deleted"
    assert sorted(path.name for path in run_dir.iterdir() if path.suffix == ".pth" or "tmp" in path.name) == [
        "best.pth",
        "last.pth",
    ]
