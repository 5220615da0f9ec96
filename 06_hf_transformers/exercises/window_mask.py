"""Who may look at whom, with a short memory

Some models let a position look at itself and at only a few positions before it: a window. Then long texts stay cheap.
Write `window_mask(queries, keys, window)`: a bool array `[queries, keys]`, True where a query may look. The LAST query
stands at the LAST key, as when a cache holds what came before. A query sees its own position, and at most `window`
positions in all, its own included; never the future.

    window_mask(3, 3, 2)   returns [[1, 0, 0],
                                    [1, 1, 0],
                                    [0, 1, 1]]   (as True and False)
    window_mask(1, 4, 2)   returns [[0, 0, 1, 1]]

After: 02_attention.py
Concepts: masks
Kind: exercise
Time: 15 min
"""

import numpy as np


def window_mask(queries: int, keys: int, window: int) -> np.ndarray:
    # TODO: give every query its place among the keys; then compare places
    raise NotImplementedError("window_mask")
