"""Sounds by the longest rule

A table says which sounds a group of letters makes. Write `sounds_of(word, rules)`: go through the word from the left;
at each place take the LONGEST group in `rules` that stands there, add its sounds, and go on behind it. A letter that
no group begins with is skipped.

    rules = {"sh": ["SH"], "s": ["S"], "h": ["HH"], "o": ["AA"], "p": ["P"]}
    sounds_of("shop", rules)   returns ["SH", "AA", "P"]

After: 01_text_to_phonemes.py
Concepts: letter-to-sound
Kind: exercise
Time: 15 min
"""


def sounds_of(word: str, rules: dict[str, list[str]]) -> list[str]:
    # TODO: at each place, try the longest groups first
    raise NotImplementedError("sounds_of")
