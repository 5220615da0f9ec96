"""Checks strict_threshold on small and on random trials."""

import numpy as np

from coursekit.course import Wrong


def rate(scores: np.ndarray, same: np.ndarray, threshold: float) -> float:
    return float((scores[~same] >= threshold).mean())


def cases():
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
        if seen in scores and rate(scores, same, seen) > allowed:
            share = rate(scores, same, seen)
            if (~same & (scores >= seen)).mean() <= allowed:
                raise Wrong(
                    f"{told} There {share:.2f} of the others get in. The share is of the others, not of all trials."
                )
            raise Wrong(f"{told} There {share:.2f} of the others get in: a score equal to the threshold is accepted.")
        if seen in good:
            raise Wrong(f"{told} A lower threshold keeps the promise too, and rejects fewer of the right people.")
        raise Wrong(told)
