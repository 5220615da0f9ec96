"""What attention off the diagonal costs

Write `guide_matrix(letters, steps, width)`: a matrix `[steps, letters]`. Letter n of N is n / N through the text,
step t of T is t / T through the speech. Where both are the same the cost is 0; with a distance d between them it is

    1 - exp(-d^2 / (2 width^2))

so that it comes near 1 far from the diagonal. n and t begin at 0.

After: 04_small_tacotron.py
Concepts: guided attention
Kind: exercise
Time: 15 min
"""

import numpy as np


def guide_matrix(letters: int, steps: int, width: float) -> np.ndarray:
    # TODO: two rows of shares, their differences, and the bell upside down
    raise NotImplementedError("guide_matrix")
