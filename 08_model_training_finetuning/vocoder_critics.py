"""The two kinds of opponents that the vocoder is trained against: they learn to tell real sound from made sound.

  PeriodCritic    folds the waveform into rows of P samples, so that what repeats every P samples stands in a column
                  (HiFi-GAN's multi-period discriminator, Kong et al. 2020)
  SpectrumCritic  looks at the real and the imaginary part of a spectrum as at a picture of two colours
                  (multi-resolution discriminator of UnivNet, Jang et al. 2021, in the complex form of Vocos)

Narrower than in the papers (a third of the cost): the vocoder they train is small, and it starts near the truth.
B batch, n samples.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

PERIODS = (2, 3, 5, 7, 11)  # primes: no two look at the same samples
SPECTRA = ((512, 128), (1024, 256), (2048, 512))  # window and hop, samples
_SLOPE = 0.1


class PeriodCritic(nn.Module):
    """One period."""

    def __init__(self, period: int, channels: tuple[int, ...] = (32, 64, 128, 256, 256)) -> None:
        super().__init__()
        self.period = period
        sizes = (1, *channels)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 1), (3 if i < len(channels) - 1 else 1, 1), padding=(2, 0)))
            for i, (a, b) in enumerate(zip(sizes, sizes[1:], strict=False))
        )
        self.score = weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, waveform: Tensor) -> list[Tensor]:
        """What each layer sees, the score last. `[B, n]` in."""
        x = F.pad(waveform, (0, -waveform.shape[1] % self.period), mode="reflect")
        x = x.view(len(x), 1, -1, self.period)  # [B, 1, n / period, period]
        seen = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE)
            seen.append(x)
        return [*seen, self.score(x)]


class SpectrumCritic(nn.Module):
    """One resolution."""

    def __init__(self, fft_size: int, hop: int, channels: int = 32) -> None:
        super().__init__()
        self.fft_size, self.hop = fft_size, hop
        self.register_buffer("window", torch.hann_window(fft_size), persistent=False)
        shapes = (((3, 9), (1, 1)), ((3, 9), (1, 2)), ((3, 9), (1, 2)), ((3, 9), (1, 2)), ((3, 3), (1, 1)))
        self.layers = nn.ModuleList(
            weight_norm(
                nn.Conv2d(2 if i == 0 else channels, channels, size, stride, padding=(size[0] // 2, size[1] // 2))
            )
            for i, (size, stride) in enumerate(shapes)
        )
        self.score = weight_norm(nn.Conv2d(channels, 1, (3, 3), padding=(1, 1)))

    def forward(self, waveform: Tensor) -> list[Tensor]:
        """What each layer sees, the score last. `[B, n]` in."""
        with torch.autocast(waveform.device.type, enabled=False):
            spectrum = torch.stft(
                waveform.float(), self.fft_size, self.hop, window=self.window, center=True, return_complex=True
            )
            x = torch.view_as_real(spectrum).permute(0, 3, 2, 1) / self.fft_size**0.5  # [B, 2, frames, frequencies]
        seen = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE)
            seen.append(x)
        return [*seen, self.score(x)]


class Critics(nn.Module):
    """All of them."""

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.ModuleList(
            [PeriodCritic(period) for period in PERIODS] + [SpectrumCritic(*size) for size in SPECTRA]
        )

    def forward(self, waveform: Tensor) -> list[list[Tensor]]:
        """For each critic, what its layers see."""
        return [critic(waveform) for critic in self.all]


def critics_loss(real: list[list[Tensor]], made: list[list[Tensor]]) -> Tensor:
    """Hinge loss: real sound should score over 1, made sound under -1; mean over critics."""
    losses = [
        F.relu(1 - r[-1].float()).mean() + F.relu(1 + m[-1].float()).mean() for r, m in zip(real, made, strict=True)
    ]
    return torch.stack(losses).mean()


def fooling_losses(real: list[list[Tensor]], made: list[list[Tensor]]) -> tuple[Tensor, Tensor]:
    """The vocoder's two: made sound should score high, and look like the real one in every layer of the critics."""
    fooled = torch.stack([F.relu(1 - m[-1].float()).mean() for m in made]).mean()
    alike = torch.stack(
        [
            (r.detach().float() - m.float()).abs().mean()
            for rows, made_rows in zip(real, made, strict=True)
            for r, m in zip(rows[:-1], made_rows[:-1], strict=True)
        ]
    ).mean()
    return fooled, alike
