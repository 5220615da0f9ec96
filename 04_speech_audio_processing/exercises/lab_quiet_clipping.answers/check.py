"""Checks is_clipped on overdriven and clean recordings at many volumes, and the letter."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    for seed in range(2, 8):
        clean = answer.voice(seed)
        if answer.is_clipped(clean):
            raise Wrong("A clean recording with its highest sample at 0.9 is called clipped: loud is not clipped.")
        for volume in (1.0, 0.1):
            scaled = clean / np.abs(clean).max() * volume
            if answer.is_clipped(scaled):
                raise Wrong(
                    f"A clean recording whose single highest sample is {volume} is called clipped: one sample at the "
                    "peak is a peak, not a flat top."
                )
    for seed in range(2, 8):
        for volume in (1.0, 0.7, 0.2, 0.03):
            if not answer.is_clipped(answer.overdriven(seed, volume)):
                raise Wrong(f"An overdriven recording turned down to {volume} is not found: it has no sample at 1.")
        one_side = np.clip(3 * answer.voice(seed), -1, 9) / 4
        if not answer.is_clipped(np.where(one_side < -0.2499, -0.25, np.minimum(one_side, 0.25))):
            raise Wrong("A recording with flat bottoms is not found.")
    if answer.is_clipped(np.zeros(1000)):
        raise Wrong("Digital silence is called clipped.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The check is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "turned down to 0.7 there is not a single sample at full scale, whatever share is asked for",
        "C": "`overdriven` adds no noise; it cuts tops off",
        "D": "np.abs looks at both signs",
    }
    if letter != "B":
        raise Wrong(f"The check is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
