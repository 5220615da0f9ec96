"""Compares with torch on ordinary, huge and far-apart scores."""

import warnings

import numpy as np
import torch
import torch.nn.functional as F

from coursekit.course import Wrong


def logits_and_labels(rng, scale: float, offset: float) -> tuple[np.ndarray, np.ndarray]:
    return rng.normal(size=(5, 4)) * scale + offset, rng.integers(4, size=5)


def check(answer) -> None:
    warnings.simplefilter("ignore")  # of NumPy, about the overflow that is told below in words
    rng = np.random.default_rng(3)
    apart = np.array([[0.0, 1.0], [900.0, 901.0]])  # rows at very different heights
    logits, labels = logits_and_labels(rng, 1, 0)
    check_softmax(answer, logits, "ordinary scores")
    check_softmax(answer, logits + 1000, "scores near 1000", "exp of 1000 is infinity")
    rows = "the largest number of the whole batch was subtracted, not the one of each row"
    check_softmax(answer, apart, "one row near 0, the other near 900", rows)
    check_loss(answer, logits, labels, "ordinary scores")
    zero = "the logarithm of a probability that had become 0"
    check_loss(answer, *logits_and_labels(rng, 1, 1000), "scores near 1000", "exp of 1000 is infinity")
    check_loss(answer, apart, np.array([0, 1]), "one row near 0, the other near 900", rows)
    check_loss(answer, *logits_and_labels(rng, 1000, 0), "scores that differ by thousands", zero)
    check_loss(answer, np.array([[0.0, 1000.0]]), np.array([0]), "the scores [0, 1000] and label 0", zero)


def check_softmax(answer, logits: np.ndarray, what: str, because: str = "it is not exp / sum of the row") -> None:
    expected = torch.from_numpy(logits).softmax(dim=1).numpy()
    seen = np.asarray(answer.softmax(logits.copy()))
    if seen.shape != expected.shape:
        raise Wrong(f"softmax of shape {logits.shape} has shape {seen.shape}, expected {expected.shape}.")
    if not np.allclose(seen, expected, atol=1e-9):
        raise Wrong(
            f"softmax, {what}: the first row is {seen[0].round(4)}, expected {expected[0].round(4)}: {because}."
        )


def check_loss(answer, logits: np.ndarray, labels: np.ndarray, what: str, because: str = "see the formula") -> None:
    expected = F.cross_entropy(torch.from_numpy(logits), torch.from_numpy(labels)).item()
    seen = float(answer.cross_entropy(logits.copy(), labels.copy()))
    if len(labels) > 1 and np.isclose(seen, expected * len(labels)):
        because = "it was summed over the batch instead of averaged"
    if not np.isclose(seen, expected, rtol=1e-6):
        raise Wrong(f"cross_entropy, {what}: returned {seen:.4f}, PyTorch has {expected:.4f}: {because}.")
