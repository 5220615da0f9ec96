"""Misconception: the silence between the words is gone too"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Clip:
    """A piece of mono sound and what is said in it."""

    waveform: np.ndarray
    sample_rate: int = 24_000
    text: str = ""

    @property
    def duration(self) -> float:
        return len(self.waveform) / self.sample_rate

    def trimmed(self, threshold: float = 0.01) -> Clip:
        loud = np.flatnonzero(np.abs(self.waveform) > threshold)
        if len(loud) == 0:
            return Clip(self.waveform[:0].copy(), self.sample_rate, self.text)
        return Clip(self.waveform[loud].copy(), self.sample_rate, self.text)
