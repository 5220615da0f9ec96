"""Who speaks? Solved."""

import numpy as np


def who_speaks(heard: np.ndarray, people: dict[str, np.ndarray], threshold: float) -> str | None:
    if not people:
        return None
    unit = heard / np.linalg.norm(heard)
    cosines = {name: float(unit @ vector / np.linalg.norm(vector)) for name, vector in people.items()}
    best = max(cosines, key=cosines.get)
    return best if cosines[best] >= threshold else None
