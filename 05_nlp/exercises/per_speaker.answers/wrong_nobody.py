"""Misconception: None is nobody's name"""


def per_speaker(said, true):
    found = {}
    for name in set(said) | set(true):
        both = sum(a == b == name for a, b in zip(said, true, strict=True))
        given, theirs = said.count(name), true.count(name)
        found[name] = (both / given if given else None, both / theirs if theirs else None)
    return found
