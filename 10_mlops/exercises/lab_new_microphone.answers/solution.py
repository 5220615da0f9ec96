"""Lab: the microphone that nobody noticed. Solved."""

import numpy as np

DIAGNOSIS = "B"


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
    both = np.sort(np.append(reference, window))
    share_before = np.searchsorted(np.sort(reference), both, side="right") / len(reference)
    share_now = np.searchsorted(np.sort(window), both, side="right") / len(window)
    return bool(np.abs(share_before - share_now).max() > 0.25)


if __name__ == "__main__":
    before = soft_levels("old", 400, 0)
    for microphone in ("old", "loud", "automatic"):
        today = soft_levels(microphone, 150, 1)
        print(f"{microphone:<10} mean {today.mean():6.1f} dB, drifted: {has_drifted(before, today)}")
