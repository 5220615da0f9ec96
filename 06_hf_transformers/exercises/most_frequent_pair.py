"""The next merge

A tokenizer in training has cut its text into words, each a tuple of symbols, and counted how often each word occurs.
Write `next_merge(words)`: the pair of neighbouring symbols that occurs most often in the whole text. When several pairs
are equally frequent, take the one that comes first in Python's order of tuples, so that two runs agree.

    next_merge({("l", "o", "w"): 5, ("l", "o", "t"): 2, ("n", "e", "w"): 6})   returns ("l", "o"): 7 times
    next_merge({("b", "a", "n", "a", "n", "a"): 1})                            returns ("a", "n"): 2, as ("n", "a")
    next_merge({("a",): 9})                                                    returns None: there are no neighbours

After: 01_tokenizers.py
Concepts: tokens and bpe
Kind: exercise
Time: 15 min
"""


def next_merge(words: dict[tuple[str, ...], int]) -> tuple[str, str] | None:
    # TODO: count every pair of neighbours in every word, as often as the word occurs; then take the best
    raise NotImplementedError("next_merge")
