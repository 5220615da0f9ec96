"""How many modes does a forger cover?

Write `covered_modes(points, centres, near, least)`: how many of the centres the generated points cover. A point
belongs to its nearest centre, and counts only if it is at most `near` away. A centre is covered if at least the share
`least` of ALL generated points belongs to it and counts.

    points `[N, 2]`, centres `[M, 2]`; near a distance; least a share, 0 to 1

After: 02_gan.py
Concepts: mode collapse
Kind: exercise
Time: 15 min
"""

import numpy as np


def covered_modes(points: np.ndarray, centres: np.ndarray, near: float, least: float) -> int:
    # TODO: the distance of each point to each centre first, [N, M]
    raise NotImplementedError("covered_modes")
