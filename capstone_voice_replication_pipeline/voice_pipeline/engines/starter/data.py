"""What the starter models learn from: clips in memory, batches of like length.

B batch, N symbols, T frames.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@dataclass
class Frames:
    """One clip as the models see it.

    Attributes:
        ids: symbol ids, int64 `[N]`.
        mel: natural-log mel, float32 `[T, 80]`.
        f0: Hz, 0 where unvoiced, float32 `[T]`.
        energy: RMS, float32 `[T]`.
        embedding: speaker embedding, float32 `[256]`.
        durations: frames of each symbol, int64 `[N]`, sum T; empty until aligned.
        name: for messages.
        contour: F0 carried over unvoiced frames, Hz, float32 `[T]`; all 0 when no frame is voiced.
    """

    ids: Tensor
    mel: Tensor
    f0: Tensor
    energy: Tensor
    embedding: Tensor
    durations: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    name: str = ""
    contour: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.contour = torch.from_numpy(carry_over(self.f0.numpy()))

    @classmethod
    def load(cls, path: Path) -> Frames:
        """Read frames saved by `numpy.savez` (`ids`, `mel` `[80, T]`, `f0`, `energy`, `embedding`)."""
        with np.load(path, allow_pickle=False) as file:
            return cls.of(file["ids"], file["mel"], file["f0"], file["energy"], file["embedding"], path.stem)

    @classmethod
    def of(
        cls,
        ids: Sequence[int] | np.ndarray,
        mel: np.ndarray,
        f0: np.ndarray,
        energy: np.ndarray,
        embedding: np.ndarray,
        name: str = "",
    ) -> Frames:
        """From arrays; `mel` is `[80, T]`."""
        return cls(
            torch.as_tensor(np.asarray(ids, dtype=np.int64)),
            torch.from_numpy(np.ascontiguousarray(mel.T.astype(np.float32))),
            torch.from_numpy(f0.astype(np.float32)),
            torch.from_numpy(energy.astype(np.float32)),
            torch.from_numpy(embedding.astype(np.float32)),
            name=name,
        )

    @property
    def alignable(self) -> bool:
        """True when every symbol can have a frame of its own."""
        return len(self.ids) + 2 <= len(self.mel)


def carry_over(f0: np.ndarray) -> np.ndarray:
    """F0 `[T]` with a straight line (in log F0) across unvoiced stretches, and the nearest value at the edges.

    A voice does not jump to 0 Hz at an "s" and back: a contour without holes is easier to predict, and a vocoder that
    gets it wrong by a frame at an edge of voicing still has a pitch to go on with.
    """
    voiced = np.flatnonzero(f0 > 0)
    if not len(voiced):
        return np.zeros(len(f0), dtype=np.float32)
    return np.exp(np.interp(np.arange(len(f0)), voiced, np.log(f0[voiced]))).astype(np.float32)


SHORTEST_INPUT = 16
"""Symbols a batch holds at least, padding included: Coqui's widest encoder convolution spans 13 and pads too late."""


@dataclass
class Batch:
    """Clips side by side, padded with zeros."""

    ids: Tensor  # [B, N]
    id_lengths: Tensor  # [B]
    mel: Tensor  # [B, T, 80]
    mel_lengths: Tensor  # [B]
    f0: Tensor  # [B, 1, T]
    contour: Tensor  # [B, T]
    energy: Tensor  # [B, 1, T]
    embedding: Tensor  # [B, 256]
    durations: Tensor | None  # [B, N]

    @classmethod
    def collate(cls, clips: Sequence[Frames]) -> Batch:
        """Pad and stack."""
        aligned = all(len(clip.durations) for clip in clips)
        return cls(
            _at_least(SHORTEST_INPUT, pad_sequence([clip.ids for clip in clips], batch_first=True)),
            torch.tensor([len(clip.ids) for clip in clips]),
            pad_sequence([clip.mel for clip in clips], batch_first=True),
            torch.tensor([len(clip.mel) for clip in clips]),
            pad_sequence([clip.f0 for clip in clips], batch_first=True).unsqueeze(1),
            pad_sequence([clip.contour for clip in clips], batch_first=True),
            pad_sequence([clip.energy for clip in clips], batch_first=True).unsqueeze(1),
            torch.stack([clip.embedding for clip in clips]),
            _at_least(SHORTEST_INPUT, pad_sequence([clip.durations for clip in clips], batch_first=True))
            if aligned
            else None,
        )


def _at_least(length: int, rows: Tensor) -> Tensor:
    return torch.nn.functional.pad(rows, (0, max(0, length - rows.shape[1])))


def bucketed(
    clips: Sequence[Frames], batch_frames: int, rng: random.Random, weights: Sequence[float] | None = None
) -> Iterator[list[Frames]]:
    """One pass over the clips in batches of similar length, in random order.

    Args:
        clips: what to draw from.
        batch_frames: frames a batch holds at most, padding included (a longer clip is a batch of its own).
        rng: source of randomness.
        weights: how often each clip is drawn, relative; None visits each once.
    """
    order = list(range(len(clips)))
    if weights is not None:
        order = rng.choices(order, weights=weights, k=len(order))
    rng.shuffle(order)
    batches: list[list[int]] = []
    for start in range(0, len(order), 256):  # lengths are sorted within spans: little padding, other batches each time
        longest = 0
        batch: list[int] = []
        for index in sorted(order[start : start + 256], key=lambda index: len(clips[index].mel)):
            longest = max(longest, len(clips[index].mel))
            if batch and longest * (len(batch) + 1) > batch_frames:
                batches.append(batch)
                batch, longest = [], len(clips[index].mel)
            batch.append(index)
        batches.append(batch)
    rng.shuffle(batches)
    for batch in batches:
        yield [clips[index] for index in batch]
