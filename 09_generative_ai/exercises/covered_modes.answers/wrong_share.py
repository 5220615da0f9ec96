"""Misconception: The share is of all points, not of those that are near"""

import numpy as np


def covered_modes(points: np.ndarray, centres: np.ndarray, near: float, least: float) -> int:
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    close_enough = distances.min(axis=1) <= near
    members = np.bincount(distances.argmin(axis=1)[close_enough], minlength=len(centres))
    return int((members >= least * close_enough.sum()).sum() if close_enough.any() else 0)
