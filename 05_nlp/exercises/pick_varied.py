"""A summary that does not say the same thing twice

TextRank likes sentences that are like many others, so the best three are often three times the same thought. Write
`pick_varied(importance, likeness, count, weight)`: choose sentences one after the other. Each time take the one, of
those not chosen yet, with the highest

    weight * importance - (1 - weight) * (highest likeness to any sentence chosen so far)

The first is chosen by its importance alone. Of equals take the one that stands first in the text. Return the places of
the chosen sentences in the order of the text. (This is maximal marginal relevance, Carbonell and Goldstein, 1998.)

    importance [0.9, 0.8, 0.5], sentences 0 and 1 nearly the same (0.95), 2 like none of them (0.0), count 2, weight 0.5
        returns [0, 2]

After: 05_summarisation.py
Concepts: extractive summaries
Kind: exercise
Time: 20 min
"""


def pick_varied(importance: list[float], likeness: list[list[float]], count: int, weight: float) -> list[int]:
    """Return the places of at most `count` sentences, ascending."""
    # TODO: a list of what was chosen, and each time one more
    raise NotImplementedError("pick_varied")
