"""Which frames belong to which symbol: Coqui's `AlignmentNetwork`, with the prior that it needs on small data.

Trained inside the speech model, as Coqui does it, the aligner collapses on a small corpus: the first symbol takes
every frame. Trained alone, with a beta-binomial prior that says "early symbols come early" (Badlani et al. 2021,
One TTS Alignment To Rule Them All), it converges within a thousand steps, and it aligns voices that it never heard.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from monotonic_alignment_search import maximum_path
from torch import Tensor, nn
from TTS.tts.layers.generic.aligner import AlignmentNetwork
from TTS.tts.layers.losses import ForwardSumLoss

from voice_pipeline.engines.checkpoints import apply_weights, load_weights, save_weights
from voice_pipeline.engines.starter.data import Batch, Frames
from voice_pipeline.engines.starter.frontend import SYMBOLS
from voice_pipeline.settings import AUDIO

_EMBEDDING = 64
_MEL_SCALE = 2.0  # standard deviation of a log-mel bin over time, about


_LOG_FACTORIAL = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 8192)))])


@functools.lru_cache(maxsize=1024)
def beta_binomial_prior(n_symbols: int, n_frames: int) -> Tensor:
    """Probability of each symbol at each frame before anything is heard.

    Args:
        n_symbols: N.
        n_frames: T; N + T at most 8,190.

    Returns:
        float32 `[T, N]`, rows sum to 1; row t is BetaBinomial(N - 1, t, T - t + 1) for t = 1..T.
    """
    f = _LOG_FACTORIAL  # f[m] = log m!, and log B(a, b) = f[a-1] + f[b-1] - f[a+b-1] for whole a and b
    k = np.arange(n_symbols)
    t = np.arange(1, n_frames + 1)[:, None]
    n = n_symbols - 1
    choose = f[n] - f[k] - f[n - k]
    log_p = choose + f[k + t - 1] + f[n - k + n_frames - t] - f[n + n_frames] - f[t - 1] - f[n_frames - t] + f[n_frames]
    return torch.from_numpy(np.exp(log_p).astype(np.float32))


class _MatrixAlignmentNetwork(AlignmentNetwork):
    """Coqui's network, |q - k|^2 written as |q|^2 + |k|^2 - 2 q.k: the same numbers without a `[B, C, T, N]` tensor."""

    def forward(
        self, queries: Tensor, keys: Tensor, mask: Tensor | None = None, attn_prior: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        q = self.query_layer(queries)  # [B, C, T]
        k = self.key_layer(keys)  # [B, C, N]
        distance = q.square().sum(1).unsqueeze(2) + k.square().sum(1).unsqueeze(1) - 2 * q.transpose(1, 2) @ k
        log_p = -self.temperature * distance.unsqueeze(1)  # [B, 1, T, N]
        if attn_prior is not None:
            log_p = self.log_softmax(log_p) + torch.log(attn_prior[:, None] + 1e-8)
        if mask is not None:
            log_p = log_p.masked_fill(~mask.bool().unsqueeze(2), -float("inf"))
        return self.softmax(log_p), log_p


class Aligner(nn.Module):
    """Symbols and frames to a duration for each symbol."""

    def __init__(self) -> None:
        super().__init__()
        self.symbols = nn.Embedding(len(SYMBOLS), _EMBEDDING, padding_idx=0)
        self.network = _MatrixAlignmentNetwork(
            in_query_channels=AUDIO.n_mels, in_key_channels=_EMBEDDING, attn_channels=80, temperature=0.005
        )
        self.forward_sum = ForwardSumLoss()

    def forward(self, batch: Batch) -> Tensor:
        """Log probability of each symbol at each frame, prior included, float32 `[B, 1, T, N]`."""
        frame_mask = torch.arange(batch.mel.shape[1], device=batch.mel.device)[None] < batch.mel_lengths[:, None]
        mask = frame_mask.unsqueeze(-1)  # [B, T, 1]
        mean = (batch.mel * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
        queries = ((batch.mel - mean) / _MEL_SCALE * mask).transpose(1, 2)  # level and channel of the clip taken out
        keys = self.symbols(batch.ids).transpose(1, 2)  # [B, 64, N]
        prior = torch.zeros(len(batch.ids), batch.mel.shape[1], batch.ids.shape[1], device=batch.mel.device)
        for row, (n, t) in enumerate(zip(batch.id_lengths.tolist(), batch.mel_lengths.tolist(), strict=True)):
            prior[row, :t, :n] = beta_binomial_prior(n, t).to(prior.device)
        symbol_mask = torch.arange(batch.ids.shape[1], device=batch.ids.device)[None] < batch.id_lengths[:, None]
        _, log_probability = self.network(queries, keys, mask=symbol_mask.unsqueeze(1), attn_prior=prior)
        return log_probability

    def loss(self, batch: Batch) -> Tensor:
        """Forward-sum loss: minus the log probability of all monotonic paths, per frame."""
        return self.forward_sum(self(batch), batch.id_lengths, batch.mel_lengths)

    @torch.inference_mode()
    def durations(self, clip: Frames) -> Tensor:
        """Best monotonic path of one clip, found on log probabilities.

        Returns:
            int64 `[N]`, at least 1 each, sum T.

        Raises:
            ValueError: the clip has fewer frames than symbols.
        """
        if not clip.alignable:
            raise ValueError(f"{clip.name}: {len(clip.mel)} frames are too few for {len(clip.ids)} symbols")
        padded = self(Batch.collate([clip])).squeeze(1).transpose(1, 2)  # a text of a few symbols is padded
        scores = padded[:, : len(clip.ids)].contiguous()  # [1, N, T]
        path = maximum_path(scores, torch.ones_like(scores))
        return path[0].sum(-1).long()

    def save(self, path: Path) -> None:
        """Write float16 safetensors, atomically."""
        save_weights(path, {name: value.half() for name, value in self.state_dict().items()})

    @classmethod
    def read(cls, path: Path) -> Aligner:
        """Load what `save` wrote, in evaluation mode.

        Raises:
            PipelineError: the file is missing or damaged.
        """
        aligner = cls()
        apply_weights(aligner, {name: value.float() for name, value in load_weights(path).items()}, path)
        return aligner.eval()
