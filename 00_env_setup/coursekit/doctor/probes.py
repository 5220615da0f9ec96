"""What may hang, crash or be missing is tried in a child process: PyTorch, NumPy, the sound system."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Each prints one line of JSON, its last. They run in the course's environment, with coursekit's folder as argument,
# which takes the place of the current folder: no file that lies there is imported by mistake.
COMPUTING = """
import json, sys
sys.path[0] = sys.argv[1]
import numpy
import torch
product = torch.from_numpy(numpy.ones((2, 3), numpy.float32)) @ torch.full((3, 2), 2.0)
from coursekit.device import choose_device
choice = choose_device()
on_device = (torch.ones(4, device=choice.device) * 2).sum().item()
print(json.dumps({
    "numpy": numpy.__version__, "torch": torch.__version__, "sum": product.sum().item() + on_device,
    "device": str(choice.device), "dtype": str(choice.dtype).removeprefix("torch."), "reason": choice.reason,
    "cuda_build": torch.version.cuda is not None, "threads": torch.get_num_threads(),
}))
"""
EXPECTED_SUM = 4 * 6.0 + 8.0
SOUND = """
import json, sys
sys.path[0] = sys.argv[1]
import miniaudio
import soundfile
try:
    captures = [str(device["name"]) for device in miniaudio.Devices().get_captures()]
except miniaudio.MiniaudioError:
    captures = []
null = "generate zero samples"
print(json.dumps({"microphones": [name for name in captures if null not in name], "soundfile": soundfile.__version__}))
"""
# Names the packages of which a file is missing or cut off. The same test that bootstrap.py makes before it installs.
DAMAGED = """
import json, sys
del sys.path[0]
from importlib.metadata import distributions
damaged = []
for package in distributions():
    for file in package.files or ["RECORD"]:
        found = package.locate_file(file)
        if not (found.suffix == ".pyc" or (found.is_file() and file.size in (None, found.stat().st_size))):
            damaged.append(package.name)
            break
print(json.dumps({"damaged": damaged}))
"""
TIME_LIMIT = 120.0  # seconds; the first start of PyTorch from a slow disk takes long


@dataclass(frozen=True)
class Probe:
    """How a child process ended.

    Attributes:
        answer: What it found; empty when it did not come to its end.
        error: The last line it printed on stderr, or how it died.
        code: Its exit code; None when it ran into the time limit, or could not be started.
    """

    answer: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    code: int | None = 0


def run_probes(python: Path, folder: Path, codes: Sequence[str], time_limit: float = TIME_LIMIT) -> list[Probe]:
    """Run several probes at the same time and return what each found.

    Args:
        python: The interpreter of the course's environment.
        folder: The folder that holds coursekit.
        codes: Programs that end with a line of JSON.
        time_limit: Seconds after which a probe is given up.
    """
    started = [_start(python, folder, code) for code in codes]
    return [child if isinstance(child, Probe) else _finish(child, time_limit) for child in started]


def _start(python: Path, folder: Path, code: str) -> subprocess.Popen[str] | Probe:
    try:
        return subprocess.Popen(
            [str(python), "-W", "ignore", "-c", code, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        return Probe(error=f"cannot be started: {error.strerror or error}", code=None)


def _finish(child: subprocess.Popen[str], time_limit: float) -> Probe:
    try:
        printed, complaint = child.communicate(timeout=time_limit)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return Probe(error=f"gave no answer in {time_limit:.0f} s", code=None)
    if child.returncode == 0:
        try:
            return Probe(answer=json.loads(printed.strip().splitlines()[-1]))
        except (IndexError, ValueError):
            return Probe(error="ended without an answer", code=0)
    lines = [line for line in complaint.strip().splitlines() if line.strip()]
    return Probe(error=lines[-1] if lines else f"ended with code {child.returncode}", code=child.returncode)
