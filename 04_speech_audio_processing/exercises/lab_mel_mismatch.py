"""Lab: two programs, two mels

A voice was trained on `trainer_mel`, its vocoder on `vocoder_mel`. Each works alone; together they hiss. Run your copy
(`python my_answers/lab_mel_mismatch.py`, in the folder of this module): the shapes are equal, the pictures look alike,
the correlation is 0.99, and no program complains. Find the cause, put its letter into DIAGNOSIS, and repair
`vocoder_mel` so that both give the same numbers for any sound.

    A  The vocoder's filters reach to another highest frequency.
    B  The vocoder's frames are another length of time apart.
    C  The vocoder adds up powers in each band, the trainer adds up magnitudes.
    D  The vocoder takes the logarithm to another base.

After: 03_mel_and_mfcc.py
Concepts: the mel scale, mfcc
Kind: lab
Time: 15 min
"""

import numpy as np
from librosa.filters import mel

DIAGNOSIS = "?"
RATE, WINDOW, HOP, BANDS = 24_000, 1024, 256, 80
FLOOR = 1e-5


def sound() -> np.ndarray:
    """Return half a second of a buzzing vowel with a little hiss, float [S]."""
    t = np.arange(RATE // 2) / RATE
    hiss = 0.005 * np.random.default_rng(0).normal(size=len(t))
    return 0.1 * sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 30)) + hiss


def frames(waveform: np.ndarray) -> np.ndarray:
    cut = np.lib.stride_tricks.sliding_window_view(waveform, WINDOW)[::HOP]
    return np.fft.rfft(cut * np.hanning(WINDOW + 1)[:-1], axis=1).T  # complex [F, N]


def trainer_mel(waveform: np.ndarray) -> np.ndarray:
    """What the voice was trained on. This function is right."""
    bank = mel(sr=RATE, n_fft=WINDOW, n_mels=BANDS, fmin=0, fmax=12_000)
    return np.log(np.maximum(bank @ np.abs(frames(waveform)), FLOOR))


def vocoder_mel(waveform: np.ndarray) -> np.ndarray:
    """What the vocoder was trained on, by another program. It has to be the same thing."""
    bank = mel(sr=RATE, n_fft=WINDOW, n_mels=BANDS, fmin=0, fmax=12_000)
    return np.log(np.maximum(bank @ np.abs(frames(waveform)) ** 2, FLOOR))


if __name__ == "__main__":
    first, second = trainer_mel(sound()), vocoder_mel(sound())
    print(
        f"shapes {first.shape} and {second.shape}; mean {first.mean():.2f} and {second.mean():.2f}; "
        f"correlation {np.corrcoef(first.ravel(), second.ravel())[0, 1]:.3f}"
    )
