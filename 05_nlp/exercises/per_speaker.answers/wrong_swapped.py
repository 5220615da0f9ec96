"""Misconception: one of two given to A is hers"""


def per_speaker(said, true):
    found = {}
    for name in (set(said) | set(true)) - {None}:
        both = sum(a == b == name for a, b in zip(said, true, strict=True))
        given, theirs = said.count(name), true.count(name)
        found[name] = (both / theirs if theirs else None, both / given if given else None)
    return found
