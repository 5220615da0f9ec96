"""Checks one_round against what it must keep, and that many rounds come nearer."""

import librosa
import numpy as np

from coursekit.course import Wrong

SIZE = {"n_fft": 256, "hop_length": 64}


def check(answer) -> None:
    t = np.arange(4096) / 8000
    sound = 0.3 * np.sin(2 * np.pi * (300 * t + 400 * t**2)) + 0.1 * np.sin(2 * np.pi * 1200 * t)
    magnitude = np.abs(librosa.stft(sound, **SIZE))

    def to_waveform(spectrum):
        return librosa.istft(spectrum, hop_length=64, n_fft=256, length=len(sound))

    def to_spectrum(waveform):
        return librosa.stft(waveform, **SIZE)

    start = magnitude * np.exp(1j * np.random.default_rng(2).uniform(-3, 3, magnitude.shape))
    kept = start.copy()
    seen = np.asarray(answer.one_round(magnitude.copy(), start, to_waveform, to_spectrum))
    if seen.shape != magnitude.shape or not np.iscomplexobj(seen):
        raise Wrong(f"one_round returned shape {seen.shape} of {seen.dtype}; a complex {magnitude.shape} is needed.")
    new = to_spectrum(to_waveform(kept))
    if np.allclose(seen, new, atol=1e-6):
        raise Wrong("The magnitudes are those of the waveform; the wanted ones have to be put back.")
    if np.allclose(seen, np.abs(new) * np.exp(1j * np.angle(kept)), atol=1e-6):
        raise Wrong("These are the old phases with the new magnitudes: it is the other way round.")
    if not np.allclose(np.abs(seen), magnitude, atol=1e-4 * magnitude.max()):
        raise Wrong("The magnitudes are not the wanted ones. A phase is a complex number of length 1.")
    silent = np.zeros_like(start)
    with np.errstate(all="ignore"):
        nothing = answer.one_round(np.zeros_like(magnitude), silent, to_waveform, to_spectrum)
    if not np.isfinite(nothing).all():
        raise Wrong("For silence NaN comes out: 0 / 0 is no phase.")
    spectrum = kept
    for _ in range(20):
        spectrum = answer.one_round(magnitude, spectrum, to_waveform, to_spectrum)
    gaps = [np.linalg.norm(np.abs(to_spectrum(to_waveform(one))) - magnitude) for one in (kept, spectrum)]
    if not gaps[1] < 0.5 * gaps[0]:
        raise Wrong(f"After 20 rounds the distance to the magnitudes is {gaps[1]:.2f}, at the beginning {gaps[0]:.2f}.")
