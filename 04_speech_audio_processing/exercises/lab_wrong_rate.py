"""Lab: everybody sounds like somebody else

Run your copy (`python my_answers/lab_wrong_rate.py`, in the folder of this module). It records a tone of 200 Hz for one
second with three recorders and loads it. Only one comes out right; the others are too short and too high, or too long
and too low. In a voice, women become children and men become giants, and no program complains. Find the cause, put its
letter into DIAGNOSIS, and repair `load` so that any rate from 8,000 to 96,000 Hz comes out as 24,000 Hz: the right
length, the right pitch, and nothing that was not there.

    load(record(200.0, 16_000))   24,000 samples of a tone of 200 Hz

    A  The recorders write a wrong sample rate into their headers.
    B  `load` never looks at the sample rate, and everything behind it believes 24,000 Hz.
    C  `pitch` looks for the loudest frequency, and that is a harmonic.
    D  The samples are stereo, two of them for each moment.

After: 04_trim_normalise_resample.py
Concepts: sampling and aliasing, resampling
Kind: lab
Time: 20 min
"""

import io
import wave

import numpy as np

DIAGNOSIS = "?"
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
        data = file.readframes(file.getnframes())
    return np.frombuffer(data, "<i2") / 32_768


def pitch(waveform: np.ndarray) -> float:
    """Return the frequency of a tone at RATE, Hz."""
    return float(np.abs(np.fft.rfft(waveform)).argmax()) * RATE / len(waveform)


if __name__ == "__main__":
    for rate in (16_000, 24_000, 48_000):
        loaded = load(record(200.0, rate))
        print(f"200 Hz recorded at {rate:,} Hz: {len(loaded) / RATE:.2f} s, {pitch(loaded):.0f} Hz")
