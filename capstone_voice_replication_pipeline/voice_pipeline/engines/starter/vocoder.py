"""Frames to sound: Griffin-Lim, the vocoder that needs no training (Perraudin et al. 2013, through librosa)."""

from __future__ import annotations

import functools

import librosa
import numpy as np

from voice_pipeline.acoustics import mel_filters
from voice_pipeline.settings import AUDIO


@functools.lru_cache(maxsize=1)
def _inverse_filters() -> np.ndarray:
    return np.linalg.pinv(mel_filters(AUDIO)).astype(np.float32)


def griffin_lim(mel: np.ndarray, *, iterations: int = 40, seed: int = 0) -> np.ndarray:
    """Waveform whose mel spectrogram is close to `mel`.

    Args:
        mel: natural-log mel, float32 `[80, T]`, as `acoustics.log_mel` makes it.
        iterations: rounds of phase estimation; 40 is where more stops helping.
        seed: of the random phase it starts from.

    Returns:
        float32 `[(T - 1) * hop_length]`, -1..1.
    """
    magnitude = np.maximum(_inverse_filters() @ np.exp(mel), 0.0)  # [513, T]
    waveform = librosa.griffinlim(
        S=magnitude,
        n_iter=iterations,
        hop_length=AUDIO.hop_length,
        n_fft=AUDIO.n_fft,
        window="hann",
        momentum=0.99,
        length=(mel.shape[1] - 1) * AUDIO.hop_length,
        random_state=seed,
    )
    return np.clip(waveform, -1.0, 1.0).astype(np.float32)
