"""Misconception: Three equal letters need two blanks"""

from itertools import groupby


def fewest_frames(text: str) -> int:
    return len(text) + sum(len(list(group)) > 1 for _, group in groupby(text))
