"""Checks nucleus on small distributions whose right answer is plain, and on random ones."""

import numpy as np

from coursekit.course import Wrong


def truth(probabilities: np.ndarray, p: float) -> np.ndarray:
    order = np.argsort(-probabilities)
    count = int(np.searchsorted(np.cumsum(probabilities[order]), p - 1e-12)) + 1
    kept = np.zeros_like(probabilities)
    kept[order[:count]] = probabilities[order[:count]]
    return kept / kept.sum()


def check(answer) -> None:
    random = np.random.default_rng(5)
    cases = [(np.array([0.5, 0.3, 0.2]), 0.5), (np.array([0.2, 0.5, 0.3]), 0.6), (np.array([0.1, 0.6, 0.3]), 0.2)]
    cases += [(random.dirichlet(np.full(12, 0.5)), p) for p in (0.3, 0.7, 0.95)]
    for probabilities, p in cases:
        given = probabilities.copy()
        seen = np.asarray(answer.nucleus(given, p), float)
        if not np.array_equal(given, probabilities):
            raise Wrong("The array that was given was changed in place; work on a new one.")
        wanted = truth(probabilities, p)
        told = f"nucleus({np.round(probabilities, 2).tolist()}, {p}) is {np.round(seen, 3).tolist()}."
        if seen.shape != wanted.shape:
            raise Wrong(f"{told} As many numbers must come out as went in, {len(wanted)}.")
        if np.allclose(seen, wanted, atol=1e-9):
            continue
        total = seen.sum()
        if not np.isfinite(total) or total == 0:
            raise Wrong(f"{told} Nothing was kept: the token that reaches p belongs to the nucleus.")
        if not np.isclose(total, 1):
            raise Wrong(f"{told} It adds up to {total:.2f}; what is left has to be scaled to 1 again.")
        if np.allclose(np.sort(seen), np.sort(wanted)):
            raise Wrong(f"{told} The right numbers stand in the wrong places: the tokens were sorted and not put back.")
        if (seen > 0).sum() == (wanted > 0).sum() - 1:
            raise Wrong(f"{told} One token is missing: the token that reaches p belongs to the nucleus.")
        raise Wrong(f"{told} Expected {np.round(wanted, 3).tolist()}.")
