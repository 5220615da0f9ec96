"""Better by more than chance

Two models judged the same recordings. `old` and `new` say for each recording whether the model was right (True or
False). Write `lower_end(old, new, draws)`: the gain in accuracy that the new model surely has. `draws` holds many
lists of places, drawn with replacement: for each of them, take the mean gain of the new model over the old one on
exactly these recordings. The lower end is the 5 % quantile of those means (`np.quantile(means, 0.05)`). A gate
promotes when it is above 0.

    old, new = [True, False, False], [True, True, False]
    lower_end(old, new, [[0, 1, 2], [1, 1, 1]])   returns np.quantile([1 / 3, 1.0], 0.05), which is 0.3667

After: 02_model_registry.py
Concepts: promotion gate
Kind: exercise
Time: 15 min
"""

import numpy as np  # noqa: F401  (you will need it)


def lower_end(old: list[bool], new: list[bool], draws: list[list[int]]) -> float:
    # TODO: the gain of each recording first, then its mean over each draw, then the quantile
    raise NotImplementedError("lower_end")
