"""Checks that both mels agree on several sounds, that the trainer's is untouched, and the letter."""

import librosa
import numpy as np

from coursekit.course import Wrong


def truth(waveform: np.ndarray) -> np.ndarray:
    bank = librosa.filters.mel(sr=24_000, n_fft=1024, n_mels=80, fmin=0, fmax=12_000)
    spectrum = librosa.stft(waveform, n_fft=1024, hop_length=256, center=False)
    return np.log(np.maximum(bank @ np.abs(spectrum), 1e-5))


def check(answer) -> None:
    random = np.random.default_rng(11)
    t = np.arange(12_000) / 24_000
    sounds = {
        "a vowel": answer.sound(),
        "hiss": 0.05 * random.normal(size=12_000),
        "a tone": 0.3 * np.sin(2 * np.pi * 1_000 * t),
        "near silence": 1e-4 * random.normal(size=12_000),
    }
    for name, waveform in sounds.items():
        wanted = truth(waveform)
        if np.abs(np.asarray(answer.trainer_mel(waveform)) - wanted).max() > 0.01:
            raise Wrong("trainer_mel was changed; the voice is already trained on it. Repair vocoder_mel.")
        seen = np.asarray(answer.vocoder_mel(waveform), float)
        if seen.shape != wanted.shape:
            raise Wrong(f"vocoder_mel of {name} has the shape {seen.shape}; {wanted.shape} is needed.")
        gap = np.abs(seen - wanted).max()
        if gap <= 0.01:
            continue
        told = f"For {name} the two mels still differ by up to {gap:.2f}"
        power = librosa.filters.mel(sr=24_000, n_fft=1024, n_mels=80, fmin=0, fmax=12_000) @ (
            np.abs(librosa.stft(waveform, n_fft=1024, hop_length=256, center=False)) ** 2
        )
        half = 0.5 * np.log(np.maximum(power, 1e-5))
        if np.allclose(seen, half, atol=0.01) or np.allclose(seen, 0.5 * np.log(np.maximum(power, 1e-10)), atol=0.01):
            raise Wrong(f"{told}: half the logarithm of a sum of squares is not the logarithm of the sum.")
        if np.ptp(seen - np.log(np.maximum(power, 1e-5))) < 0.01:
            raise Wrong(f"{told}: a shift makes the means equal, not the mels.")
        raise Wrong(f"{told}.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The mels agree. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "both ask for bands up to 12,000 Hz",
        "B": "both have the same number of frames of the same waveform, and share `frames`",
        "D": "both take the natural logarithm; another base would be one factor for all values",
    }
    if letter != "C":
        raise Wrong(f"The mels agree; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
