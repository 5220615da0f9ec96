"""Faster or slower speech at the same pitch, for engines that have no speed of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np


def change_tempo(waveform: np.ndarray, sample_rate: int, speed: float) -> np.ndarray:
    """Stretch or squeeze speech without changing its pitch, by FFmpeg's `atempo` (waveform-similarity overlap-add).

    Args:
        waveform: float32 `[samples]`, -1..1.
        sample_rate: Hz.
        speed: 0.25..4.0; 2.0 is half as long.

    Returns:
        waveform, float32 `[about samples / speed]`; the same array where `speed` is 1.
    """
    if speed == 1.0 or not len(waveform):
        return waveform
    from av import AudioFrame
    from av.filter import Graph

    graph = Graph()
    source = graph.add_abuffer(sample_rate=sample_rate, format="flt", layout="mono")
    steps = [0.5, speed / 0.5] if speed < 0.5 else [speed]  # one filter does 0.5 and more
    graph.link_nodes(source, *(graph.add("atempo", f"{step:.6f}") for step in steps), graph.add("abuffersink"))
    graph.configure()
    frame = AudioFrame.from_ndarray(waveform.astype(np.float32).reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate = sample_rate
    graph.push(frame)
    graph.push(None)
    parts = [part.to_ndarray().reshape(-1) for part in _drain(graph)]
    return np.concatenate(parts).astype(np.float32) if parts else waveform  # too short to hold one period


def _drain(graph: Any) -> Iterator[Any]:
    from av.error import BlockingIOError, EOFError

    while True:
        try:
            yield graph.pull()
        except (BlockingIOError, EOFError):
            return
