"""Misconception: it has no sample at 1"""

import numpy as np

DIAGNOSIS = "B"
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
    peak = np.abs(waveform).max(initial=0.0)
    if peak == 0:
        return False
    at_top = np.abs(waveform) > 0.995
    stands = np.abs(np.diff(waveform)) < 1e-3 * peak
    flat = at_top[2:] & stands[1:] & stands[:-1]  # three neighbours near the peak of THIS file that do not move
    return bool(np.mean(flat) > 0.001)


if __name__ == "__main__":
    print("a clean recording:", is_clipped(voice(1)))
    for volume in (1.0, 0.7, 0.2):
        print(f"overdriven, then turned down to {volume}:", is_clipped(overdriven(1, volume)))
