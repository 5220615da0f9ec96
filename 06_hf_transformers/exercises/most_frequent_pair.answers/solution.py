"""The next merge, solved."""

from collections import Counter


def next_merge(words: dict[tuple[str, ...], int]) -> tuple[str, str] | None:
    counted: Counter = Counter()
    for symbols, times in words.items():
        for neighbours in zip(symbols, symbols[1:], strict=False):
            counted[neighbours] += times
    if not counted:
        return None
    return min(counted, key=lambda neighbours: (-counted[neighbours], neighbours))
