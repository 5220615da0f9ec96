"""Lab: the clipped recordings that nobody found

Run your copy (`python my_answers/lab_quiet_clipping.py`, in the folder of this module). A check for clipping let 30
crackling recordings through, and a voice has learnt to crackle. Find the cause, put its letter into DIAGNOSIS, and
repair `is_clipped` so that it finds overdriven recordings at any volume, and calls no clean one clipped, however loud.

    A  The share of 0.1 % is too large; a few samples at full scale are enough.
    B  The recordings were cut off at full scale, then turned down, so that no sample is at full scale any more.
    C  The recordings are noisy, not clipped.
    D  Negative samples are not looked at.

After: 08_augmentation.py
Concepts: clipping
Kind: lab
Time: 20 min
"""

import numpy as np

DIAGNOSIS = "?"
RATE = 24_000


def voice(seed: int) -> np.ndarray:
    """Return a second of sound as peaky as speech, highest sample 0.9. This function is right."""
    random = np.random.default_rng(seed)
    smooth = np.convolve(random.normal(size=RATE), np.hanning(12), mode="same")
    loudness = np.interp(np.arange(RATE), np.linspace(0, RATE, 12), random.uniform(0.05, 1, 12))
    return 0.9 * smooth * loudness / np.abs(smooth * loudness).max()


def overdriven(seed: int, volume: float) -> np.ndarray:
    """Return the voice recorded three times too loudly, then turned down to `volume` by the telephone."""
    return volume * np.clip(3 * voice(seed), -1, 1)


def is_clipped(waveform: np.ndarray) -> bool:
    """Return whether a recording has flat tops."""
    return bool(np.mean(np.abs(waveform) >= 0.999) > 0.001)


if __name__ == "__main__":
    print("a clean recording:", is_clipped(voice(1)))
    for volume in (1.0, 0.7, 0.2):
        print(f"overdriven, then turned down to {volume}:", is_clipped(overdriven(1, volume)))
