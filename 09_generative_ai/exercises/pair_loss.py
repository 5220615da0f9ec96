"""The loss of pairs that belong together

Write `pair_loss(pictures, sentences, scale)`: CLIP's contrastive loss. Row n of both arrays `[B, E]` belongs together.
Bring every row to the length 1, take the table of all likenesses times `scale`, and let each picture choose among all
sentences and each sentence among all pictures, by softmax. The loss is the mean cross-entropy of both, in nats.

    all rows alike, B = 4              log(4) = 1.386: pure chance
    rows far apart, a large scale      near 0

After: 07_clip.py
Concepts: contrastive learning
Kind: exercise
Time: 20 min
"""

import numpy as np


def pair_loss(pictures: np.ndarray, sentences: np.ndarray, scale: float) -> float:
    # TODO: a table [B, B] whose diagonal should win, in its rows and in its columns
    raise NotImplementedError("pair_loss")
