"""Checks strict_threshold on small and on random trials."""

import numpy as np

from coursekit.course import Wrong


def rate(scores: np.ndarray, same: np.ndarray, threshold: float) -> float:
    return float((scores[~same] >= threshold).mean())


def lowest(scores: np.ndarray, share) -> float:
    """The lowest score at which a share, as somebody counts it, is small enough."""
    good = [value for value in np.unique(scores) if share(value)]
    return float(min(good)) if good else float("inf")


def cases():
    same = np.array([1, 0, 1, 1, 1, 0, 1, 0, 1], bool)
    yield np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4, 0.3]), same, 0.34
    yield np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([1, 0, 1, 0, 0], bool), 0.4
    yield np.array([0.9, 0.8, 0.7]), np.array([0, 1, 1], bool), 0.5
    yield np.array([0.5, 0.5, 0.4, 0.3]), np.array([1, 0, 0, 1], bool), 0.4
    random = np.random.default_rng(5)
    for allowed in (0.01, 0.05, 0.2):
        same = np.arange(400) < 60  # few right people, many others, as in life
        yield np.round(random.normal(size=400) + 1.5 * same, 2), same, allowed


def check(answer) -> None:
    for scores, same, allowed in cases():
        good = [value for value in np.unique(scores) if rate(scores, same, value) <= allowed]
        wanted = float(min(good)) if good else float("inf")
        seen = float(answer.strict_threshold(scores.copy(), same.copy(), allowed))
        if seen == wanted:
            continue
        told = (
            f"{len(scores)} trials, allowed {allowed}: the threshold is {wanted:.2f}, strict_threshold gave {seen:.2f}."
        )
        if not good:
            raise Wrong(f"{told} Every score lets too many in: infinity accepts nobody.")
        if seen == lowest(scores, lambda value: (scores[~same] > value).mean() <= allowed):  # noqa: B023
            raise Wrong(f"{told} A trial counts there, too: a score equal to the threshold is accepted.")
        if seen == lowest(scores, lambda value: (~same & (scores >= value)).mean() <= allowed):  # noqa: B023
            raise Wrong(f"{told} Too many of the others get in. The share is of the others, not of all trials.")
        if seen in good:
            raise Wrong(f"{told} A lower threshold keeps the promise too, and rejects fewer of the right people.")
        raise Wrong(told)
