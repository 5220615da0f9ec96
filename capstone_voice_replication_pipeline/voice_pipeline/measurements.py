"""What is measured on a recording: length, level, clipping, loudness, noise, speaking rate."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import soxr

from voice_pipeline.audio import Decoded
from voice_pipeline.vad import FRAME, VAD_RATE, Speech

_QUIETEST = -120.0  # dB written for digital silence, since JSON has no minus infinity
_COLUMNS = 240
# A true peak lies near a high sample peak: on 175 clips of four public sets, 16 blocks give what the whole clip gives,
# within 0.00001 dB.
_BLOCK, _LOUDEST_BLOCKS = 256, 16
_MARGIN = 96  # samples on each side of a block that shape the curve inside it
_FRAMES_AT_ONCE = 4096
_CLEANEST = 100.0  # dB written for an SNR without any noise


@dataclass(frozen=True)
class Measurements:
    """What was measured on one recording. dB values are relative to full scale; None is "could not be measured".

    Attributes:
        source_sample_rate: Hz, of the file given.
        source_channels: channels of the file given.
        source_container: for example "WAV".
        source_codec: for example "PCM_16".
        source_bit_depth: bits per sample when uncompressed.
        mix: how the channels became one.
        duration: of the file given, seconds.
        clip_duration: after trimming, seconds.
        speech_duration: speech found in it, seconds.
        leading_silence: before the first speech, seconds.
        trailing_silence: after the last speech, seconds.
        longest_pause: longest silence between two stretches of speech, seconds.
        inner_silence: all silence between the first and the last speech, seconds.
        peak_dbfs: highest sample.
        true_peak_dbtp: highest peak between the samples too (ITU-R BS.1770-4, four times oversampled).
        clipped_share: share of samples that lie on flat tops, 0..1.
        loudness_lufs: integrated loudness of the trimmed clip before normalisation.
        clip_loudness_lufs: the same after normalisation and peak limit.
        noise_floor_dbfs: RMS of the frames without speech.
        snr_db: speech power over noise power.
        characters_per_second: length of the text over the time from first to last speech.
        similarity_to_rest: cosine of this clip's speaker and that of all other clips; None when not listened to.
        prompt_match: how much of the text's sounds a recogniser heard, 0..1; None when not listened to.
        heard: what it heard.
        outline: the highest sample in each of 240 equal parts, in percent of the file's peak; for drawing.
    """

    source_sample_rate: int
    source_channels: int
    source_container: str
    source_codec: str
    source_bit_depth: int | None
    mix: str
    duration: float
    clip_duration: float
    speech_duration: float
    leading_silence: float
    trailing_silence: float
    longest_pause: float
    inner_silence: float
    peak_dbfs: float
    true_peak_dbtp: float
    clipped_share: float
    loudness_lufs: float | None
    clip_loudness_lufs: float | None
    noise_floor_dbfs: float
    snr_db: float | None
    characters_per_second: float | None
    similarity_to_rest: float | None = None
    prompt_match: float | None = None
    heard: str | None = None
    outline: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, rounded to what the measurement can tell."""
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}


def decibels(amplitude: float) -> float:
    """Amplitude 0..1 to dB relative to full scale, at least -120."""
    return max(_QUIETEST, 20.0 * math.log10(amplitude)) if amplitude > 0 else _QUIETEST


def true_peak(waveform: np.ndarray, sample_rate: int) -> float:
    """Highest peak of the curve through the samples: oversampled to about 192 kHz around the loudest places.

    Args:
        waveform: float32 `[samples]`.
        sample_rate: Hz.

    Returns:
        amplitude; at least the highest sample.
    """
    peak = sample_peak(waveform)
    factor = max(1, round(192_000 / sample_rate))
    if peak == 0.0 or factor == 1:
        return peak
    starts = np.arange(0, len(waveform), _BLOCK)
    loudest = starts[np.argsort(-_highest(waveform, starts), kind="stable")[:_LOUDEST_BLOCKS]]
    pieces = np.zeros((len(loudest), _BLOCK + 2 * _MARGIN), waveform.dtype)
    for piece, start in zip(pieces, loudest - _MARGIN, strict=True):
        inside = waveform[max(0, start) : start + len(piece)]
        piece[max(0, -start) : max(0, -start) + len(inside)] = inside
    curve = soxr.resample(pieces.ravel(), sample_rate, factor * sample_rate).reshape(len(pieces), -1)
    # At its edges a piece is cut off, and the curve rings there; only its middle is looked at.
    return max(peak, sample_peak(curve[:, _MARGIN * factor : (_MARGIN + _BLOCK) * factor]))


def sample_peak(waveform: np.ndarray) -> float:
    """Highest sample, either sign; 0 for an empty waveform."""
    return float(max(waveform.max(initial=0.0), -waveform.min(initial=0.0)))


def _highest(waveform: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Highest sample of each block, either sign."""
    return np.maximum(np.maximum.reduceat(waveform, starts), -np.minimum.reduceat(waveform, starts))


def clipped_share(waveform: np.ndarray) -> float:
    """Share of samples on flat tops: three or more neighbours that stand still near the file's peak, or at full scale.

    Finds clipping also when the file was scaled down afterwards.

    Args:
        waveform: float32 `[samples]`.

    Returns:
        0..1.
    """
    peak = sample_peak(waveform)
    if peak < 0.01 or len(waveform) < 3:
        return 0.0
    level = np.float32(0.98 * peak)
    high = min(level, np.float32(0.9999))
    places = np.flatnonzero((waveform >= high) | (waveform <= -high))  # few: the rest cannot be on a flat top
    values = waveform[places]
    near = np.abs(values) >= level
    still = (np.diff(places) == 1) & near[1:] & near[:-1] & (np.abs(np.diff(values)) <= 5e-5 * peak)
    in_run = still[1:] & still[:-1]
    flat = np.abs(values) >= np.float32(0.9999)
    for offset in range(3):
        flat[offset : offset + len(in_run)] |= in_run
    return float(flat.sum() / len(waveform)) if int(near.sum()) >= 3 else 0.0


def noise_and_snr(waveform: np.ndarray, sample_rate: int, speech: Speech) -> tuple[float, float | None]:
    """Noise floor and signal-to-noise ratio from the frames with and without speech.

    Frames next to speech count as neither. Where a clip has almost no pause, its quietest frames stand for the noise.

    Args:
        waveform: float32 `[samples]`.
        sample_rate: Hz.
        speech: from `vad.find_speech` on the same waveform.

    Returns:
        (noise floor in dBFS, SNR in dB or None without speech).
    """
    starts = np.round(np.arange(len(speech.probabilities)) * (FRAME * sample_rate / VAD_RATE)).astype(int)
    starts = starts[starts < len(waveform)]
    if not len(starts):
        return _QUIETEST, None
    power = _power(waveform, np.append(starts, len(waveform)))
    voiced = speech.probabilities[: len(starts)] >= 0.5
    near_speech = np.convolve(voiced, np.ones(5))[2:-2] > 0
    quiet = ~near_speech & (power > 0)
    noise = float(np.median(power[quiet])) if quiet.sum() >= 5 else float(np.percentile(power, 5))
    if not voiced.any():
        return decibels(math.sqrt(noise)), None
    signal = max(float(power[voiced].mean()) - noise, 0.0)
    if noise <= 0:
        return _QUIETEST, _CLEANEST
    snr = 10.0 * math.log10(signal / noise) if signal > 0 else 0.0
    return decibels(math.sqrt(noise)), max(0.0, min(_CLEANEST, snr))


def _power(waveform: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Mean square between neighbouring edges, float64 `[len(edges) - 1]`; a few minutes at a time, for the memory."""
    power = np.empty(len(edges) - 1)
    for first in range(0, len(power), _FRAMES_AT_ONCE):
        some = edges[first : first + _FRAMES_AT_ONCE + 1]
        squares = np.square(waveform[some[0] : some[-1]], dtype=np.float64)
        power[first : first + len(some) - 1] = np.add.reduceat(squares, some[:-1] - some[0]) / np.diff(some)
    return power


def measure(
    decoded: Decoded,
    speech: Speech,
    text: str,
    *,
    clip_duration: float,
    loudness: float | None,
    clip_loudness: float | None,
) -> Measurements:
    """Measure one recording.

    Args:
        decoded: the file given.
        speech: speech found in `decoded.waveform`.
        text: what is said in it; empty when unknown.
        clip_duration: seconds left after trimming.
        loudness: LUFS of the trimmed clip before normalisation.
        clip_loudness: LUFS after it.
    """
    noise_floor, snr = noise_and_snr(decoded.waveform, decoded.sample_rate, speech)
    span = speech.end - speech.start
    pauses = [start - end for (_, end), (start, _) in zip(speech.segments, speech.segments[1:], strict=False)]
    return Measurements(
        source_sample_rate=decoded.sample_rate,
        source_channels=decoded.channels,
        source_container=decoded.container,
        source_codec=decoded.codec,
        source_bit_depth=decoded.bit_depth,
        mix=decoded.mix,
        duration=decoded.duration,
        clip_duration=clip_duration,
        speech_duration=speech.seconds,
        leading_silence=speech.start,
        trailing_silence=decoded.duration - speech.end if speech.segments else decoded.duration,
        longest_pause=max(pauses, default=0.0),
        inner_silence=sum(pauses),
        peak_dbfs=decibels(sample_peak(decoded.waveform)),
        true_peak_dbtp=decibels(true_peak(decoded.waveform, decoded.sample_rate)),
        clipped_share=clipped_share(decoded.waveform),
        loudness_lufs=loudness,
        clip_loudness_lufs=clip_loudness,
        noise_floor_dbfs=noise_floor,
        snr_db=snr,
        characters_per_second=len(text) / span if text and span > 0 else None,
        outline=_outline(decoded.waveform),
    )


def _outline(waveform: np.ndarray) -> tuple[int, ...]:
    peak = sample_peak(waveform)
    if not peak:
        return ()
    starts = np.unique(np.linspace(0, len(waveform), _COLUMNS, endpoint=False).astype(int))
    return tuple(np.rint(100 * _highest(waveform, starts) / peak).astype(int).tolist())
