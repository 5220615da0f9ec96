"""Misconception: exp of 1000 is infinity"""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities [B, C], each row with the sum 1.

    Args:
        logits: Scores [B, C], any finite numbers.
    """
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over the batch of -log(softmax of the right class).

    Args:
        logits: Scores [B, C], any finite numbers.
        labels: The right classes [B], integers from 0 to C - 1.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    right = shifted[np.arange(len(labels)), labels]
    return float((log_sum - right).mean())
