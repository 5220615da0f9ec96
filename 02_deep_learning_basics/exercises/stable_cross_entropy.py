"""Softmax and cross-entropy that survive large numbers

Softmax turns scores into probabilities: exp(score) divided by the sum of all exp(scores) of the row. Cross-
entropy is the mean of -log(probability of the right class). Written down like that, both break: exp(1000) is
infinity, and exp(-1000) is 0, whose logarithm is minus infinity. Write them with NumPy so that any finite
scores give a finite, right answer.

    softmax(np.array([[1000.0, 1000.0]]))                     returns [[0.5, 0.5]]
    cross_entropy(np.array([[2.0, 0.0]]), np.array([0]))      returns 0.1269...
    cross_entropy(np.array([[0.0, 1000.0]]), np.array([0]))   returns 1000.0, not infinity

After: 03_train_mnist.py
Concepts: loss functions
Kind: exercise
Time: 15 min
"""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities [B, C], each row with the sum 1.

    Args:
        logits: Scores [B, C], any finite numbers.
    """
    raise NotImplementedError("TODO: exp(score) / sum of exp(scores), with numbers that exp can take")


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over the batch of -log(softmax of the right class).

    Args:
        logits: Scores [B, C], any finite numbers.
        labels: The right classes [B], integers from 0 to C - 1.
    """
    raise NotImplementedError("TODO: do not take the logarithm of softmax(logits); simplify log(exp(a) / sum) first")
