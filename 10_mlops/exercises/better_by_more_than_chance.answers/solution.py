"""Better by more than chance, solved."""

import numpy as np


def lower_end(old: list[bool], new: list[bool], draws: list[list[int]]) -> float:
    gain_each = np.asarray(new, dtype=float) - np.asarray(old, dtype=float)
    gain_of_draws = gain_each[np.asarray(draws)].mean(axis=1)
    return float(np.quantile(gain_of_draws, 0.05))
