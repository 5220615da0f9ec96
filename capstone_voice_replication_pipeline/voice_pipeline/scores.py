"""Figures of spoken sentences, and their 95 % intervals by the bootstrap over sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from voice_pipeline import acoustics
from voice_pipeline.quality import Quality, dnsmos
from voice_pipeline.recognizer import Recognizer, word_errors
from voice_pipeline.speaker import SpeakerEncoder, similarity

_RESAMPLES = 2000

Interval = tuple[float, float]


@dataclass
class Measured:
    """Figures of one set of spoken sentences, one value a sentence where a list.

    Attributes:
        similarity: cosine of each sentence to the mean embedding of the training clips.
        word_errors: word error rate over all sentences.
        sentence_errors: (errors, words) of each sentence.
        pitch: median F0 of each sentence, Hz; 0 where no frame is voiced.
        seconds: duration of each sentence.
        real_time_factor: seconds of computing per second of speech; 0 for recordings.
        quality: DNSMOS of each sentence; None where there is no sound to rate.
        characters: letters and digits of each sentence's text.
        computing: seconds it took to make each sentence; empty for recordings.
        heard: what the recogniser heard.
    """

    similarity: list[float] = field(default_factory=list)
    word_errors: float = 0.0
    sentence_errors: list[tuple[int, int]] = field(default_factory=list)
    pitch: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    real_time_factor: float = 0.0
    quality: list[Quality | None] = field(default_factory=list)
    characters: list[int] = field(default_factory=list)
    computing: list[float] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)


def measure(waveforms: Sequence[np.ndarray], texts: Sequence[str], target: np.ndarray, sample_rate: int) -> Measured:
    """Measure spoken sentences.

    Args:
        waveforms: float32 `[samples]` each, at `AUDIO.sample_rate`.
        texts: what was to be said.
        target: mean speaker embedding `[256]` to compare with.
        sample_rate: Hz of all waveforms.
    """
    out = Measured()
    for waveform, text in zip(waveforms, texts, strict=True):
        out.similarity.append(similarity(SpeakerEncoder.shared().embed(waveform, sample_rate), target))
        out.heard.append(Recognizer.shared().transcribe(waveform, sample_rate))
        one = word_errors([text], out.heard[-1:])
        out.sentence_errors.append((one.errors, one.words))
        f0 = acoustics.fundamental_frequency(waveform)
        out.pitch.append(float(np.median(f0[f0 > 0])) if np.any(f0 > 0) else 0.0)
        out.seconds.append(len(waveform) / sample_rate)
        out.quality.append(dnsmos(waveform, sample_rate))
        out.characters.append(sum(letter.isalnum() for letter in text))
    out.word_errors = word_errors(texts, out.heard).rate
    return out


def bootstrap_interval(values: Sequence[Any], statistic: Callable[[np.ndarray], float], seed: int = 0) -> Interval:
    """95 % percentile bootstrap interval of a statistic over sentences (Efron 1979).

    Args:
        values: one number, or one row of numbers, for each sentence.
        statistic: of an array of such rows.
        seed: of the resampling.
    """
    rng = np.random.default_rng(seed)
    array = np.asarray(values, dtype=np.float64)
    picks = rng.integers(0, len(array), size=(_RESAMPLES, len(array)))
    low, high = np.percentile([statistic(array[pick]) for pick in picks], [2.5, 97.5])
    return float(low), float(high)


def summarise(one: Measured, real: Measured, floor: float, seed: int = 0) -> dict[str, Any]:
    """One row of the proof card: each figure with `NAME_interval`, its 95 % interval; None is "cannot be measured".

    Clone and recording of a sentence are resampled together, so that a hard sentence is hard for both. The floor is
    taken as known. For the real speaker, who is 1 by definition, the interval says how much sentences differ.

    Args:
        one: what to summarise.
        real: the recordings of the same sentences.
        floor: mean similarity of other people.
        seed: of the bootstrap.
    """
    ceiling = float(np.mean(real.similarity))
    itself = one is real

    def normalized(rows: np.ndarray) -> float:
        top = ceiling if itself else rows[:, 1].mean()
        return float((rows[:, 0].mean() - floor) / max(1e-6, top - floor))

    pitches = [(own, other) for own, other in zip(one.pitch, real.pitch, strict=True) if own and other]
    rated = [(rating.overall, rating.signal, rating.background) for rating in one.quality if rating]
    row: dict[str, Any] = {"pitch_hz": median_pitch(one), "voiced_sentences": sum(value > 0 for value in one.pitch)}
    row |= _figure("similarity", one.similarity, lambda values: float(values.mean()), seed)
    row |= _figure("normalized", list(zip(one.similarity, real.similarity, strict=True)), normalized, seed)
    row |= _figure("wer", one.sentence_errors, lambda rows: float(rows[:, 0].sum() / max(1.0, rows[:, 1].sum())), seed)
    for place, name in enumerate(("dnsmos", "dnsmos_signal", "dnsmos_background")):
        row |= _figure(name, [rating[place] for rating in rated], lambda values: float(values.mean()), seed)
    row |= _figure("pitch_error", pitches, lambda rows: float(np.exp(np.log(rows[:, 0] / rows[:, 1]).mean()) - 1), seed)
    row |= _figure("rate", list(zip(real.seconds, one.seconds, strict=True)), _ratio, seed)
    row |= _figure("characters_per_second", list(zip(one.characters, one.seconds, strict=True)), _ratio, seed)
    row["real_time_factor"] = one.real_time_factor
    row["real_time_factor_interval"] = (
        bootstrap_interval(list(zip(one.computing, one.seconds, strict=True)), _ratio, seed) if one.computing else None
    )
    return row


def median_pitch(one: Measured) -> float:
    """Median over the sentences that have a pitch, Hz; 0 when none has, as in a whisper."""
    voiced = [value for value in one.pitch if value > 0]
    return float(np.median(voiced)) if voiced else 0.0


def _ratio(rows: np.ndarray) -> float:
    return float(rows[:, 0].sum() / max(1e-9, rows[:, 1].sum()))


def _figure(
    name: str, values: Sequence[Any], statistic: Callable[[np.ndarray], float], seed: int
) -> dict[str, float | Interval | None]:
    if not values:
        return {name: None, f"{name}_interval": None}
    return {
        name: statistic(np.asarray(values, dtype=np.float64)),
        f"{name}_interval": bootstrap_interval(values, statistic, seed),
    }
