"""Trim the silence off a clip

Before a voice is trained, the silence before and after each sentence goes. Write two members of the class `Clip`:

    duration             a property: the length in seconds
    trimmed(threshold)   a method: a new clip without the samples before the first and after the last loud one.
                         A sample is loud when its absolute value is greater than the threshold.

The first and the last loud sample stay. Silence between them stays too. The clip itself is not changed, not even when
somebody later changes the samples of the new one. The new clip has the same sample rate and text. A clip that is silent
throughout gives a clip of no samples.

    clip = Clip(np.array([0, 0, 0.5, 0, -0.4, 0]), sample_rate=2, text="Oh!")
    clip.duration             is 3.0
    clip.trimmed().waveform   is [0.5, 0, -0.4]

After: 04_classes_and_dataclasses.py
Concepts: classes and dataclasses, views and copies
Kind: exercise
Time: 20 min
"""

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
        # TODO: seconds
        raise NotImplementedError("duration")

    def trimmed(self, threshold: float = 0.01) -> Clip:
        # TODO: a new clip, from the first loud sample to the last
        raise NotImplementedError("trimmed")
