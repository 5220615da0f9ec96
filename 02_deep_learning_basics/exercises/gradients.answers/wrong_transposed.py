"""Misconception: a gradient has the shape of what it belongs to"""

import torch


def forward(pixels, w1, b1, w2, b2):
    """Take pixels [B, D], w1 [H, D], b1 [H], w2 [C, H], b2 [C]; return before [B, H], hidden [B, H], logits [B, C]."""
    before = pixels @ w1.T + b1
    hidden = before.clamp(min=0)  # ReLU
    logits = hidden @ w2.T + b2
    return before, hidden, logits


def backward(pixels, labels, w2, before, hidden, logits) -> dict[str, torch.Tensor]:
    """Return the gradients of the mean cross-entropy: "w1" [H, D], "b1" [H], "w2" [C, H], "b2" [C]. No autograd here.

    Args:
        pixels: [B, D].
        labels: [B], the right classes.
        w2: [C, H].
        before: [B, H], what went into ReLU.
        hidden: [B, H], what came out.
        logits: [B, C].
    """
    one_hot = torch.nn.functional.one_hot(labels, logits.shape[1])  # [B, C]
    at_logits = (logits.softmax(dim=1) - one_hot) / len(labels)  # [B, C]
    at_hidden = at_logits @ w2  # [B, H]
    at_before = at_hidden * (before > 0)  # [B, H]
    return {
        "w1": pixels.T @ at_before,
        "b1": at_before.sum(dim=0),
        "w2": at_logits.T @ hidden,
        "b2": at_logits.sum(dim=0),
    }
