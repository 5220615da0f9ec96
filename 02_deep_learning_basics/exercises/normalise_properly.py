"""Normalise properly: the test set must not take part

A network learns best when its inputs have mean 0 and standard deviation 1. Write the function that brings a
training set and a test set there. Both become float32, and both are scaled by the SAME two numbers, computed
from the training set alone. The test set's mean will then be near 0 and not exactly 0, and that is right.

    train = [[0, 4], [8, 4]]    mean 4, standard deviation of all four numbers 2.8284 (divided by n, not n - 1)
    test = [[4, 8]]             becomes [[0.0, 1.4142]]

After: 02_load_mnist.py
Concepts: normalization, generalization
Kind: exercise
Time: 10 min
"""

import numpy as np


def normalise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets normalised, float32, in new arrays.

    Args:
        train: Pictures [N, height, width], uint8.
        test: Pictures [M, height, width], uint8.
    """
    raise NotImplementedError("TODO: two numbers, used twice")
