"""Checks lower_end on small cases and on a thousand draws."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    compare(answer, [True, False, False], [True, True, False], [[0, 1, 2], [1, 1, 1]], "The example")
    random = np.random.default_rng(1)
    hard = random.random(200) < 0.3  # recordings that no model gets right
    old = ~hard & (random.random(200) < 0.97)
    new = ~hard & (random.random(200) < 0.99)
    draws = random.integers(0, 200, (1000, 200))
    compare(
        answer, old.tolist(), new.tolist(), draws.tolist(), "200 recordings, of which both models fail on the same 60"
    )
    compare(answer, [True] * 5, [False] * 5, [[0, 1], [3, 4]], "A model that unlearnt everything")


def compare(answer, old, new, draws, called: str) -> None:
    gain = np.array(new, float) - np.array(old, float)
    means = [gain[list(places)].mean() for places in draws]
    wanted = float(np.quantile(means, 0.05))
    seen = answer.lower_end(list(old), list(new), [list(places) for places in draws])
    if seen is None or not np.isclose(seen, wanted, atol=1e-9):
        told = f"{called}: the lower end is {wanted:.4f}, lower_end gave {seen}."
        if seen is not None and np.isclose(seen, np.mean(gain), atol=1e-9):
            raise Wrong(f"{told} That is the mean gain: it says nothing about chance.")
        if seen is not None and np.isclose(seen, np.quantile(means, 0.95), atol=1e-9):
            raise Wrong(f"{told} That is the upper end: a gate that believes the best case lets luck in.")
        if seen is not None and seen < wanted - 0.01:
            raise Wrong(f"{told} Draw the same recordings for both models; what is hard for both cancels out.")
        raise Wrong(told)
