"""Misconception: Behind a group of four letters the next place is four letters on"""


def sounds_of(word: str, rules: dict[str, list[str]]) -> list[str]:
    found = []
    for at in range(len(word)):
        for length in (4, 3, 2, 1):
            if word[at : at + length] in rules and at + length <= len(word):
                found += rules[word[at : at + length]]
                break
    return found
