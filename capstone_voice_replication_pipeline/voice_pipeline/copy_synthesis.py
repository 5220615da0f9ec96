"""A yardstick for voices: a real recording turned into a mel spectrogram and back; only the sound is made anew.

What a recording loses on this way no text-to-speech model is to blame for. Griffin-Lim needs no training and knows no
speaker, so it stays the same whatever vocoder an engine uses.
"""

from __future__ import annotations

import librosa
import numpy as np

from voice_pipeline.acoustics import log_mel
from voice_pipeline.settings import AUDIO, AudioSettings

ITERATIONS = 40


def griffin_lim_copy(waveform: np.ndarray, *, seed: int = 0, audio: AudioSettings = AUDIO) -> np.ndarray:
    """Waveform -> mel -> waveform (Griffin and Lim 1984, Perraudin et al. 2013; librosa throughout).

    Args:
        waveform: float32 `[samples]`, -1..1, at `audio.sample_rate`.
        seed: of the random phase it starts from.
        audio: frame grid and mel scale.

    Returns:
        float32, as long as `waveform`, -1..1.
    """
    magnitude = librosa.feature.inverse.mel_to_stft(
        np.exp(log_mel(waveform, audio)),
        sr=audio.sample_rate,
        n_fft=audio.n_fft,
        power=1.0,
        fmin=audio.mel_fmin,
        fmax=audio.mel_fmax,
    )
    copied = librosa.griffinlim(
        magnitude,
        n_iter=ITERATIONS,
        hop_length=audio.hop_length,
        n_fft=audio.n_fft,
        length=len(waveform),
        random_state=seed,
    )
    return np.clip(copied, -1.0, 1.0).astype(np.float32)
