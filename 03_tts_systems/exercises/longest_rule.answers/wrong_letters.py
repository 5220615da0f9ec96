"""Misconception: Letters alone are not enough"""


def sounds_of(word: str, rules: dict[str, list[str]]) -> list[str]:
    return [sound for letter in word for sound in rules.get(letter, [])]
