"""How clean speech sounds, without a reference: DNSMOS P.835, its models inside the package speechmos."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import soxr

from voice_pipeline.preprocessing import measure_loudness, normalise

QUALITY_RATE = 16_000
_SHORTEST = QUALITY_RATE // 10


@dataclass(frozen=True)
class Quality:
    """Predicted mean opinion scores, 1 (bad) to 5 (excellent), of listeners rating speech (Reddy et al. 2022).

    Attributes:
        overall: overall quality.
        signal: quality of the speech itself.
        background: how little the background disturbs; 5 is silent.
    """

    overall: float
    signal: float
    background: float


def dnsmos(waveform: np.ndarray, sample_rate: int) -> Quality | None:
    """Rate one waveform; all are brought to one loudness first, since the score depends on the level.

    The model was trained on recordings with noise, not on synthetic speech: it hears buzz and noise, but no wrong words
    and no wrong voice. It looks at 9 seconds; a shorter clip is repeated until it fills them, by speechmos itself.

    Args:
        waveform: float32 `[samples]`, -1..1.
        sample_rate: Hz; resampled to 16 kHz.

    Returns:
        the scores, or None for silence and for less than 0.1 s.
    """
    at_16k = soxr.resample(waveform.astype(np.float32), sample_rate, QUALITY_RATE)
    loudness = measure_loudness(at_16k, QUALITY_RATE) if len(at_16k) >= _SHORTEST else None
    if loudness is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of packages it imports
        from speechmos import dnsmos as model

        scores = model.run(np.clip(normalise(at_16k, loudness)[0], -1.0, 1.0), QUALITY_RATE)
    return Quality(float(scores["ovrl_mos"]), float(scores["sig_mos"]), float(scores["bak_mos"]))
