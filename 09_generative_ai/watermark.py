"""A watermark from scratch for 08_trust.py: a keyed pattern of tiny steps in loudness, found again by correlation.

The spectrogram is laid out in tiles, one band high and four frames long. A secret key says for each tile of a pattern
that repeats whether it becomes a little louder or a little softer. Nobody hears 1 dB here and there, but over a
thousand tiles the sum tells whether somebody followed the key. This is spread spectrum (Cox 1997; for sound,
Kirovski and Malvar 2003).

Letters used in shapes: S samples, F frequencies, N frames, B bands, P tiles of the pattern in time.
"""

from __future__ import annotations

import numpy as np
import scipy.signal
import soxr

RATE = 24_000  # Hz; everything is brought to this rate before it is looked at
WINDOW, HOP = 1024, 256  # samples
EDGES = np.geomspace(400, 4500, 25)  # Hz: 24 bands, where speech is and what a telephone and an MP3 keep
FRAMES, PERIOD = 4, 16  # frames of a tile (43 ms), and P: the pattern repeats every 0.68 s
STRENGTH_DB = 1.5  # up or down; 1 is safer from ears, 3 from attacks
LIMIT = 5.5  # a score above it counts as marked; see `follow`


def pattern(key: int) -> np.ndarray:
    """Return +1 and -1 for each tile, `[B, P]`, half of each in every band, so that no band becomes louder."""
    random = np.random.default_rng(key)
    half = np.repeat([1.0, -1.0], PERIOD // 2)
    return np.stack([random.permutation(half) for _ in range(len(EDGES) - 1)])


def mark(waveform: np.ndarray, sample_rate: int, key: int, strength_db: float = STRENGTH_DB) -> np.ndarray:
    """Return the waveform `[S]` with the mark of a key in it."""
    frequencies, _, spectrum = scipy.signal.stft(
        waveform, fs=sample_rate, nperseg=_samples(WINDOW, sample_rate), noverlap=_samples(WINDOW - HOP, sample_rate)
    )  # [F, N]
    tiles = pattern(key)
    columns = np.arange(spectrum.shape[1]) // FRAMES % PERIOD
    band = np.digitize(frequencies, EDGES) - 1  # -1 below, 24 above
    steps = np.zeros(spectrum.shape)
    inside = (band >= 0) & (band < len(tiles))
    steps[inside] = tiles[band[inside]][:, columns]
    steps = scipy.signal.convolve2d(steps, np.array([[0.25, 0.5, 0.25]]), mode="same")  # no clicks between tiles
    changed = spectrum * 10 ** (strength_db * steps / 20)
    back = scipy.signal.istft(
        changed, fs=sample_rate, nperseg=_samples(WINDOW, sample_rate), noverlap=_samples(WINDOW - HOP, sample_rate)
    )[1]
    return back[: len(waveform)].astype(np.float32)


def _samples(at_24_khz: int, sample_rate: int) -> int:
    return round(at_24_khz * sample_rate / RATE)


def residue(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return what speech itself does not explain of the loudness of each band and frame, `[B, N]`, dB, -6..6.

    Speech goes up and down by 40 dB; what is left after taking away the neighbours in time and in frequency is a
    tenth of it, and the mark is in it.
    """
    sound = soxr.resample(np.asarray(waveform, np.float32), sample_rate, RATE) if sample_rate != RATE else waveform
    frequencies, _, spectrum = scipy.signal.stft(sound, fs=RATE, nperseg=WINDOW, noverlap=WINDOW - HOP)
    band = np.digitize(frequencies, EDGES) - 1
    power = np.stack([(np.abs(spectrum[band == row]) ** 2).sum(axis=0) for row in range(len(EDGES) - 1)])
    levels = 10 * np.log10(power + 1e-10)  # [B, N]
    levels = np.maximum(levels, levels.max() - 50)  # silence holds no mark
    smooth = scipy.signal.convolve2d(
        levels, np.ones((1, 2 * FRAMES + 1)) / (2 * FRAMES + 1), mode="same", boundary="symm"
    )
    left = levels - smooth
    left = left - scipy.signal.medfilt2d(left, (5, 1))  # what all bands do together is the speaker, not the mark
    return np.clip(left, -6, 6)


def follow(left: np.ndarray, key: int) -> float:
    """Return how far a residue `[B, N]` follows a key: deviations above chance, the best of all shifts.

    Where the pattern begins is not known (the file may have been cut), so all 64 shifts are tried. Without the mark the
    best of 64 is about 2.5; in script 08 the highest of 480 is below 5.
    """
    # concept: watermarks
    tiles = np.repeat(pattern(key), FRAMES, axis=1)  # [B, 64]
    period = tiles.shape[1]
    folded = np.stack([left[:, start::period].sum(axis=1) for start in range(period)], axis=1)  # [B, 64]
    sums = [float((folded * np.roll(tiles, shift, axis=1)).sum()) for shift in range(period)]
    # Frames within a tile go together: the variance of a sum of FRAMES frames is taken from the residue itself.
    whole = left[:, : left.shape[1] // FRAMES * FRAMES].reshape(len(left), -1, FRAMES).sum(axis=2)
    return max(sums) / float(np.sqrt((whole**2).sum()) + 1e-9)


def score(waveform: np.ndarray, sample_rate: int, key: int) -> float:
    """Return how far a waveform `[S]` follows a key, see `follow`; above LIMIT it is marked."""
    return follow(residue(waveform, sample_rate), key)
