"""Where to compute, in which number format, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coursekit.errors import CourseError

if TYPE_CHECKING:
    from argparse import Namespace

    import numpy as np
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


@dataclass(frozen=True)
class DeviceChoice:
    """A device with the reason it was chosen.

    Attributes:
        device: What to pass to `.to(...)`.
        dtype: Number format of weights and activations. float32 everywhere: the one format in which all three
            kinds of device agree; mixed precision is a training setting, not a device.
        reason: Why this device, as a phrase.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str

    def describe(self) -> str:
        """Return one printable line: device, dtype and the reason."""
        return f"device {self.device}, dtype {str(self.dtype).removeprefix('torch.')}: {self.reason}"


def choose_device(requested: str = "auto") -> DeviceChoice:
    """Choose the device to compute on.

    Args:
        requested: "auto" takes an NVIDIA GPU, else Apple's MPS, else the CPU; any other name insists on it.

    Raises:
        CourseError: The name is unknown, or PyTorch cannot use that device here.
    """
    import torch

    if requested not in DEVICES:
        raise CourseError(f"device {requested!r} is unknown.", hint=f"use one of: {', '.join(DEVICES)}")
    obstacles = {"cuda": _cuda_obstacle(), "mps": _mps_obstacle()}
    if requested == "auto":
        found = next((name for name, obstacle in obstacles.items() if not obstacle), "cpu")
        reason = "; ".join(obstacles.values()) if found == "cpu" else _name_of(found)
    elif obstacles.get(requested):
        raise CourseError(f"--device {requested} cannot be used: {obstacles[requested]}.", hint="use --device auto")
    else:
        found, reason = requested, "asked for by --device"
    return DeviceChoice(torch.device(found), torch.float32, reason)


def _cuda_obstacle() -> str:
    import torch

    if torch.cuda.is_available():
        return ""
    if torch.version.cuda is None:
        return "this PyTorch is built without CUDA"
    return "PyTorch sees no NVIDIA GPU or driver"


def _mps_obstacle() -> str:
    import torch

    return "" if torch.backends.mps.is_available() else "no Apple GPU (MPS)"


def _name_of(device: str) -> str:
    import torch

    return f"NVIDIA GPU found ({torch.cuda.get_device_name()})" if device == "cuda" else "Apple GPU found (MPS)"


def cpu_generator(settings: Namespace, why: str) -> np.random.Generator:
    """Say that a script computes on the CPU and why; return its one generator of random numbers.

    Args:
        settings: The script's, with `device` and `seed`.
        why: As a phrase.

    Raises:
        CourseError: `--device cuda` or `mps` was asked for.
    """
    import numpy as np

    if settings.device in ("cuda", "mps"):
        raise CourseError(f"--device {settings.device} cannot be used: {why}.", hint="leave --device out")
    print(f"device cpu, dtype float32: {why}")
    return np.random.default_rng(settings.seed)
