"""Misconception: gradients add up until somebody erases them"""

import torch
from torch import Tensor, nn


def accumulate_step(model: nn.Module, optimizer: torch.optim.Optimizer, parts: list[tuple[Tensor, Tensor]]) -> float:
    mean, count = 0.0, sum(len(targets) for _, targets in parts)
    for inputs, targets in parts:
        loss = ((model(inputs).squeeze(1) - targets) ** 2).sum() / count
        loss.backward()
        mean += loss.item()
    optimizer.step()
    return mean
