"""Misconception: a set forgets how often"""


def balance_books(given: list[str], accepted: list[str], rejected: list[str]) -> dict[str, list[str]]:
    """Return what does not balance; three empty lists when all does."""
    a, r, g = set(accepted), set(rejected), set(given)
    return {"missing": sorted(g - a - r), "unknown": sorted((a | r) - g), "twice": sorted(a & r)}
