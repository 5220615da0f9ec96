"""From the average to one real possibility: a small flow-matching network behind the acoustic model.

A network trained on absolute errors answers with the middle of all ways a sentence may be said. The middle of many
sharp spectra is a blurred one, and a blurred voice is nobody's. Flow matching (Lipman et al. 2023; for speech,
Matcha-TTS by Mehta et al. 2024) learns the way from noise to a real spectrum instead: at every point between the two,
which direction leads on. What is learned here is only what the acoustic model leaves open, so a few steps are enough.

B batch, T frames, C hidden channels, F values of a frame.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

_TIMES = 64  # numbers that describe the time of the flow
_MOMENTUM = 0.01


class ResidualScale(nn.Module):
    """Running deviation of what the acoustic model leaves open, per value of a frame; learned in training mode only."""

    deviation: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("deviation", torch.ones(size))

    def forward(self, residual: Tensor, mask: Tensor) -> Tensor:
        """Residual `[B, F, T]` in deviations; `mask` `[B, 1, T]`."""
        if self.training:
            with torch.no_grad():
                squares = (residual.square() * mask).sum((0, 2)) / mask.sum().clamp_min(1.0)
                self.deviation.lerp_(squares.sqrt().clamp_min(1e-2), _MOMENTUM)
        return residual / self.deviation[None, :, None]


class _Block(nn.Module):
    """Dilated convolution with a gate and a skip connection (WaveNet; DiffWave, Kong et al. 2021)."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, 2 * channels, 3, padding=dilation, dilation=dilation)
        self.condition = nn.Linear(channels, channels)
        self.out = nn.Conv1d(channels, 2 * channels, 1)

    def forward(self, x: Tensor, condition: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.convolution((x + self.condition(condition).unsqueeze(-1)) * mask)
        gate, value = hidden.chunk(2, dim=1)
        onward, skip = self.out(torch.sigmoid(gate) * torch.tanh(value)).chunk(2, dim=1)
        return (x + onward) * math.sqrt(0.5), skip


class FlowRefiner(nn.Module):
    """Learns the residual of the acoustic model, given its answer, its hidden frames and the speaker.

    Args:
        size: F, values of a frame.
        hidden: channels of the acoustic model's hidden frames.
        speaker: numbers of a speaker embedding.
        channels: C.
        blocks: dilated blocks; dilations go 1, 2, 4, 8, 1, 2, ...
    """

    def __init__(self, size: int, hidden: int, speaker: int, channels: int, blocks: int) -> None:
        super().__init__()
        self.scale = ResidualScale(size)
        self.enter = nn.Conv1d(2 * size + hidden, channels, 1)
        self.speaker = nn.Linear(speaker, channels)
        self.time = nn.Sequential(nn.Linear(_TIMES, channels), nn.SiLU(), nn.Linear(channels, channels))
        self.blocks = nn.ModuleList(_Block(channels, 2 ** (index % 4)) for index in range(blocks))
        last = nn.Conv1d(channels, size, 1)
        for weights in last.parameters():
            nn.init.zeros_(weights)
        self.leave = nn.Sequential(nn.SiLU(), nn.Conv1d(channels, channels, 1), nn.SiLU(), last)

    def direction(self, x: Tensor, time: Tensor, mean: Tensor, hidden: Tensor, speaker: Tensor, mask: Tensor) -> Tensor:
        """Where to go from `x`.

        Args:
            x: a point of the flow, in deviations of the residual, `[B, F, T]`.
            time: 0 (noise) to 1 (real), `[B]`.
            mean: the acoustic model's answer, normalised, `[B, F, T]`.
            hidden: its hidden frames `[B, hidden, T]`.
            speaker: embedding `[B, speaker]`.
            mask: `[B, 1, T]`.

        Returns:
            `[B, F, T]`.
        """
        frequencies = torch.exp(torch.arange(_TIMES // 2, device=x.device) * (-math.log(1000.0) / (_TIMES // 2 - 1)))
        angles = 1000.0 * time[:, None] * frequencies[None]  # [B, 32]
        condition = self.time(torch.cat([angles.sin(), angles.cos()], dim=1)) + self.speaker(speaker)
        o = self.enter(torch.cat([x, mean, hidden], dim=1)) * mask
        total = torch.zeros_like(o)
        for block in self.blocks:
            o, skip = block(o, condition, mask)
            total = total + skip
        return self.leave(total / math.sqrt(len(self.blocks))) * mask

    def loss(self, target: Tensor, mean: Tensor, hidden: Tensor, speaker: Tensor, mask: Tensor) -> Tensor:
        """Mean squared error of the direction at a random time of each clip's flow (straight paths)."""
        real = self.scale(target - mean, mask)
        noise = torch.randn_like(real)
        time = torch.rand(len(real), device=real.device)
        x = torch.lerp(noise, real, time[:, None, None])
        found = self.direction(x, time, mean, hidden, speaker, mask)
        return ((found - (real - noise)).square() * mask).sum() / (mask.sum() * real.shape[1])

    @torch.no_grad()
    def sample(
        self, mean: Tensor, hidden: Tensor, speaker: Tensor, *, steps: int, temperature: float, seed: int
    ) -> Tensor:
        """Walk from noise to frames in `steps` straight steps.

        Args:
            mean: `[1, F, T]`, normalised.
            hidden: `[1, hidden, T]`.
            speaker: `[1, speaker]`.
            steps: 0 gives the mean itself.
            temperature: deviation of the noise; under 1 stays nearer to the middle: clearer words, less life.
            seed: of the noise.

        Returns:
            normalised frames `[1, F, T]`.
        """
        if steps == 0:
            return mean
        generator = torch.Generator().manual_seed(seed)
        x = (temperature * torch.randn(mean.shape, generator=generator)).to(mean.device)
        mask = torch.ones_like(mean[:, :1])
        for step in range(steps):
            time = torch.full((1,), step / steps, device=mean.device)
            x = x + self.direction(x, time, mean, hidden, speaker, mask) / steps
        return mean + x * self.scale.deviation[None, :, None]


def masked(frames: Tensor, lengths: Tensor) -> Tensor:
    """`[B, 1, T]`: 1 inside each clip, 0 in the padding."""
    inside = torch.arange(frames.shape[-1], device=frames.device)[None] < lengths.to(frames.device)[:, None]
    return inside.unsqueeze(1).to(frames.dtype)
