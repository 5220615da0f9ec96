"""Knowing a sound again after MP3, trimming or another volume: spectral landmarks (A. Wang, ISMIR 2003).

The loudest points of a spectrogram stay where they are when a file is re-encoded. Pairs of them, as (frequency,
frequency, distance in time), are looked up; a copy shares many pairs, all shifted by the same time.
"""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter

from voice_pipeline.audio import resample

RATE = 8_000
N_FFT, HOP = 512, 128  # 64 ms windows, every 16 ms
MIN_MATCHES = 8
MIN_SHARE = 0.08
"""A copy shares at least this many pairs at one shift, and this share of its own; measured in test_provenance.py."""

_PEAK_FRAMES, _PEAK_BINS = 7, 11  # a peak is the largest within 0.1 s and 170 Hz
_FAN, _REACH = 6, 64  # pairs of one peak, and how far the other may be (1 s)
_FLOOR_DB = 50.0
_BLOCK = 4096


@dataclass(frozen=True)
class Match:
    """How far a sound is a copy of a stored one.

    Attributes:
        matches: pairs that fit at one shift.
        share: of all pairs of the sound asked about.
        shift_seconds: where in the stored sound it begins; negative when something was put before it.
    """

    matches: int
    share: float
    shift_seconds: float

    @property
    def is_copy(self) -> bool:
        """Whether that is too much for chance."""
        return self.matches >= MIN_MATCHES and self.share >= MIN_SHARE


def landmarks(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Pairs of spectral peaks.

    Args:
        waveform: float32 `[samples]`.
        sample_rate: Hz.

    Returns:
        uint32 `[pairs, 2]`: the pair as a number, and the frame of its first peak.
    """
    sound = resample(np.asarray(waveform, np.float32), sample_rate, RATE)
    if len(sound) < N_FFT or not sound.any():
        return np.zeros((0, 2), np.uint32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, N_FFT)[::HOP]
    window = np.hanning(N_FFT).astype(np.float32)
    level = np.empty((len(frames), N_FFT // 2), np.float32)
    for start in range(0, len(frames), _BLOCK):  # hours of speech within the memory of their spectrogram
        spectrum = np.abs(np.fft.rfft(frames[start : start + _BLOCK] * window, axis=1))
        level[start : start + _BLOCK] = 20 * np.log10(spectrum[:, : N_FFT // 2] + 1e-9)
    largest = maximum_filter(level, size=(2 * _PEAK_FRAMES + 1, 2 * _PEAK_BINS + 1))
    times, bins = np.nonzero((level == largest) & (level > level.max() - _FLOOR_DB))
    pairs = []
    for first in range(len(times)):
        partners = range(first + 1, min(first + 1 + 4 * _FAN, len(times)))
        near = [second for second in partners if 0 < times[second] - times[first] < _REACH][:_FAN]
        for second in near:
            code = (int(bins[first]) << 14) | (int(bins[second]) << 6) | int(times[second] - times[first])
            pairs.append((code, int(times[first])))
    return np.asarray(pairs, np.uint32).reshape(-1, 2)


class Landmarks:
    """Landmarks of a sound that comes in pieces, whose end need not be known.

    Args:
        sample_rate: Hz.

    Attributes:
        seconds: length of the pieces so far.
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.seconds = 0.0
        self._found: list[np.ndarray] = []

    def add(self, waveform: np.ndarray) -> None:
        """The next piece, float32 `[samples]`."""
        pairs = landmarks(waveform, self.sample_rate)
        pairs[:, 1] += round(self.seconds * RATE / HOP)
        self._found.append(pairs)
        self.seconds += len(waveform) / self.sample_rate

    @property
    def pairs(self) -> np.ndarray:
        """As `landmarks`."""
        return np.concatenate([np.zeros((0, 2), np.uint32), *self._found])


def match(asked: np.ndarray, stored: np.ndarray) -> Match:
    """Compare the landmarks of two sounds."""
    if not len(asked) or not len(stored):
        return Match(0, 0.0, 0.0)
    order = np.argsort(stored[:, 0], kind="stable")
    codes = stored[order, 0]
    first, last = (np.searchsorted(codes, asked[:, 0], side=side) for side in ("left", "right"))
    shifts = [
        int(stored[order[place], 1]) - int(asked[row, 1])
        for row in np.nonzero(last > first)[0]
        for place in range(first[row], last[row])
    ]
    if not shifts:
        return Match(0, 0.0, 0.0)
    values, counts = np.unique(shifts, return_counts=True)
    around = counts + np.array([counts[values == value + 1].sum() for value in values])  # a copy may lie between frames
    best = int(around.argmax())
    return Match(int(around[best]), float(around[best] / len(asked)), float(values[best] * HOP / RATE))


def pack(pairs: np.ndarray) -> str:
    """Landmarks as ASCII text for a JSON line: about 1.5 kB for 10 s of speech."""
    return base64.b64encode(zlib.compress(pairs.astype("<u4").T.tobytes(), 9)).decode("ascii")


def unpack(text: str) -> np.ndarray:
    """The reverse of `pack`; ValueError when the text is damaged."""
    try:
        return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<u4").reshape(2, -1).T
    except zlib.error as error:
        raise ValueError(str(error)) from error
