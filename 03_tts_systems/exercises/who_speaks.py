"""Who speaks?

Embeddings of people are known: name -> vector. They need not have the length 1, since means of several recordings do
not. Write `who_speaks(heard, people, threshold)`: the name of the person whose vector has the highest COSINE with
`heard`, or None when the highest is below the threshold. An empty `people` gives None, too.

After: 06_zero_shot_cloning.py
Concepts: speaker embedding
Kind: exercise
Time: 15 min
"""

import numpy as np


def who_speaks(heard: np.ndarray, people: dict[str, np.ndarray], threshold: float) -> str | None:
    # TODO: a cosine for each person, the highest of them, and a look at the threshold
    raise NotImplementedError("who_speaks")
