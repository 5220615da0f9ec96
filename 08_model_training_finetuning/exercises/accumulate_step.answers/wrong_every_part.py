"""Misconception: an update after each part is several small steps"""

import torch
from torch import Tensor, nn


def accumulate_step(model: nn.Module, optimizer: torch.optim.Optimizer, parts: list[tuple[Tensor, Tensor]]) -> float:
    mean, count = 0.0, sum(len(targets) for _, targets in parts)
    for inputs, targets in parts:
        loss = ((model(inputs).squeeze(1) - targets) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean += loss.item() * len(targets) / count
    return mean
