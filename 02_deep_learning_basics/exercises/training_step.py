"""Write the training step

One step of training does five things with one batch: the old gradients go, the model answers, the loss says
how wrong the answer is, the gradients are computed, and the optimizer moves the parameters. Write them in the
order that works, and return the batch's loss as a plain number (a Python float).

    model = nn.Linear(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    training_step(model, inputs, labels, nn.CrossEntropyLoss(), optimizer)    returns for example 1.214
    training_step(model, inputs, labels, nn.CrossEntropyLoss(), optimizer)    returns for example 1.187: it fell

After: 03_train_mnist.py
Concepts: backpropagation, gradients, forward and backward pass
Kind: exercise
Time: 10 min
"""

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
    raise NotImplementedError("TODO: the five things, in order")
