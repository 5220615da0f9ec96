"""Checks next_merge on small texts."""

from collections import Counter

from coursekit.course import Wrong

CASES = [
    ({("l", "o", "w"): 5, ("l", "o", "t"): 2, ("n", "e", "w"): 6}, ("l", "o")),
    ({("b", "a", "n", "a", "n", "a"): 1}, ("a", "n")),
    ({("x", "y"): 10, ("a", "b"): 3, ("a", "b", "c"): 3, ("a", "b", "d"): 3}, ("x", "y")),
    ({("z", "z"): 4, ("c", "d"): 4, ("b", "e"): 4}, ("b", "e")),
    ({("th", "e"): 7, ("t", "h"): 3, ("t", "h", "at"): 3}, ("th", "e")),
    ({("e", "d"): 2, ("e", "d", "e", "d"): 3, ("i", "n"): 7}, ("e", "d")),
    ({("a",): 9}, None),
]


def once_each(words) -> set:
    """The best pairs when the words' numbers are forgotten."""
    pairs = Counter(pair for word in words for pair in zip(word, word[1:], strict=False))
    return {pair for pair, number in pairs.items() if number == max(pairs.values())}


def check(answer) -> None:
    for words, wanted in CASES:
        seen = answer.next_merge(dict(words))
        if seen == wanted:
            continue
        told = f"next_merge({words}) should be {wanted}, it gave {seen}."
        if wanted is None:
            raise Wrong(f"{told} A word of one symbol has no neighbours.")
        pairs: Counter = Counter()
        for word, number in words.items():
            for pair in zip(word, word[1:], strict=False):
                pairs[pair] += number
        if seen in pairs and pairs[seen] == pairs[wanted]:
            raise Wrong(f"{told} Both occur {pairs[wanted]} times: a tie goes to the first in order.")
        if seen in once_each(words):
            raise Wrong(f"{told} A word that occurs five times counts five times.")
        if isinstance(seen, tuple) and any(seen == tuple(pair) for pair in pairs):
            raise Wrong(f"{told} A pair may stand in a word more than once, and each time counts.")
        raise Wrong(told)
