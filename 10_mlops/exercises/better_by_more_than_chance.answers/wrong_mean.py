"""Misconception: it says nothing about chance"""

import numpy as np


def lower_end(old, new, draws):
    return float(np.mean(np.asarray(new, float) - np.asarray(old, float)))
