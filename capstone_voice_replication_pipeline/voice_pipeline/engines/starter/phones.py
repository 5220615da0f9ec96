"""Which sound is each frame? A small classifier, so that intelligibility can be learned from (see `finetune.Listener`).

B batch, N symbols, T frames.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from voice_pipeline.engines.checkpoints import apply_weights, load_weights, save_weights
from voice_pipeline.engines.starter.frontend import SYMBOLS
from voice_pipeline.settings import AUDIO

_CHANNELS = 160
_DILATIONS = (1, 2, 4, 1, 2, 4)  # a frame sees 85 frames, 0.9 s: a sound is known by its neighbours, too
_MEL_SCALE = 2.5


class PhoneClassifier(nn.Module):
    """Log-mel frames to symbol scores; level and channel of the clip are taken out first."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(AUDIO.n_mels, _CHANNELS, 5, padding=2)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, _CHANNELS),
                nn.Conv1d(_CHANNELS, _CHANNELS, 7, padding=3 * dilation, dilation=dilation, groups=_CHANNELS),
                nn.Conv1d(_CHANNELS, 2 * _CHANNELS, 1),
                nn.GELU(),
                nn.Conv1d(2 * _CHANNELS, _CHANNELS, 1),
            )
            for dilation in _DILATIONS
        )
        self.leave = nn.Conv1d(_CHANNELS, len(SYMBOLS), 1)

    def forward(self, mel: Tensor, mask: Tensor) -> Tensor:
        """Scores `[B, symbols, T]` of natural-log mel `[B, T, 80]`; `mask` `[B, T]` is 1 inside a clip."""
        inside = mask.unsqueeze(-1)
        mean = (mel * inside).sum(1, keepdim=True) / inside.sum(1, keepdim=True).clamp_min(1.0)
        x = self.enter(((mel - mean) / _MEL_SCALE * inside).transpose(1, 2))
        inside = mask.unsqueeze(1)
        for block in self.blocks:
            x = (x + block(x)) * inside
        return self.leave(x)

    def loss(self, mel: Tensor, mask: Tensor, ids: Tensor, durations: Tensor) -> Tensor:
        """Mean cross-entropy of the frames, nats.

        Args:
            mel: natural-log mel `[B, T, 80]`.
            mask: `[B, T]`.
            ids: symbols `[B, N]`.
            durations: frames of each `[B, N]`, sum at most T.
        """
        ends = durations.cumsum(1).contiguous()  # [B, N]
        places = torch.arange(mel.shape[1], device=mel.device).expand(len(mel), -1).contiguous()
        symbol = torch.searchsorted(ends, places, right=True).clamp_max(ids.shape[1] - 1)
        wanted = ids.gather(1, symbol)  # [B, T]
        scores = self(mel, mask)
        return (F.cross_entropy(scores, wanted, reduction="none") * mask).sum() / mask.sum()

    def save(self, path: Path) -> None:
        """Write float16 safetensors, atomically."""
        save_weights(path, {name: value.half() for name, value in self.state_dict().items()})

    @classmethod
    def read(cls, path: Path) -> PhoneClassifier:
        """Load what `save` wrote, in evaluation mode, not to be trained.

        Raises:
            PipelineError: the file is missing or damaged.
        """
        classifier = cls()
        apply_weights(classifier, {name: value.float() for name, value in load_weights(path).items()}, path)
        return classifier.eval().requires_grad_(False)
