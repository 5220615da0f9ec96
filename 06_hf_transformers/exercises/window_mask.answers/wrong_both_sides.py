"""Misconception: the future is not to be seen"""

import numpy as np


def window_mask(queries: int, keys: int, window: int) -> np.ndarray:
    place_of_query = (keys - queries + np.arange(queries))[:, None]
    place_of_key = np.arange(keys)[None]
    return abs(place_of_query - place_of_key) < window
