"""Misconception: Without a blank between them, two equal letters become one"""


def fewest_frames(text: str) -> int:
    return len(text)
