"""The length regulator, with a speed

Each letter has a vector and lasts some frames. Write `stretch(vectors, durations, speed)`: repeat each vector as
often as its letter lasts, letters in order. `speed` 2.0 speaks twice as fast. A duration divided by the speed is
rounded (`np.round`), and no letter may get lost: each lasts at least one frame.

    stretch([[1, 1], [2, 2]], [1, 3], 1.0)   returns [[1, 1], [2, 2], [2, 2], [2, 2]]

After: 05_small_fastspeech.py
Concepts: durations
Kind: exercise
Time: 10 min
"""

import numpy as np


def stretch(vectors: np.ndarray, durations: np.ndarray, speed: float) -> np.ndarray:
    # TODO: whole numbers of frames first, then repeat
    raise NotImplementedError("stretch")
