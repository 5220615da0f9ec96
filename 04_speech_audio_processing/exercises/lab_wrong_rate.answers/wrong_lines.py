"""Misconception: Straight lines between samples"""

import io
import wave

import numpy as np

DIAGNOSIS = "B"
RATE = 24_000  # Hz, what everything behind `load` works with


def record(hz: float, rate: int) -> bytes:
    """Return a WAV of one second of a tone, as a recorder of that sample rate writes it. This function is right."""
    samples = 0.5 * np.sin(2 * np.pi * hz * np.arange(rate) / rate)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.rint(samples * 32_767).astype("<i2").tobytes())
    return buffer.getvalue()


def load(content: bytes) -> np.ndarray:
    """Return the waveform of a mono 16-bit WAV at 24,000 Hz, -1..1."""
    with wave.open(io.BytesIO(content), "rb") as file:
        data, rate = file.readframes(file.getnframes()), file.getframerate()
    samples = np.frombuffer(data, "<i2") / 32_768
    return np.interp(np.arange(round(len(samples) * RATE / rate)) * rate / RATE, np.arange(len(samples)), samples)


def pitch(waveform: np.ndarray) -> float:
    """Return the frequency of a tone at RATE, Hz."""
    return float(np.abs(np.fft.rfft(waveform)).argmax()) * RATE / len(waveform)


if __name__ == "__main__":
    for rate in (16_000, 24_000, 48_000):
        loaded = load(record(200.0, rate))
        print(f"200 Hz recorded at {rate:,} Hz: {len(loaded) / RATE:.2f} s, {pitch(loaded):.0f} Hz")
