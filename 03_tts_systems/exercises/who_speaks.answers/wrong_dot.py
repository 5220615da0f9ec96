"""Misconception: a cosine divides by the lengths"""

import numpy as np


def who_speaks(heard: np.ndarray, people: dict[str, np.ndarray], threshold: float) -> str | None:
    if not people:
        return None
    products = {name: float(heard @ vector) for name, vector in people.items()}
    best = max(products, key=products.get)
    return best if products[best] >= threshold else None
