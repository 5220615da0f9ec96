"""Misconception: The first group that fits depends on the order of the table"""


def sounds_of(word: str, rules: dict[str, list[str]]) -> list[str]:
    found, at = [], 0
    while at < len(word):
        group = next((one for one in rules if word.startswith(one, at)), None)
        found += rules.get(group, [])
        at += len(group or "x")
    return found
