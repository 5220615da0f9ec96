"""Misconception: The layer that was given has changed"""

import torch
from torch import Tensor, nn


def merge_lora(layer: nn.Linear, down: Tensor, up: Tensor, alpha: float) -> nn.Linear:
    with torch.no_grad():
        layer.weight += alpha / len(down) * up @ down
    return layer
