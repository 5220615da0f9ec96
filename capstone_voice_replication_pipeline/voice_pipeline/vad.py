"""Where speech is: Silero VAD, all frames of a clip in one call, weights from its wheel."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

VAD_RATE = 16_000
FRAME = 512  # samples at VAD_RATE: 32 ms

_COLD_FRAMES = 32  # 1 s: until the detector has heard enough to trust its own silence
_WARM_UP_FRAMES = 32
_AT_ONCE_FRAMES = 3  # speech found this early leaves nothing to look for
_FRAMES_A_CALL = 128  # fits a core's cache, and bounds the memory of a long file; the result is the same


@dataclass(frozen=True)
class Speech:
    """What the detector found.

    Attributes:
        probabilities: float32 `[frames]`, 0..1, one per 32 ms.
        segments: `(start, end)` of each stretch of speech, seconds.
    """

    probabilities: np.ndarray
    segments: tuple[tuple[float, float], ...]

    @property
    def start(self) -> float:
        """Where the first speech starts, seconds; 0 when there is none."""
        return self.segments[0][0] if self.segments else 0.0

    @property
    def end(self) -> float:
        """Where the last speech ends, seconds; 0 when there is none."""
        return self.segments[-1][1] if self.segments else 0.0

    @property
    def seconds(self) -> float:
        """Speech in all segments together, seconds."""
        return sum(end - start for start, end in self.segments)


def find_speech(waveform: np.ndarray, sample_rate: int) -> Speech:
    """Find speech in a mono waveform.

    The waveform is scaled to full level first, so that a quiet recording is not taken for silence.

    Args:
        waveform: float32 `[samples]`.
        sample_rate: Hz.
    """
    from silero_vad import get_speech_timestamps_from_probs

    peak = float(max(waveform.max(initial=0.0), -waveform.min(initial=0.0)))
    if peak == 0.0:
        return Speech(np.zeros(-(-len(waveform) * VAD_RATE // (sample_rate * FRAME)), np.float32), ())
    scaled = soxr.resample(waveform * np.float32(0.9 / peak), sample_rate, VAD_RATE, quality="LQ")
    probabilities = _probabilities(np.ascontiguousarray(scaled))
    stamps = get_speech_timestamps_from_probs(
        probabilities.tolist(), speech_pad_ms=0, min_speech_duration_ms=90, audio_length_samples=len(scaled)
    )
    segments = tuple((stamp["start"] / VAD_RATE, stamp["end"] / VAD_RATE) for stamp in stamps)
    return Speech(probabilities, segments)


def _probabilities(waveform: np.ndarray) -> np.ndarray:
    """Probability of speech per frame, also right at the start.

    Silero misses up to half a second of speech when a clip begins in the middle of a sound ("Printing" of LJ001-0001).
    So the beginning is also heard backwards, coming from 2 s in, and the higher probability counts.
    """
    forward = _model().audio_forward(waveform, max_frames=_FRAMES_A_CALL)
    if (forward[:_AT_ONCE_FRAMES] >= 0.5).any():
        return forward
    head = waveform[: (_COLD_FRAMES + _WARM_UP_FRAMES) * FRAME]
    head = np.pad(head, (0, -len(head) % FRAME))
    backward = _model().audio_forward(np.ascontiguousarray(head[::-1]), max_frames=_FRAMES_A_CALL)[::-1]
    cold = min(_COLD_FRAMES, len(forward))
    return np.concatenate([np.maximum(forward[:cold], backward[:cold]), forward[cold:]])


@functools.cache
def _model() -> Any:
    """One session for all threads; each call carries its own state."""
    from silero_vad import load_silero_vad

    return load_silero_vad(onnx=True, sequence=True)
