"""Misconception: one deletion does not spoil what comes after it"""


def pooled_errors(references: list[str], heard: list[str]) -> float:
    """Return errors over reference words, 0 or more; over 1 is possible."""
    errors = words = 0
    for a, b in zip(references, heard, strict=True):
        wanted = [word.strip(".,;:!?") for word in a.lower().split()]
        found = [word.strip(".,;:!?") for word in b.lower().split()]
        errors += sum(x != y for x, y in zip(wanted, found, strict=False)) + abs(len(wanted) - len(found))
        words += len(wanted)
    return errors / words if words else 0.0
