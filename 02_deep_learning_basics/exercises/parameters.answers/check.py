"""Compares with networks that PyTorch builds."""

import random

from torch import nn

from coursekit.course import Wrong


def count(*layers: nn.Module) -> int:
    return sum(parameter.numel() for layer in layers for parameter in layer.parameters())


def check(answer) -> None:
    for sizes in ([784, 128, 10], [2, 1], *([random.randint(1, 90) for _ in range(n)] for n in (2, 3, 5, 6))):
        expected = count(*(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:], strict=False)))
        seen = answer.dense_parameters(list(sizes))
        if seen != expected:
            because = "it does not add up"
            if seen == expected - sum(sizes[1:]):
                because = "the biases are missing, one for each neuron"
            elif seen == expected + sizes[0]:
                because = "the inputs are no neurons and have no biases"
            raise Wrong(f"dense_parameters({sizes}) returned {seen}, PyTorch counts {expected}: {because}.")
    for _ in range(5):
        inputs, outputs, kernel = random.randint(1, 32), random.randint(1, 32), random.choice([1, 3, 5, 7])
        expected, seen = count(nn.Conv2d(inputs, outputs, kernel)), answer.conv_parameters(inputs, outputs, kernel)
        if seen != expected:
            because = "it does not add up"
            if seen == outputs * kernel * kernel + outputs:
                because = "every kernel looks at all the input channels"
            elif seen == expected - outputs:
                because = "the biases are missing, one for each neuron"
            raise Wrong(f"conv_parameters({inputs}, {outputs}, {kernel}) returned {seen}, not {expected}: {because}.")
