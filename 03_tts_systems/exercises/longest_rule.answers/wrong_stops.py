"""Misconception: a letter without a rule is to be skipped"""


def sounds_of(word: str, rules: dict[str, list[str]]) -> list[str]:
    found, at = [], 0
    while at < len(word):
        length = next((size for size in (4, 3, 2, 1) if word[at : at + size] in rules), 1)
        found += rules[word[at : at + length]]
        at += length
    return found
