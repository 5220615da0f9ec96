"""Fix the learning rate: find one that works, for a training you know nothing about

With the wrong learning rate nothing else matters: too small and the loss hardly moves, too large and it grows
until it is infinite or "not a number" (nan). The best rate depends on the network and on the data, so one
tries a ladder of rates, each for a few steps, and looks. Write that search:

    find_learning_rate(losses_of, [1.0, 0.1, 0.01])    returns the rate whose training ENDED at the lowest loss

`losses_of(rate)` starts the training anew with that rate and returns its losses, one a step, for example
[2.30, 1.71, 1.22] (fine), [2.30, 9.1, inf, nan] (diverged), [2.30, 2.29, 2.29] (too slow).

After: 03_train_mnist.py
Concepts: learning rate, hyperparameters
Kind: exercise
Time: 15 min
"""

from collections.abc import Callable


def find_learning_rate(losses_of: Callable[[float], list[float]], rates: list[float]) -> float:
    """Return the rate with the lowest finite last loss.

    Args:
        losses_of: Trains for a few steps with the rate it is given.
        rates: The ladder, in any order.

    Raises:
        ValueError: Every rate diverged.
    """
    return rates[0]  # TODO: try them
