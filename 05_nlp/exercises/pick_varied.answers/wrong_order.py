"""Misconception: places are returned in the order of the text"""


def pick_varied(importance, likeness, count, weight):
    chosen = []
    while len(chosen) < min(count, len(importance)):
        rest = [place for place in range(len(importance)) if place not in chosen]
        chosen.append(
            max(
                rest,
                key=lambda p: weight * importance[p] - (1 - weight) * max((likeness[p][c] for c in chosen), default=0),
            )
        )
    return chosen
