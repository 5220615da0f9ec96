"""Checks load with recorders of many rates: length, pitch, cleanliness, what has to vanish, and the letter."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    for rate in (24_000, 8_000, 16_000, 22_050, 44_100, 48_000):
        for hz in (200.0, 3_000.0):
            one(answer, hz, rate)
    for rate in (44_100, 48_000):
        loaded = np.asarray(answer.load(answer.record(15_000.0, rate)), float)
        left = np.sqrt(np.mean(loaded[1000:-1000] ** 2))
        if left > 0.01:
            place = answer.pitch(loaded)
            raise Wrong(
                f"A tone of 15,000 Hz recorded at {rate:,} Hz cannot be written down at 24,000 Hz; it came back as "
                f"{place:,.0f} Hz, RMS {left:.2f}: without a filter first it folds down."
            )
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The program is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "`record` writes the rate it works with; read the header with file.getframerate()",
        "C": "there is only one tone; and the length is wrong, too",
        "D": "the header says one channel, and the recorder of 24,000 Hz came out right",
    }
    if letter != "B":
        raise Wrong(f"The program is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")


def one(answer, hz: float, rate: int) -> None:
    loaded = np.asarray(answer.load(answer.record(hz, rate)), float)
    called = f"One second of {hz:,.0f} Hz recorded at {rate:,} Hz"
    if len(loaded) == rate and rate != 24_000:
        raise Wrong(f"{called} has {rate:,} samples, as before; 24,000 are needed: the samples themselves must change.")
    if abs(len(loaded) - 24_000) > 2:
        raise Wrong(f"{called} came back with {len(loaded):,} samples; it should be 24,000.")
    samples = np.arange(len(loaded))
    middle = slice(2_000, 22_000)
    basis = np.stack([np.sin(2 * np.pi * hz * samples / 24_000), np.cos(2 * np.pi * hz * samples / 24_000)], axis=1)
    fit = basis[middle] @ np.linalg.lstsq(basis[middle], loaded[middle], rcond=None)[0]
    error = 20 * np.log10(np.sqrt(np.mean((loaded[middle] - fit) ** 2)) / np.sqrt(np.mean(loaded[middle] ** 2)) + 1e-9)
    if error > -45:
        raise Wrong(
            f"{called}: what is not the tone is only {-error:.0f} dB below it; 45 are asked for. Straight lines "
            "between samples, or repeated samples, add tones of their own."
        )
