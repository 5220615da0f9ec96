"""Misconception: A word of one symbol has no neighbours"""

from collections import Counter


def next_merge(words: dict[tuple[str, ...], int]) -> tuple[str, str] | None:
    counted: Counter = Counter()
    for word, number in words.items():
        for neighbours in zip(word, word[1:] or word, strict=False):
            counted[neighbours] += number
    return min(counted, key=lambda neighbours: (-counted[neighbours], neighbours))
