"""An inaudible mark that says "made by a machine": Resemble AI's Perth, where it is installed (weights in its package).

It carries one bit, so it says that a sound was made, not by whom; the provenance ledger says the rest. It survives
MP3, Opus and resampling.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import threading
import warnings
from typing import Any

import numpy as np

NAME = "perth"
INSTALL = "python -m pip install resemble-perth"

_SHORTEST_SECONDS = 0.1
_BLOCK_SECONDS, _OVERLAP_SECONDS = 30.0, 0.05
_LOCK = threading.Lock()


def is_installed() -> bool:
    """Whether the library is there; nothing is loaded."""
    return importlib.util.find_spec("perth") is not None


def apply(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, str | None]:
    """Mark a sound.

    Args:
        waveform: float32 `[samples]`.
        sample_rate: Hz.

    Returns:
        the marked waveform, as long as before, and the mark's name; or the waveform as it was and None where the
        library is not installed or the sound is shorter than 0.1 s.
    """
    marker = _marker()
    if marker is None or len(waveform) < _SHORTEST_SECONDS * sample_rate:
        return waveform, None
    size, overlap = round(_BLOCK_SECONDS * sample_rate), round(_OVERLAP_SECONDS * sample_rate)
    marked = np.array(waveform, np.float32)
    for start in range(0, max(1, len(waveform) - overlap), size):
        part = np.asarray(waveform[start : start + size + overlap], np.float32)
        if len(part) < _SHORTEST_SECONDS * sample_rate:
            break
        with _LOCK:
            done: np.ndarray = np.asarray(marker.apply_watermark(part, sample_rate=sample_rate), np.float32).reshape(-1)
        done = np.concatenate([done[: len(part)], part[len(done) :]])  # Perth drops up to one hop at the end
        if start:
            ramp = np.linspace(0.0, 1.0, overlap, dtype=np.float32)[: len(done)]
            done[: len(ramp)] = ramp * done[: len(ramp)] + (1 - ramp) * marked[start : start + len(ramp)]
        marked[start : start + len(done)] = done
    peak = float(np.abs(marked).max(initial=0.0))
    return (marked / peak if peak > 1.0 else marked), NAME


def detect(waveform: np.ndarray, sample_rate: int) -> bool | None:
    """Whether a sound carries the mark; None where that cannot be told."""
    marker = _marker()
    if marker is None or len(waveform) < _SHORTEST_SECONDS * sample_rate:
        return None
    with _LOCK:
        return bool(float(marker.get_watermark(np.asarray(waveform, np.float32), sample_rate=sample_rate)) > 0.5)


@functools.lru_cache(maxsize=1)
def _marker() -> Any:
    if not is_installed():
        return None
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):  # it prints what it loads
        warnings.simplefilter("ignore")
        import perth

        # With setuptools 82 or later Perth imports, but its class is None.
        return perth.PerthImplicitWatermarker(device="cpu") if perth.PerthImplicitWatermarker else None
