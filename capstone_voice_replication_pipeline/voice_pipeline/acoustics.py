"""Waveform to frames: log-mel spectrogram, fundamental frequency, energy. All by librosa, all on one frame grid."""

from __future__ import annotations

import functools

import librosa
import numpy as np
import soxr

from voice_pipeline.settings import AUDIO, AudioSettings

_F0_RATE = 12_000  # pyin at half the rate finds the same F0 four times faster; 12 kHz holds 24 harmonics of 500 Hz


@functools.lru_cache(maxsize=4)
def mel_filters(audio: AudioSettings = AUDIO) -> np.ndarray:
    """Mel filter bank, float32 `[n_mels, n_fft // 2 + 1]` (Slaney scale and norm, `librosa.filters.mel`)."""
    return librosa.filters.mel(
        sr=audio.sample_rate,
        n_fft=audio.n_fft,
        n_mels=audio.n_mels,
        fmin=audio.mel_fmin,
        fmax=audio.mel_fmax,
        dtype=np.float32,
    )


def frame_count(n_samples: int, audio: AudioSettings = AUDIO) -> int:
    """Frames of a centred transform over `n_samples` samples."""
    return 1 + n_samples // audio.hop_length


def log_mel(waveform: np.ndarray, audio: AudioSettings = AUDIO) -> np.ndarray:
    """Natural-log mel spectrogram of magnitudes.

    Args:
        waveform: float32 `[samples]`, -1..1, at `audio.sample_rate`.
        audio: frame grid and mel scale.

    Returns:
        float32 `[n_mels, frames]`, at least `log(audio.log_floor)`; frames are centred, `frame_count` of them.
    """
    spectrum = librosa.stft(
        y=waveform, n_fft=audio.n_fft, hop_length=audio.hop_length, window="hann", center=True, pad_mode="reflect"
    )
    return np.log(np.maximum(mel_filters(audio) @ np.abs(spectrum), audio.log_floor)).astype(np.float32)


def fundamental_frequency(waveform: np.ndarray, audio: AudioSettings = AUDIO) -> np.ndarray:
    """Fundamental frequency by probabilistic YIN (Mauch and Dixon 2014, `librosa.pyin`).

    Args:
        waveform: float32 `[samples]`, at `audio.sample_rate`.
        audio: frame grid and search range.

    Returns:
        float32 `[frames]`, Hz, 0 where the frame is unvoiced; as many frames as `log_mel` gives.
    """
    frames = frame_count(len(waveform), audio)
    hop = audio.hop_length * _F0_RATE // audio.sample_rate
    half = soxr.resample(waveform, audio.sample_rate, _F0_RATE)
    f0, voiced, _ = librosa.pyin(
        y=half,
        sr=_F0_RATE,
        fmin=audio.f0_min,
        fmax=audio.f0_max,
        frame_length=1024,
        hop_length=hop,
        resolution=0.2,
        n_thresholds=50,
        fill_na=0.0,
    )
    f0 = np.where(voiced, f0, 0.0).astype(np.float32)
    return np.pad(f0, (0, max(0, frames - len(f0))))[:frames]


def energy(waveform: np.ndarray, audio: AudioSettings = AUDIO) -> np.ndarray:
    """Root mean square per frame, float32 `[frames]`, 0..1 (`librosa.feature.rms`)."""
    return librosa.feature.rms(
        y=waveform, frame_length=audio.n_fft, hop_length=audio.hop_length, center=True, pad_mode="reflect"
    )[0].astype(np.float32)
