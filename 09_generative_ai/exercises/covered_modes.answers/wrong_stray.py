"""Misconception: A stray point or two is no mode"""

import numpy as np


def covered_modes(points: np.ndarray, centres: np.ndarray, near: float, least: float) -> int:
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    return int((distances.min(axis=0) <= near).sum())
