"""Misconception: capitals do not make another file"""

from collections import Counter


def balance_books(given: list[str], accepted: list[str], rejected: list[str]) -> dict[str, list[str]]:
    """Return what does not balance; three empty lists when all does."""
    lines = Counter([*accepted, *rejected])
    return {
        "missing": sorted(set(given) - lines.keys()),
        "unknown": sorted(lines.keys() - set(given)),
        "twice": sorted(name for name, often in lines.items() if often > 1),
    }
