"""Curves of all three kinds, made here with a known answer, noise included."""

import random

from coursekit.course import Wrong


def curve(kind: str, epochs: int, rng: random.Random) -> tuple[list[float], list[float]]:
    """Losses of a training of that kind."""
    floor, factor = (1.9, 0.97) if kind == "underfitting" else (0.02, 0.75)
    train = [floor + 0.5 * factor**epoch for epoch in range(epochs)]
    turn = rng.randrange(2, epochs - 3)
    validation = []
    for epoch, loss in enumerate(train):
        rise = 0.08 * max(0, epoch - turn) if kind == "overfitting" else 0.0
        validation.append(loss + 0.05 + rise)
    return train, validation


def expected_of(train, validation) -> tuple[int, str]:
    best = min(range(len(validation)), key=validation.__getitem__)
    over = validation[-1] > 1.1 * validation[best] and train[-1] < train[best]
    return best + 1, "overfitting" if over else "underfitting" if train[-1] > 0.5 * train[0] else "good"


CASES = [
    ([2.0, 1.0, 0.5, 0.2, 0.1], [2.1, 1.2, 0.9, 1.1, 1.4]),
    ([2.3, 2.2, 2.1, 2.1, 2.1], [2.3, 2.2, 2.2, 2.2, 2.1]),
    ([1.0, 0.5, 0.30, 0.20, 0.15, 0.12], [1.1, 0.6, 0.45, 0.40, 0.41, 0.42]),  # a rise of 5 %: good
    ([1.0, 0.5, 0.30, 0.20, 0.15, 0.12], [1.1, 0.6, 0.40, 0.47, 0.39, 0.38]),  # one bump in the middle: good
    ([1.0, 0.5, 0.30, 0.20, 0.15, 0.12], [1.1, 0.6, 0.40, 0.70, 0.62, 0.60]),  # it falls at the end, and ends high
    ([1.0, 0.5, 0.30, 0.90, 1.10, 1.20], [1.1, 0.6, 0.40, 1.00, 1.20, 1.30]),  # both rose: no overfitting
]


def check(answer) -> None:
    rng = random.Random(5)
    kinds = ("overfitting", "underfitting", "good")
    cases = CASES + [curve(rng.choice(kinds), rng.randrange(8, 20), rng) for _ in range(30)]
    for train, validation in cases:
        keep, verdict = answer.judge(list(train), list(validation))
        right_keep, right_verdict = expected_of(train, validation)
        shown = f"train {[round(v, 2) for v in train]}, validation {[round(v, 2) for v in validation]}"
        if keep != right_keep:
            because = "that is not the lowest validation loss"
            if keep == right_keep - 1:
                because = "epochs are counted from 1"
            elif keep == len(train):
                because = "the last epoch is not always the best; the training loss falls whatever happens"
            raise Wrong(f"{shown}: keep epoch {right_keep}, not {keep}: {because}.")
        if verdict != right_verdict:
            because = "see the three rules"
            if right_verdict == "good" and verdict == "overfitting":
                because = "a small rise or one bump is noise, the rule is 10 % above the lowest, at the end"
            elif verdict == "overfitting" and train[-1] >= train[right_keep - 1]:
                because = "the training loss rose too, so nothing was learnt by heart"
            elif right_verdict == "overfitting":
                because = "compare the end with the lowest value, not with the epoch before"
            raise Wrong(f"{shown}: this is {right_verdict!r}, not {verdict!r}: {because}.")
