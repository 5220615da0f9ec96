"""Misconception: Points far from every centre were counted"""

import numpy as np


def covered_modes(points: np.ndarray, centres: np.ndarray, near: float, least: float) -> int:
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    members = np.bincount(distances.argmin(axis=1), minlength=len(centres))
    return int((members >= least * len(points)).sum())
