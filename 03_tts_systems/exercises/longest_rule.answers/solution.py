"""Sounds by the longest rule, solved."""


def sounds_of(word: str, rules: dict[str, list[str]]) -> list[str]:
    found, at = [], 0
    while at < len(word):
        for length in range(max(map(len, rules)), 0, -1):
            group = word[at : at + length]
            if len(group) == length and group in rules:
                found.extend(rules[group])
                at += length
                break
        else:
            at += 1
    return found
