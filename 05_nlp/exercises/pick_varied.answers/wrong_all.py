"""Misconception: the likeness to what was chosen, not to all others"""


def pick_varied(importance, likeness, count, weight):
    n = len(importance)
    value = [
        weight * importance[i] - (1 - weight) * max((likeness[i][j] for j in range(n) if j != i), default=0)
        for i in range(n)
    ]
    first = max(range(n), key=lambda i: importance[i]) if n else None
    order = [first, *sorted((i for i in range(n) if i != first), key=lambda i: -value[i])]
    return sorted(order[:count])
