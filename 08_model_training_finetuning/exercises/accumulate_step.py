"""A large batch in small parts

Your GPU holds four clips, and the recipe asks for a batch of ten. Write `accumulate_step(model, optimizer, parts)`: ONE
update that changes the weights exactly as a step on all clips together would.

    parts       a list of (inputs [B_i, D], targets [B_i]); the parts may have different lengths
    the loss    of a batch is the mean of (model(inputs).squeeze(1) - targets) ** 2 over all its clips
    returns     that mean over all clips of all parts, a float, as it was before the update

Gradients that are there from an earlier step must not count.

After: 05_mixed_precision.py
Concepts: gradient accumulation
Kind: exercise
Time: 20 min
"""

import torch
from torch import Tensor, nn


def accumulate_step(model: nn.Module, optimizer: torch.optim.Optimizer, parts: list[tuple[Tensor, Tensor]]) -> float:
    # TODO: erase the gradients, add up those of all parts, update once
    raise NotImplementedError("accumulate_step")
