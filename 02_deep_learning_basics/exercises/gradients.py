"""Backpropagation by hand, proved against autograd

The network of 03_train_mnist.py, without autograd. The forward pass is written for you and keeps what the
backward pass needs. Go through it backwards: from the loss to the logits, to the second layer, through ReLU,
to the first layer. At every stop you have the gradient of the loss with respect to what stands there; its
shape is the shape of that thing.

The first stop: for the mean of softmax and cross-entropy over B pictures, the gradient at the logits is
(probabilities - one_hot(labels)) / B, with torch.nn.functional.one_hot. With one picture, probabilities [0.7,
0.3] and label 0 it is [-0.3, 0.3].

After: 03_train_mnist.py
Concepts: backpropagation, gradients
Kind: exercise
Time: 30 min
"""

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
    raise NotImplementedError("TODO: the gradient at the logits, at hidden, at before; from them the four")
