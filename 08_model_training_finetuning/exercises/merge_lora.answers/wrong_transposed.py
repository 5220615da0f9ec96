"""Misconception: nn.Linear multiplies by the transpose of its weight"""

import torch
from torch import Tensor, nn


def merge_lora(layer: nn.Linear, down: Tensor, up: Tensor, alpha: float) -> nn.Linear:
    plain = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
    with torch.no_grad():
        plain.weight.copy_(layer.weight + alpha / len(down) * (down.T @ up.T))
        if layer.bias is not None:
            plain.bias.copy_(layer.bias)
    return plain
