"""Misconception: A word that occurs five times counts five times"""

from collections import Counter


def next_merge(words: dict[tuple[str, ...], int]) -> tuple[str, str] | None:
    counted: Counter = Counter()
    for word in words:
        for neighbours in zip(word, word[1:], strict=False):
            counted[neighbours] += 1
    if not counted:
        return None
    return min(counted, key=lambda neighbours: (-counted[neighbours], neighbours))
