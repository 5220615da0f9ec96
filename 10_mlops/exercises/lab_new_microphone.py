"""Lab: the microphone that nobody noticed

Run your copy (`python my_answers/lab_new_microphone.py`, in the folder of this module). The studio changed its
microphone. From that day on the clip judge was wrong in every fourth clip, and the drift alarm stayed silent for a
month. Find the cause, put its letter into DIAGNOSIS, and repair `has_drifted` so that it finds both new microphones,
and does not call 40 ordinary days drifted.

    A  The limit of 4 dB is too large; with 1 dB the alarm would have come.
    B  The new microphone levels everything out: the mean is the same, the distribution is not.
    C  150 clips are too few to see anything.
    D  The model was bad before; nothing came in differently.

After: 05_monitor_and_drift.py
Concepts: drift
Kind: lab
Time: 20 min
"""

import numpy as np

DIAGNOSIS = "?"


def soft_levels(microphone: str, number: int, seed: int) -> np.ndarray:
    """Return the level of the pauses of `number` clips, dB. This function is right; it stands for the service's log."""
    random = np.random.default_rng(seed)
    if microphone == "old":
        return random.normal(-55, 9, number)  # quiet rooms and loud ones
    if microphone == "loud":
        return random.normal(-43, 9, number)  # the same, recorded 12 dB louder
    return random.normal(-55, 1.5, number)  # "automatic": it turns itself up in quiet rooms, and down in loud ones


def has_drifted(reference: np.ndarray, window: np.ndarray) -> bool:
    """Return whether the window is no longer like the reference."""
    return bool(abs(window.mean() - reference.mean()) > 4)


if __name__ == "__main__":
    before = soft_levels("old", 400, 0)
    for microphone in ("old", "loud", "automatic"):
        today = soft_levels(microphone, 150, 1)
        print(f"{microphone:<10} mean {today.mean():6.1f} dB, drifted: {has_drifted(before, today)}")
