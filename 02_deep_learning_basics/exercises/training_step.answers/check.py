"""Compares two steps with those of a copy of the model, worked out here from the definition of gradient descent."""

import copy

import torch
from torch import nn

from coursekit.course import Wrong

RATE = 0.5


def reference(model: nn.Module, inputs, labels, *, softmax=False, carried=None) -> tuple[float, list]:
    """Gradient descent without an optimizer: new parameters are old ones minus rate times gradient."""
    parameters = list(model.parameters())
    logits = model(inputs)
    loss = nn.functional.cross_entropy(logits.softmax(dim=1) if softmax else logits, labels)
    gradients = torch.autograd.grad(loss, parameters)
    if carried:
        gradients = [gradient + old for gradient, old in zip(gradients, carried, strict=True)]
    with torch.no_grad():
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter -= RATE * gradient
    return loss.item(), list(gradients)


def same(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.parameters(), b.parameters(), strict=True)
    return all(torch.allclose(x, y, atol=1e-6) for x, y in pairs)


def check(answer) -> None:
    torch.manual_seed(7)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))
    inputs, labels = torch.randn(32, 6), torch.randint(4, (32,))
    start, right, twice = copy.deepcopy(model), copy.deepcopy(model), copy.deepcopy(model)
    expected, gradients = reference(right, inputs, labels)
    doubled, _ = reference(twice, inputs, labels, softmax=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)

    returned = answer.training_step(model, inputs, labels, nn.CrossEntropyLoss(), optimizer)
    if isinstance(returned, torch.Tensor):
        raise Wrong("It returned a tensor, not a float: the returned loss still holds its whole history. Use .item().")
    if not isinstance(returned, float):
        raise Wrong(f"It returned {returned!r}; the loss of this batch is {expected:.4f}.")
    if abs(returned - doubled) < 1e-5:
        raise Wrong(
            f"The loss was {returned:.4f}, expected {expected:.4f}: softmax was applied twice, as the criterion has it."
        )
    if same(model, start):
        filled = all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
        because = "the gradients were thrown away before the step"
        if filled:
            because = "the step came before the gradients were there"
        elif all(p.grad is None for p in model.parameters()):
            because = "there are no gradients: is backward() called, and nothing erased after it?"
        raise Wrong(f"Called training_step once. No parameter moved: {because}.")
    if abs(returned - expected) > 1e-5:
        raise Wrong(f"The loss returned is {returned:.4f}; before the step it is {expected:.4f}.")
    if not same(model, right):
        raise Wrong("After one call the parameters are not where a step of gradient descent leads.")

    added = copy.deepcopy(right)
    second, _ = reference(added, inputs, labels, carried=gradients)
    reference(right, inputs, labels)
    answer.training_step(model, inputs, labels, nn.CrossEntropyLoss(), optimizer)
    if same(model, added):
        raise Wrong(
            f"Called training_step twice. The loss went from {expected:.3f} to {second:.3f}, and then the second step "
            "was too long: the gradients of the last batch are still there."
        )
    if not same(model, right):
        raise Wrong("The first step was right, the second is not where gradient descent leads.")
