"""Misconception: the gradients of the last batch are still there"""

from torch import Tensor, nn, optim


def training_step(
    model: nn.Module, inputs: Tensor, labels: Tensor, criterion: nn.Module, optimizer: optim.Optimizer
) -> float:
    """Improve the model a little with one batch.

    Args:
        model: Returns logits [B, C] for inputs [B, D].
        inputs: [B, D] float32.
        labels: [B] int64, the right classes.
        criterion: Takes logits and labels, returns the mean loss; softmax is inside it.
        optimizer: Holds the model's parameters.

    Returns:
        The loss of this batch, before the step.
    """
    scores = model(inputs)
    batch_loss = criterion(scores, labels)
    batch_loss.backward()
    optimizer.step()
    return batch_loss.item()
