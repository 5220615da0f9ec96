"""Checks straight_to_level against walking through all the steps, and names what went wrong."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    random = np.random.default_rng(3)
    alphas = np.linspace(0.99, 0.7, 20)
    for t in (0, 5, 19):
        picture, noise = random.normal(size=(6, 6)), random.normal(size=(6, 6))
        left = float(np.prod(alphas[: t + 1]))
        wanted = np.sqrt(left) * picture + np.sqrt(1 - left) * noise
        seen = np.asarray(answer.straight_to_level(picture, noise, alphas, t), float)
        if seen.shape != picture.shape:
            raise Wrong(f"A picture of shape {picture.shape} went in, an array of shape {seen.shape} came out.")
        if np.allclose(seen, wanted, atol=1e-9):
            continue
        told = f"At t={t} the result is off by up to {np.abs(seen - wanted).max():.2f}."
        one = alphas[t]
        if np.allclose(seen, np.sqrt(one) * picture + np.sqrt(1 - one) * noise):
            raise Wrong(f"{told} Only the last step was taken; what is left is the product of all steps so far.")
        if np.allclose(seen, left * picture + (1 - left) * noise):
            raise Wrong(f"{told} Shares of power were used for amplitudes; they take the square root.")
        before = float(np.prod(alphas[:t]))
        if np.allclose(seen, np.sqrt(before) * picture + np.sqrt(1 - before) * noise):
            raise Wrong(f"{told} The step t itself is missing: steps 0 to t are t + 1 steps.")
        raise Wrong(told)
