"""Merge a correction into its layer

After training, LoRA's correction can be added into the frozen weights, and the layer is as quick as before. Write
`merge_lora(layer, down, up, alpha)`, which returns a NEW `nn.Linear` that does for every x what both did together:

    layer(x) + (alpha / r) * (x @ down.T) @ up.T

    layer   nn.Linear, weight [out, in], with or without a bias; it must stay as it is, others use it too
    down    A, [r, in]
    up      B, [out, r]

After: 06_lora.py
Concepts: lora
Kind: exercise
Time: 15 min
"""

from torch import Tensor, nn


def merge_lora(layer: nn.Linear, down: Tensor, up: Tensor, alpha: float) -> nn.Linear:
    # TODO: which matrix [out, in] does the same as down and up one after the other?
    raise NotImplementedError("merge_lora")
