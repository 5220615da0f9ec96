"""Opponents of the acoustic model: they learn to tell real spectrograms from made ones.

A network trained on absolute errors answers with the middle of all ways a sound may be said, and the middle of many
sharp spectra is a blurred one. A critic knows blur at once, so a model that has to fool it must decide (adversarial
training, Goodfellow et al. 2014; for the mel spectrograms of a text-to-speech model, GANSpeech, Yang et al. 2021).

B batch, T frames.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm
from vocoder_critics import critics_loss, fooling_losses

from voice_pipeline.engines.starter.data import Batch

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


@dataclass
class CriticSettings:
    segment: int = 152  # frames that the critics look at (1.6 s)
    rate: float = 3e-4  # AdamW
    alone: int = 100  # steps in which the critics learn and are not listened to yet
    fooling: float = 0.05  # weights of the loss terms, beside 1 for the absolute error
    alike: float = 0.2


class Opponents:
    """The critics and what trains them."""

    def __init__(self, settings: CriticSettings, device: str) -> None:
        self.settings, self.device = settings, device
        self.critics = FrameCritics().to(device)
        self.optimizer = torch.optim.AdamW(self.critics.parameters(), lr=settings.rate, betas=(0.8, 0.99))

    def fooled(self, batch: Batch, real: Tensor, made: Tensor, step: int) -> dict[str, Tensor]:
        """The critics' terms; the critics learn on the way.

        Args:
            batch: for the lengths.
            real: normalised frames `[B, T, 82]`.
            made: the model's.
            step: of the training.
        """
        length, n_mels = self.settings.segment, batch.mel.shape[2]
        rows = torch.nonzero(batch.mel_lengths >= length)[:, 0]
        if not len(rows):
            return {}
        room = (batch.mel_lengths[rows] - length + 1).cpu().tolist()
        starts = torch.tensor([random.randrange(r) for r in room], device=self.device)
        real, made = (segments(frames[rows], starts, length)[..., :n_mels] for frames in (real, made))
        loss = critics_loss(self.critics(real), self.critics(made.detach()))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        found = {}
        if step >= self.settings.alone:
            with torch.no_grad():
                seen = self.critics(real)
            self.critics.requires_grad_(False)  # the way back goes through them, not into them
            fooled, alike = fooling_losses(seen, self.critics(made))
            self.critics.requires_grad_(True)
            found = {"fooling": self.settings.fooling * fooled, "alike": self.settings.alike * alike}
        return found
