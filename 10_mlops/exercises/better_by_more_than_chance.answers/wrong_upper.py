"""Misconception: lets luck in"""

import numpy as np


def lower_end(old, new, draws):
    gain = np.asarray(new, float) - np.asarray(old, float)
    return float(np.quantile([gain[places].mean() for places in draws], 0.95))
