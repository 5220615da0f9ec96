"""Misconception: is in neither list"""


def balance_books(given: list[str], accepted: list[str], rejected: list[str]) -> dict[str, list[str]]:
    """Return what does not balance; three empty lists when all does."""
    if len(given) == len(accepted) + len(rejected):
        return {"missing": [], "unknown": [], "twice": []}
    return {"missing": sorted(given)[len(accepted) + len(rejected) :], "unknown": [], "twice": []}
