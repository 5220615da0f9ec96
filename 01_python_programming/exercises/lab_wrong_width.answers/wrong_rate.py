"""Misconception: the length is right now, and the sound is still noise"""

import io
import wave

import numpy as np

DIAGNOSIS = "D"


def make_tone(width: int, sample_rate: int = 24_000) -> bytes:
    """Return a WAV file of one second; `width` is bytes per sample. This function is right."""
    t = np.arange(sample_rate) / sample_rate
    samples = np.rint(0.5 * np.sin(2 * np.pi * 440 * t) * (2 ** (8 * width - 1) - 1)).astype(int).tolist()
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(sample_rate)
        file.writeframes(b"".join(sample.to_bytes(width, "little", signed=True) for sample in samples))
    return buffer.getvalue()


def read(content: bytes) -> tuple[np.ndarray, int]:
    """Return (waveform -1..1, sample rate) of a mono WAV file."""
    with wave.open(io.BytesIO(content), "rb") as file:
        sample_rate = file.getframerate() * file.getsampwidth() // 2
        data = file.readframes(file.getnframes())
    data = data[: len(data) // 2 * 2]
    return np.frombuffer(data, "<i2") / 32_768, sample_rate


def main() -> None:
    for width in (2, 3):
        waveform, sample_rate = read(make_tone(width))
        rms = np.sqrt(np.mean(waveform**2))
        print(f"{8 * width} bits: {len(waveform) / sample_rate:.2f} s, RMS {rms:.3f} (should be 0.354)")


if __name__ == "__main__":
    main()
