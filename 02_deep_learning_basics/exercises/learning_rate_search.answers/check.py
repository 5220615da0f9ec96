"""Trainings of very different scale, ladders in different orders, and diverging rates in all places."""

import math

import numpy as np

from coursekit.course import Wrong

LADDER = [10.0**power for power in range(-6, 3)]


def training(scale: float, seed: int, steps: int = 12):
    """A linear model whose inputs are `scale` large: the best rate is near 1 / scale**2."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(40, 3)) * scale
    targets = inputs @ rng.normal(size=3)

    def losses_of(rate: float) -> list[float]:
        weights, losses = np.zeros(3), []
        with np.errstate(all="ignore"):
            for _ in range(steps):
                error = inputs @ weights - targets
                losses.append(float((error**2).mean()))
                weights = weights - rate * 2 * inputs.T @ error / len(inputs)
        return losses

    return losses_of


def shown(losses: list[float]) -> str:
    return "[" + ", ".join(f"{loss:.3g}" for loss in [*losses[:2], *losses[-2:]]) + "]"


def check(answer) -> None:
    orders = (LADDER, LADDER[::-1], LADDER[5:] + LADDER[:5])
    cases = [(training(scale, seed), order) for scale in (0.1, 1.0, 30.0) for seed, order in enumerate(orders)]
    table = {
        1.0: [2.3, math.inf, math.nan],
        0.3: [2.3, 0.1, 3.0],
        0.1: [2.3, 1.5, 0.9],
        0.01: [2.3, 2.2, 2.1],
        0.5: [2.3, 1.0, 9.0],
    }
    table |= {0.2: [2.3, 2.0, math.inf], 0.03: [2.3, 1.6, 1.2], 3.0: [2.3, -math.inf, math.nan]}
    cases += [(table.__getitem__, list(table)), (table.__getitem__, list(table)[::-1])]
    for losses_of, rates in cases:
        compare(answer.find_learning_rate(losses_of, list(rates)), losses_of, rates)
    try:
        seen = answer.find_learning_rate(lambda rate: [1.0, math.nan], [1.0, 2.0])
    except ValueError:
        return
    raise Wrong(f"Every rate diverged. Expected a ValueError; {seen} was returned as if it worked.")


def compare(seen, losses_of, rates: list[float]) -> None:
    ends = {rate: losses_of(rate)[-1] for rate in rates}
    finite = {rate: loss for rate, loss in ends.items() if math.isfinite(loss)}
    best = min(finite, key=finite.__getitem__)
    if seen == best:
        return
    if seen not in ends:
        raise Wrong(f"Returned {seen!r}, which is not one of the rates {rates}.")
    because = "it was not compared with the others"
    if math.isnan(ends[seen]):
        because = "nan is neither smaller nor larger than any number, so min() keeps it"
    elif seen not in finite:
        because = "it diverged"
    elif seen == max(finite):
        because = "the largest rate that does not diverge is not the best one"
    elif min(losses_of(seen)) < ends[seen]:
        because = "its loss touched a low point and flew away; only where it ends counts"
    elif seen == min(finite):
        because = "the smallest rate is safe and slow"
    raise Wrong(
        f"With rates {rates} it returned {seen:g}, whose losses are {shown(losses_of(seen))}; "
        f"{best:g} has {shown(losses_of(best))}: {because}."
    )
