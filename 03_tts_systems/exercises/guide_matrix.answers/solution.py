"""What attention off the diagonal costs, solved."""

import numpy as np


def guide_matrix(letters: int, steps: int, width: float) -> np.ndarray:
    through_text = np.arange(letters) / letters
    through_speech = np.arange(steps)[:, None] / steps
    apart = (through_text - through_speech) / width
    return 1 - np.exp(-0.5 * apart**2)
