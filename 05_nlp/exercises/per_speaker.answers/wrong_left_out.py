"""Misconception: who is given nothing has no precision, and is not left out"""


def per_speaker(said, true):
    found = {}
    for name in set(said) - {None}:
        both = sum(a == b == name for a, b in zip(said, true, strict=True))
        found[name] = (both / said.count(name), both / true.count(name) if name in true else None)
    return found
