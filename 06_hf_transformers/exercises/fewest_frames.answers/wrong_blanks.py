"""Misconception: only equal neighbours need one"""


def fewest_frames(text: str) -> int:
    return max(0, 2 * len(text) - 1)
