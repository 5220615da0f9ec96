"""Misconception: the last query stands at the last key, not at its own number"""

import numpy as np


def window_mask(queries: int, keys: int, window: int) -> np.ndarray:
    place_of_query = np.arange(queries)[:, None]
    place_of_key = np.arange(keys)[None]
    return (place_of_key <= place_of_query) & (place_of_query - place_of_key < window)
