"""Precision and recall of each speaker. Solved."""


def per_speaker(said: list[str | None], true: list[str]) -> dict[str, tuple[float | None, float | None]]:
    """Return (precision, recall) of each speaker."""
    found = {}
    for name in (set(said) | set(true)) - {None}:
        both = sum(a == b == name for a, b in zip(said, true, strict=True))
        given_to_them, theirs = said.count(name), true.count(name)
        found[name] = (both / given_to_them if given_to_them else None, both / theirs if theirs else None)
    return found
