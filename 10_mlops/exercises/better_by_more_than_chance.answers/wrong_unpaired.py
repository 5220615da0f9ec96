"""Misconception: Draw the same recordings for both models"""

import numpy as np


def lower_end(old, new, draws):
    old, new = np.asarray(old, float), np.asarray(new, float)
    others = [draws[-1], *draws[:-1]]
    if len(draws) < 3:
        others = draws
    return float(np.quantile([new[a].mean() - old[b].mean() for a, b in zip(draws, others, strict=True)], 0.05))
