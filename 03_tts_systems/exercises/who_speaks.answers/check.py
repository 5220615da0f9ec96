"""Checks who_speaks with vectors of different lengths."""

import numpy as np

from coursekit.course import Wrong

PEOPLE = {"ann": np.array([1.0, 0.2, 0.0]), "ben": np.array([30.0, 60.0, 0.0]), "cleo": np.array([0.0, 0.1, 0.2])}


def check(answer) -> None:
    cases = (
        (np.array([2.0, 0.4, 0.1]), 0.7, "ann", "the longest vector does not win: a cosine divides by the lengths"),
        (
            np.array([0.4, 0.75, 0.0]),
            0.7,
            "ben",
            "the nearest in distance is another: the direction counts, not the place",
        ),
        (np.array([0.0, 3.0, 6.0]), 0.7, "cleo", "the longest vector does not win: a cosine divides by the lengths"),
        (np.array([1.0, -2.0, -2.0]), 0.7, None, "below the threshold nobody is named"),
        (np.array([-1.0, -0.2, 0.0]), 0.7, None, "below the threshold nobody is named"),
    )
    for heard, threshold, wanted, why in cases:
        seen = answer.who_speaks(heard, {name: vector.copy() for name, vector in PEOPLE.items()}, threshold)
        if seen != wanted:
            raise Wrong(f"who_speaks({heard.tolist()}, ..., {threshold}) is {seen!r}, expected {wanted!r}: {why}.")
    try:
        seen = answer.who_speaks(np.array([1.0, 0.0, 0.0]), {}, 0.5)
    except ValueError:
        raise Wrong("With nobody known, who_speaks stops: the highest of nothing does not exist.") from None
    if seen is not None:
        raise Wrong(f"With nobody known, who_speaks says {seen!r}.")
