"""Who is speaking, as a vector: Resemblyzer's encoder (GE2E, Wan et al. 2018), weights inside its package."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence

import numpy as np
import soxr

ENCODER_RATE = 16_000
EMBEDDING_SIZE = 256


class SpeakerEncoder:
    """Waveform to a 256-d unit vector; the cosine of two vectors says how alike two voices are.

    Two clips of one person usually reach 0.8 to 0.95, two people 0.5 to 0.7. Clips under 2 s are unreliable.
    """

    def __init__(self, device: str = "cpu") -> None:
        from resemblyzer import VoiceEncoder

        self._encoder = VoiceEncoder(device, verbose=False)
        self._lock = threading.Lock()

    @classmethod
    @functools.lru_cache(maxsize=1)
    def shared(cls) -> SpeakerEncoder:
        """The one encoder of this process, loaded on first use (17 MB)."""
        return cls()

    def embed(self, waveform: np.ndarray, sample_rate: int) -> np.ndarray:
        """Embed one waveform.

        Args:
            waveform: float32 `[samples]`, -1..1.
            sample_rate: Hz; resampled to 16 kHz.

        Returns:
            float32 `[256]`, length 1.
        """
        from resemblyzer.audio import normalize_volume

        at_16k = soxr.resample(waveform.astype(np.float32), sample_rate, ENCODER_RATE)
        if not np.any(at_16k):
            return np.zeros(EMBEDDING_SIZE, dtype=np.float32)
        levelled = normalize_volume(at_16k, -30.0, increase_only=True)
        with self._lock:
            return self._encoder.embed_utterance(levelled).astype(np.float32)


def centroid(embeddings: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """Mean of unit vectors `[n, 256]`, scaled to length 1."""
    mean = np.mean(np.asarray(embeddings, dtype=np.float32), axis=0)
    return mean / max(1e-9, float(np.linalg.norm(mean)))


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Cosine of two embeddings, -1..1."""
    return float(np.dot(first, second) / max(1e-9, float(np.linalg.norm(first) * np.linalg.norm(second))))
