"""Checks merge_lora on square and oblong layers, with and without a bias, and that the old layer is left alone."""

import torch
from torch import nn

from coursekit.course import Wrong


def check(answer) -> None:
    torch.manual_seed(3)
    for inputs, outputs, rank, alpha, bias in ((6, 6, 2, 8.0, True), (4, 7, 3, 1.0, True), (5, 3, 1, 2.0, False)):
        layer = nn.Linear(inputs, outputs, bias=bias)
        down, up, x = torch.randn(rank, inputs), torch.randn(outputs, rank), torch.randn(10, inputs)
        before = layer.weight.detach().clone()
        with torch.no_grad():
            wanted = layer(x) + alpha / rank * (x @ down.T) @ up.T
            merged = answer.merge_lora(layer, down, up, alpha)
            if merged is layer or not torch.equal(layer.weight, before):
                raise Wrong(
                    "The layer that was given has changed: others use it too, so the sum needs a layer of its own."
                )
            if not isinstance(merged, nn.Linear):
                raise Wrong(f"merge_lora returns {type(merged).__name__}, not an nn.Linear.")
            if (merged.bias is None) != (not bias):
                raise Wrong(
                    f"The layer has {'a' if bias else 'no'} bias, the merged one has {'none' if bias else 'one'}."
                )
            seen = merged(x)
        told = f"A layer {inputs} -> {outputs}, rank {rank}, alpha {alpha:g}"
        apart = (seen - wanted).abs().max().item()
        if seen.shape != wanted.shape:
            raise Wrong(f"{told}: the output has the shape {list(seen.shape)}, expected {list(wanted.shape)}.")
        if apart > 1e-4:
            explain(told, layer, down, up, alpha, rank, x, seen, apart)


def explain(told, layer, down, up, alpha, rank, x, seen, apart) -> None:
    with torch.no_grad():
        plain = layer(x)
        added = (x @ down.T) @ up.T
        if torch.allclose(seen, plain + alpha * added, atol=1e-4):
            raise Wrong(f"{told}: alpha is divided by the rank, or another rank would need another learning rate.")
        if torch.allclose(seen, plain, atol=1e-6):
            raise Wrong(f"{told}: the merged layer does what the old one did; the correction is missing.")
        if layer.bias is not None and torch.allclose(seen, plain + alpha / rank * added - layer.bias, atol=1e-4):
            raise Wrong(f"{told}: the bias belongs to the layer, too, and has to come along.")
        if layer.in_features == layer.out_features and torch.allclose(
            seen, plain + alpha / rank * x @ (up @ down), atol=1e-4
        ):
            raise Wrong(f"{told}: nn.Linear multiplies by the transpose of its weight; yours is the wrong way round.")
    raise Wrong(f"{told}: the outputs are up to {apart:.2f} apart.")
