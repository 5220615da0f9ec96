"""One seed for every random generator a lesson uses."""

from coursekit.errors import CourseError


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and PyTorch's generators (PyTorch's on every device).

    Same seed, same machine, same library versions give the same numbers. Another device or another number
    of threads adds in another order, so the last digits may differ there.

    Args:
        seed: 0 to 2**32 - 1 (NumPy accepts no other).

    Raises:
        CourseError: The seed is out of range.
    """
    if not 0 <= seed < 2**32:
        raise CourseError(f"seed {seed} is out of range: 0 to {2**32 - 1} is possible.", hint="try --seed 0")
    import random

    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
