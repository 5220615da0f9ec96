"""A voice for tests: each text has a tone of its own, so that one request's audio in another's is noticed."""

from __future__ import annotations

import hashlib
import threading
import time

import numpy as np

SAMPLE_RATE = 24_000
SECONDS = 0.2


def tone_of(text: str) -> float:
    """Frequency in Hz that stands for a chunk: 300 to 6300 in steps of 50 Hz."""
    return 300.0 + 50.0 * (int(hashlib.sha256(text.encode()).hexdigest(), 16) % 121)


def frequency(waveform: np.ndarray, sample_rate: int = SAMPLE_RATE) -> float:
    """Strongest frequency of a waveform, Hz."""
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)), n=1 << 16))
    return float(np.argmax(spectrum) * sample_rate / (1 << 16))


class ToneVoice:
    """Says a tone. Fails when two threads use it at once, as a real model would.

    Args:
        delay: seconds one chunk takes.
        gate: when given, chunks wait until it is set.
        amplitude: 0..1 and, to test the limiter, more.
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, delay: float = 0.0, gate: threading.Event | None = None, amplitude: float = 0.5) -> None:
        self.delay, self.gate, self.amplitude = delay, gate, amplitude
        self.calls: list[str] = []
        self.started = threading.Event()
        self._busy = threading.Lock()

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        if not self._busy.acquire(blocking=False):
            raise RuntimeError("two threads in one voice")
        try:
            self.calls.append(text)
            self.started.set()
            if self.gate is not None:
                self.gate.wait(30)
            time.sleep(self.delay)
            times = np.arange(int(SECONDS / speed * SAMPLE_RATE)) / SAMPLE_RATE
            phase = np.random.default_rng(seed).uniform(0, 2 * np.pi)
            return (self.amplitude * np.sin(2 * np.pi * tone_of(text) * times + phase)).astype(np.float32)
        finally:
            self._busy.release()
