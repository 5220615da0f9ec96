"""Checkpoints of a run and weights of a voice: written atomically, read without running code from the file.

Training checkpoints are PyTorch files that load with `weights_only=True`; finished voices are safetensors.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from coursekit.files import atomic_path
from voice_pipeline.errors import PipelineError


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a training state; a process killed meanwhile leaves the old file as it was.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    with atomic_path(path) as temporary:
        try:
            torch.save(dict(state), temporary)
        except RuntimeError as error:  # what PyTorch makes of a failed write, "inline_container.cc ... unexpected pos"
            if "inline_container" not in str(error) and "PytorchStreamWriter" not in str(error):
                raise
            raise OSError(errno.ENOSPC, f"the checkpoint {path.name} cannot be written, the disk is full") from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read what `save_checkpoint` wrote, tensors on the CPU.

    Raises:
        PipelineError: the file is missing, damaged, or holds anything but tensors and plain values.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise PipelineError(f"there is no checkpoint {path}", hint="run the training step again") from error
    except Exception as error:  # torch.load raises many kinds for a damaged file
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise PipelineError(
            f"the checkpoint {path} cannot be read: {reason}", hint=f"delete {path} and run the training step again"
        ) from error


def remove_interrupted_writes(folder: Path) -> None:
    """Remove the half-written temporary files that a killed process left behind."""
    for leftover in folder.glob(".*.tmp*"):
        leftover.unlink(missing_ok=True)


def random_state(device: str = "cpu") -> dict[str, Any]:
    """State of all random generators, as tensors and plain values."""
    version, internal, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(internal), gauss],
        "numpy": [
            name,
            torch.from_numpy(np.asarray(keys).astype(np.int64)),
            int(position),
            int(has_gauss),
            float(cached),
        ],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.startswith("cuda") else None,
    }


def restore_random_state(state: Mapping[str, Any], device: str = "cpu") -> None:
    """Continue the random sequences where `random_state` saw them."""
    version, internal, gauss = state["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and device.startswith("cuda"):
        torch.cuda.set_rng_state(state["cuda"], device)


def save_weights(path: Path, weights: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write weights as safetensors.

    Args:
        path: target, usually `model.safetensors`.
        weights: a state dict; tensors that share memory are stored once each.
        metadata: short strings kept in the file's header.
    """
    plain = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in weights.items()}
    with atomic_path(path) as temporary:
        save_file(plain, temporary, metadata={"format": "pt", **(metadata or {})})


def load_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read safetensors, tensors on the CPU.

    Raises:
        PipelineError: the file is missing or damaged.
    """
    if not path.is_file():
        raise PipelineError(f"there are no weights at {path}", hint="fine-tune the voice again: 04_fine_tune.py")
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise PipelineError(
            f"the weights {path} are damaged: {error}", hint=f"delete {path} and fine-tune the voice again"
        ) from error


def apply_weights(model: torch.nn.Module, weights: Mapping[str, torch.Tensor], source: Path) -> None:
    """Load weights into a model, all of them and no others.

    Raises:
        PipelineError: names or shapes do not fit the model.
    """
    try:
        model.load_state_dict(dict(weights), strict=True)
    except RuntimeError as error:
        lines = str(error).splitlines()
        detail = lines[1].strip() if len(lines) > 1 else lines[0]
        raise PipelineError(
            f"the weights {source} do not belong to the configuration beside them: {detail[:300]}",
            hint="fine-tune the voice again, or put config.json and weights of the same model side by side",
        ) from error
