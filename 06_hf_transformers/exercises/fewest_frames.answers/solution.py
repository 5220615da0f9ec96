"""How short may a recording be? Solved."""


def fewest_frames(text: str) -> int:
    doubled = sum(before == after for before, after in zip(text, text[1:], strict=False))
    return len(text) + doubled
