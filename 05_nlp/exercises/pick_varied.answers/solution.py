"""A summary that does not say the same thing twice. Solved."""


def pick_varied(importance: list[float], likeness: list[list[float]], count: int, weight: float) -> list[int]:
    """Return the places of at most `count` sentences, ascending."""
    chosen: list[int] = []
    left = list(range(len(importance)))

    def worth(place: int) -> float:
        repeated = max((likeness[place][other] for other in chosen), default=0.0)
        return weight * importance[place] - (1 - weight) * repeated

    while left and len(chosen) < count:
        best_of_the_rest = max(left, key=worth)
        chosen.append(best_of_the_rest)
        left.remove(best_of_the_rest)
    return sorted(chosen)
