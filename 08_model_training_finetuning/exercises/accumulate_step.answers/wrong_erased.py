"""Misconception: erasing between the parts leaves the last part alone"""

import torch
from torch import Tensor, nn


def accumulate_step(model: nn.Module, optimizer: torch.optim.Optimizer, parts: list[tuple[Tensor, Tensor]]) -> float:
    mean, count = 0.0, sum(len(targets) for _, targets in parts)
    for inputs, targets in parts:
        optimizer.zero_grad()
        loss = ((model(inputs).squeeze(1) - targets) ** 2).mean()
        loss.backward()
        mean += loss.item() * len(targets) / count
    optimizer.step()
    return mean
