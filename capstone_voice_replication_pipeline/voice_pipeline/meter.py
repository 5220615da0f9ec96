"""What a training run spends its time and memory on, counted in parts, so that a few steps can predict a whole run.

An engine tells its request's `Meter` what it is doing; the ordinary meter only counts. The one used in a calibration
(see `budget`) also shortens what is tried out, and ends the run when it has seen enough.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from voice_pipeline.errors import PipelineError

STEP, EVALUATION, CHECKPOINT, TRIAL = "step", "evaluation", "checkpoint", "trial"
BROKEN_OFF = "broken off"  # parts that ended by an error
_MB = 2**20
_RESERVE_MB = 200  # of free memory; below it the operating system is about to end a process


class Meter:
    """Seconds and counts by kind of part; a part is counted without the parts inside it.

    Attributes:
        seconds: wall-clock seconds by kind.
        counts: how often each kind was done; a part that was done by half counts 0.5.
        first_step: seconds of the first step, which also pays for warming up.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.counts: dict[str, float] = defaultdict(float)
        self.first_step = 0.0
        self._inside = 0.0  # seconds of finished parts on the present level
        self._lap_from, self._inside_at_lap = time.perf_counter(), 0.0

    @contextmanager
    def measure(self, kind: str, amount: float = 1.0) -> Iterator[None]:
        """Count the block as `amount` parts of a kind."""
        self.check()
        outer, self._inside = self._inside, 0.0
        started = time.perf_counter()
        finished = False
        try:
            yield
            finished = True
        finally:
            took = time.perf_counter() - started
            self._add(kind if finished else BROKEN_OFF, took - self._inside, amount)
            self._inside = outer + took

    @contextmanager
    def some(self, kind: str, texts: Sequence[str], least: int = 2) -> Iterator[Sequence[str]]:
        """Count the block as one part that works through `texts`; lends those it should work through: all of them.

        Args:
            kind: what the part is called.
            texts: what there is to do.
            least: how many a calibration needs to do, at least.
        """
        with self.measure(kind):
            yield texts

    def start_laps(self) -> None:
        """The next `lap` counts from here."""
        self._lap_from, self._inside_at_lap = time.perf_counter(), self._inside

    def lap(self) -> None:
        """A training step has ended; it took the time since the last lap, without the parts measured meanwhile."""
        now = time.perf_counter()
        own = now - self._lap_from - (self._inside - self._inside_at_lap)
        if not self.counts[STEP]:
            self.first_step = own
        self._add(STEP, own, 1.0)
        self._lap_from, self._inside_at_lap = now, self._inside
        self._inside += own
        self._inside_at_lap += own
        self.check()

    def enough(self) -> bool:
        """True when training should end early; the ordinary meter never asks for it."""
        return False

    def check(self) -> None:
        """Called at every part; may raise to end the run."""

    def _add(self, kind: str, seconds: float, amount: float) -> None:
        self.seconds[kind] += seconds
        self.counts[kind] += amount


class MemoryWatch:
    """Looks at this process's memory ten times a second while its `with` block runs.

    Attributes:
        peak_mb: the most resident memory of the process seen, in MB of 2**20 bytes; includes what it held before.
        gpu_mb: the most memory PyTorch held on the GPU; 0 without one.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.device = device
        self.peak_mb = self.gpu_mb = 0.0
        self.exhausted = False
        self._stop = threading.Event()

    def __enter__(self) -> MemoryWatch:
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)
        self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()
        if self.device.startswith("cuda"):
            import torch

            self.gpu_mb = torch.cuda.max_memory_reserved(self.device) / _MB

    def check(self) -> None:
        """Stop before the operating system does.

        Raises:
            PipelineError: the machine's memory was nearly used up.
        """
        if self.exhausted:
            raise out_of_memory(f"less than {_RESERVE_MB} MB were left while it ran")

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            self._look()

    def _look(self) -> None:
        self.peak_mb = max(self.peak_mb, resident_mb())
        self.exhausted = self.exhausted or free_memory_mb() < _RESERVE_MB


def out_of_memory(seen: str) -> PipelineError:
    """The error with its repair."""
    return PipelineError(
        f"the memory of this machine does not suffice for this training: {seen}",
        hint="close other programs and run the same command again; the starter engine needs the least (--engine "
        "starter), and on a GPU that is too small --device cpu works",
    )


def resident_mb() -> float:
    """Memory this process holds now, in MB."""
    return psutil.Process().memory_info().rss / _MB


def free_memory_mb() -> float:
    """Memory that programs can still get, in MB; in a container what its limit leaves."""
    free = psutil.virtual_memory().available / _MB
    group = Path("/sys/fs/cgroup")
    if not (group / "memory.max").is_file():
        return free
    limit = (group / "memory.max").read_text().strip()
    if not limit.isdigit():  # "max"
        return free
    used = int((group / "memory.current").read_text())
    rows = (line.split() for line in (group / "memory.stat").read_text().splitlines())
    cached = sum(int(value) for name, value in rows if name in ("active_file", "inactive_file"))
    return min(free, (int(limit) - used + cached) / _MB)


def free_disk_mb(place: Path) -> float:
    """Room on the disk that holds `place`, in MB."""
    return psutil.disk_usage(str(place)).free / _MB


def folder_mb(folder: Path) -> tuple[float, float]:
    """Size of all files below a folder, and of the largest of them, in MB."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(sizes) / _MB, max(sizes, default=0) / _MB
