"""Normalise properly: the test set must not take part. Solved."""

import numpy as np


def normalise(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both sets normalised, float32, in new arrays.

    Args:
        train: Pictures [N, height, width], uint8.
        test: Pictures [M, height, width], uint8.
    """
    mean, std = train.mean(), train.std()
    return scaled(train, mean, std), scaled(test, mean, std)


def scaled(images: np.ndarray, mean: float, std: float) -> np.ndarray:
    return ((images - mean) / std).astype(np.float32)
