"""Checks `read` against the numbers that were written, on random samples, and the letter."""

import io
import wave

import numpy as np

from coursekit.course import Wrong


def wav(samples: list[int], width: int, sample_rate: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(width)
        file.setframerate(sample_rate)
        file.writeframes(b"".join(sample.to_bytes(width, "little", signed=True) for sample in samples))
    return buffer.getvalue()


def check(answer) -> None:
    rng = np.random.default_rng(24)
    for width, rate in ((2, 16_000), (3, 24_000), (3, 48_000)):
        full = 2 ** (8 * width - 1)
        samples = [-full, full - 1, 0, -1, *rng.integers(-full, full, 997).tolist()]
        seen, seen_rate = answer.read(wav(samples, width, rate))
        seen, wanted = np.asarray(seen, float), np.array(samples) / full
        called = f"Read a {8 * width}-bit file of {len(samples)} samples at {rate} Hz"
        if len(seen) != len(wanted):
            length = f"{len(seen)} samples at {seen_rate} Hz came back"
            if abs(len(seen) / seen_rate - len(wanted) / rate) < 0.001:
                raise Wrong(f"{called}. {length}: the length is right now, and the sound is still noise.")
            raise Wrong(f"{called}. {length}.")
        if seen_rate != rate:
            raise Wrong(f"{called}. The sample rate came back as {seen_rate} Hz; the header was right.")
        if np.allclose(np.where(wanted < 0, seen - 2, seen), wanted, atol=1e-4) and not np.allclose(
            seen, wanted, atol=1e-4
        ):
            raise Wrong(
                f"{called}. What was {wanted[0]:.4f} is {seen[0]:.4f}: the sign of the {8 * width}-bit samples is lost."
            )
        if not np.allclose(seen, wanted, atol=1e-4):
            worst = int(np.abs(seen - wanted).argmax())
            raise Wrong(f"{called}. Sample {worst} is {seen[worst]:.4f}; {wanted[worst]:.4f} was written.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The samples are right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "a wrong rate would change the pitch, and leave a tone",
        "B": "stereo would come out twice as long, and still be a tone",
        "C": "bytes in the other order would make noise, but not one and a half times as long",
    }
    if letter != "D":
        raise Wrong(f"The samples are right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
