"""Checks guide_matrix on several sizes."""

import math

import numpy as np

from coursekit.course import Wrong


def truth(letters: int, steps: int, width: float) -> np.ndarray:
    return np.array(
        [
            [1 - math.exp(-((n / letters - t / steps) ** 2) / (2 * width**2)) for n in range(letters)]
            for t in range(steps)
        ]
    )


def check(answer) -> None:
    for letters, steps, width in ((4, 8, 0.2), (12, 5, 0.2), (1, 3, 0.3), (6, 6, 0.1)):
        seen = np.asarray(answer.guide_matrix(letters, steps, width), float)
        called = f"guide_matrix({letters}, {steps}, {width})"
        wanted = truth(letters, steps, width)
        if seen.shape == wanted.T.shape != wanted.shape:
            raise Wrong(f"{called} has the shape {seen.shape}: a row is a step and a column a letter, not the reverse.")
        if seen.shape != wanted.shape:
            raise Wrong(f"{called} has the shape {seen.shape}, expected {wanted.shape}.")
        if np.allclose(seen, wanted, atol=1e-6):
            continue
        if np.allclose(seen, 1 - wanted, atol=1e-6):
            raise Wrong(f"{called} is 1 on the diagonal: it is a cost, and the diagonal must be free.")
        n, t = np.arange(letters)[None], np.arange(steps)[:, None]
        if np.allclose(seen, 1 - np.exp(-((n - t) ** 2) / (2 * width**2)), atol=1e-6):
            raise Wrong(f"{called} compares numbers of letters with numbers of steps; shares of the length are meant.")
        if np.allclose(seen, np.exp(-((wanted - 1) ** 2)), atol=1e-6) or seen.min() < -1e-9 or seen.max() > 1 + 1e-9:
            raise Wrong(
                f"{called} has values from {seen.min():.2f} to {seen.max():.2f}: a bell upside down stays in 0..1."
            )
        raise Wrong(f"{called}[-1, 0] is {seen[-1, 0]:.3f}, expected {wanted[-1, 0]:.3f}. Is the width squared?")
