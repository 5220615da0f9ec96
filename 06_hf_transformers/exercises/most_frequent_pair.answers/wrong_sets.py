"""Misconception: A pair may stand in a word more than once"""

from collections import Counter


def next_merge(words: dict[tuple[str, ...], int]) -> tuple[str, str] | None:
    counted: Counter = Counter()
    for word, number in words.items():
        for neighbours in set(zip(word, word[1:], strict=False)):
            counted[neighbours] += number
    if not counted:
        return None
    return min(counted, key=lambda neighbours: (-counted[neighbours], neighbours))
