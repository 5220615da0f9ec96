"""Opponents of the acoustic model: they learn to tell real spectrograms from made ones.

A network trained on absolute errors answers with the middle of all ways a sound may be said, and the middle of many
sharp spectra is a blurred one. A critic knows blur at once, so a model that has to fool it must decide (adversarial
training, Goodfellow et al. 2014; for the mel spectrograms of a text-to-speech model, GANSpeech, Yang et al. 2021).

B batch, T frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

_SLOPE = 0.1
_LAYERS = (3, 4, 5)  # halvings of the picture: a score sees 15, 31 and 63 frames and bands


class FrameCritic(nn.Module):
    """Looks at a log-mel spectrogram as at a picture, in patches."""

    def __init__(self, layers: int, channels: int = 32) -> None:
        super().__init__()
        sizes = [1, *(min(channels * 2**i, 4 * channels) for i in range(layers))]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, 3, 2, padding=1)) for a, b in zip(sizes, sizes[1:], strict=False)
        )
        self.score = weight_norm(nn.Conv2d(sizes[-1], 1, 3, padding=1))

    def forward(self, mel: Tensor) -> list[Tensor]:
        """What each layer sees, the score last. Normalised mel `[B, T, 80]` in."""
        x = mel.unsqueeze(1)
        seen = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE)
            seen.append(x)
        return [*seen, self.score(x)]


class FrameCritics(nn.Module):
    """Three of them, for small, middling and large patches."""

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.ModuleList(FrameCritic(layers) for layers in _LAYERS)

    def forward(self, mel: Tensor) -> list[list[Tensor]]:
        """For each critic, what its layers see."""
        return [critic(mel) for critic in self.all]


def segments(values: Tensor, starts: Tensor, length: int) -> Tensor:
    """`length` frames of each row from its own start on: `[B, T, ...]` and `[B]` to `[B, length, ...]`."""
    places = starts[:, None] + torch.arange(length, device=values.device)[None]
    return values[torch.arange(len(values), device=values.device)[:, None], places]
