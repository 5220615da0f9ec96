"""Spot the overfitting

After each epoch a training prints its loss on the training set and on a validation set (pictures kept apart).
Write a function that reads both lists and says which epoch's weights to keep, and what happened:

    keep        the epoch with the lowest validation loss, counted from 1 as the scripts do
    "overfitting"   the validation loss ends more than 10 % above its lowest value, and the training loss fell on
    "underfitting"  the training loss itself ends above half of where it began: hardly anything was learnt
    "good"          neither

    judge([2.0, 1.0, 0.5, 0.2, 0.1], [2.1, 1.2, 0.9, 1.1, 1.4])    returns (3, "overfitting")
    judge([2.3, 2.2, 2.1, 2.1, 2.1], [2.3, 2.2, 2.2, 2.2, 2.1])    returns (5, "underfitting")

After: 05_experiment_architectures.py
Concepts: overfitting and underfitting, generalization
Kind: exercise
Time: 15 min
"""


def judge(train_loss: list[float], validation_loss: list[float]) -> tuple[int, str]:
    """Return the epoch to keep (from 1) and the verdict.

    Args:
        train_loss: One value an epoch, at least two epochs.
        validation_loss: As many values.
    """
    raise NotImplementedError("TODO: the epoch first, the verdict from it")
