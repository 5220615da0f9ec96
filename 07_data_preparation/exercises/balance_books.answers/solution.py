"""The books must balance. Solved."""

from collections import Counter


def balance_books(given: list[str], accepted: list[str], rejected: list[str]) -> dict[str, list[str]]:
    """Return what does not balance; three empty lists when all does."""
    spelling: dict[str, str] = {}
    for name in [*given, *accepted, *rejected]:
        spelling.setdefault(name.casefold(), name)
    wanted = {name.casefold() for name in given}
    lines = Counter(name.casefold() for name in [*accepted, *rejected])

    def written(keys) -> list[str]:
        return sorted(spelling[key] for key in keys)

    return {
        "missing": written(wanted - lines.keys()),
        "unknown": written(lines.keys() - wanted),
        "twice": written(key for key, often in lines.items() if often > 1),
    }
