"""Lab: a recording that turned to noise

Run your copy (`python my_answers/lab_wrong_width.py`, in the folder of this module). It makes a WAV of one second, a
tone of 440 Hz at -6 dB, and reads it back with `read`. What comes back of a 24-bit file lasts 1.50 s and is loud noise;
a 16-bit file goes through well. Find the cause, put its letter into DIAGNOSIS, and repair `read` so that it gives the
right samples for files of 16 and 24 bits.

    read(bytes of a 24-bit file)   returns (24000 samples between -0.5 and 0.5, 24000)

    A  The sample rate in the header is wrong by a factor of 1.5.
    B  The file is stereo, and its channels are read one after the other.
    C  The bytes of each sample are in the other order (big-endian).
    D  The file has three bytes in a sample, and they are read in pairs.

After: 03_files_and_paths.py
Concepts: bytes and sample width
Kind: lab
Time: 15 min
"""

import io
import wave

import numpy as np

DIAGNOSIS = "?"


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
        sample_rate = file.getframerate()
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
