"""Misconception: only neighbours are joined"""


def fewest_frames(text: str) -> int:
    return len(text) + len(text) - len(set(text))
