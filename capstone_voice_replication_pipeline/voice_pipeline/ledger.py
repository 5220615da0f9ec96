"""The clip ledger: every recording measured, accepted, or rejected with the rule, the value, the limit and the repair."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from voice_pipeline.audio import Decoded
from voice_pipeline.errors import PipelineError
from voice_pipeline.vad import FRAME, VAD_RATE, Speech

ACCEPTED = "accepted"
REJECTED = "rejected"

_QUIETEST = -120.0  # dB written for digital silence, since JSON has no minus infinity
_CLEANEST = 100.0  # dB written for an SNR without any noise


@dataclass(frozen=True)
class Limits:
    """Thresholds of the rules, and why they stand where they stand."""

    min_speech_seconds: float = 1.0  # shorter clips teach no intonation; LJ Speech's shortest is 1.1 s
    max_seconds: float = 11.6  # after trimming; Coqui's XTTS loader silently swaps longer clips for others
    min_sample_rate: int = 16_000  # below, nothing over 8 kHz: s, f and sh are gone and a clone lisps
    min_peak_dbfs: float = -50.0  # normalising would lift the recorder's noise by 40 dB and more
    max_clipped_share: float = 0.005  # half a percent of flat tops is heard as crackle; music masters stay below 0.1 %
    min_snr_db: float = 9.0  # lenient: the noisiest of 1,250 clips of four public sets has 12
    min_characters_per_second: float = 4.0  # the slowest of them has 7; below 4 the text is not the whole of it
    max_characters_per_second: float = 27.0  # the fastest has 23; above 27 the recording does not hold the whole text


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
        peak_dbfs: highest sample.
        clipped_share: share of samples that lie on flat tops, 0..1.
        loudness_lufs: integrated loudness of the trimmed clip before normalisation.
        clip_loudness_lufs: the same after normalisation and peak limit.
        noise_floor_dbfs: RMS of the frames without speech.
        snr_db: speech power over noise power.
        characters_per_second: length of the text over the time from first to last speech.
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
    peak_dbfs: float
    clipped_share: float
    loudness_lufs: float | None
    clip_loudness_lufs: float | None
    noise_floor_dbfs: float
    snr_db: float | None
    characters_per_second: float | None

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON, rounded to what the measurement can tell."""
        return {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Reason:
    """Why a recording was rejected.

    Attributes:
        rule: short name, for example "too_long".
        value: what was seen.
        limit: what is allowed.
        repair: what the user can do, one sentence.
    """

    rule: str
    value: float | str | None
    limit: float | str | None
    repair: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        value = round(self.value, 4) if isinstance(self.value, float) else self.value
        return {"rule": self.rule, "value": value, "limit": self.limit, "repair": self.repair}


@dataclass(frozen=True)
class Rule:
    """One check. `broken` looks at measurements and limits and returns (value, limit) when the rule is broken."""

    name: str
    repair: str
    broken: Callable[[Measurements, Limits], tuple[float, float] | None]


def _below(name: str, limit: str) -> Callable[[Measurements, Limits], tuple[float, float] | None]:
    def check(measured: Measurements, limits: Limits) -> tuple[float, float] | None:
        value, bound = getattr(measured, name), getattr(limits, limit)
        return (value, bound) if value is not None and value < bound else None

    return check


def _above(name: str, limit: str) -> Callable[[Measurements, Limits], tuple[float, float] | None]:
    def check(measured: Measurements, limits: Limits) -> tuple[float, float] | None:
        value, bound = getattr(measured, name), getattr(limits, limit)
        return (value, bound) if value is not None and value > bound else None

    return check


RULES = (
    Rule(
        "sample_rate_too_low",
        "Record again at 24,000 Hz or more; telephone sound cannot be repaired.",
        _below("source_sample_rate", "min_sample_rate"),
    ),
    Rule(
        "silent",
        "Record again nearer to the microphone, and check that it is not muted.",
        _below("peak_dbfs", "min_peak_dbfs"),
    ),
    Rule(
        "no_speech",
        "Check that this is the right file; if it is, record it again nearer to the microphone.",
        lambda measured, limits: (0.0, limits.min_speech_seconds) if measured.speech_duration <= 0 else None,
    ),
    Rule("too_short", "Record the whole sentence again.", _below("speech_duration", "min_speech_seconds")),
    Rule(
        "too_long",
        "Slice it at a pause into files of one sentence each, with a text for each.",
        _above("clip_duration", "max_seconds"),
    ),
    Rule(
        "clipped",
        "Turn the recording level down, move back a little, and record again.",
        _above("clipped_share", "max_clipped_share"),
    ),
    Rule("noisy", "Record again in a quieter room, nearer to the microphone.", _below("snr_db", "min_snr_db")),
    Rule(
        "text_longer_than_speech",
        "Check that the text belongs to this file and that the recording is not cut off.",
        _above("characters_per_second", "max_characters_per_second"),
    ),
    Rule(
        "text_shorter_than_speech",
        "Check that the text belongs to this file and that nothing else is said in it.",
        _below("characters_per_second", "min_characters_per_second"),
    ),
)

_IMPLIED_BY = {
    "no_speech": {"silent"},
    "too_short": {"silent", "no_speech"},
    "noisy": {"silent", "no_speech"},
    "clipped": {"silent"},
}

NO_TEXT = Reason("no_text", None, None, "Add a line id|text to metadata.csv, or a .txt file beside it.")


def judge(measured: Measurements, text: str, limits: Limits) -> list[Reason]:
    """Apply all rules.

    Args:
        measured: the measurements of one recording.
        text: what is said in it; empty when unknown.
        limits: thresholds.

    Returns:
        the rules it breaks; empty when it is accepted.
    """
    reasons = [] if text else [NO_TEXT]
    for rule in RULES:
        broken = rule.broken(measured, limits)
        if broken:
            reasons.append(Reason(rule.name, *broken, rule.repair))
    found = {reason.rule for reason in reasons}
    return [reason for reason in reasons if not found & _IMPLIED_BY.get(reason.rule, set())]


def decibels(amplitude: float) -> float:
    """Amplitude 0..1 to dB relative to full scale, at least -120."""
    return max(_QUIETEST, 20.0 * math.log10(amplitude)) if amplitude > 0 else _QUIETEST


def clipped_share(waveform: np.ndarray) -> float:
    """Share of samples on flat tops: three or more neighbours that stand still near the file's peak, or at full scale.

    Finds clipping also when the file was scaled down afterwards.

    Args:
        waveform: float32 `[samples]`.

    Returns:
        0..1.
    """
    magnitude = np.abs(waveform)
    peak = float(magnitude.max(initial=0.0))
    if peak < 0.01 or len(waveform) < 3:
        return 0.0
    near = magnitude >= 0.98 * peak
    if int(near.sum()) < 3:
        return 0.0
    still = near[1:] & near[:-1] & (np.abs(np.diff(waveform)) <= 2e-4 * peak)
    in_run = still[1:] & still[:-1]
    flat = np.zeros(len(waveform), bool)
    for offset in range(3):
        flat[offset : offset + len(in_run)] |= in_run
    flat |= magnitude >= 0.9999
    return float(flat.mean())


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
    power = np.add.reduceat(np.square(waveform, dtype=np.float64), starts) / np.diff([*starts, len(waveform)])
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
        peak_dbfs=decibels(float(np.abs(decoded.waveform).max(initial=0.0))),
        clipped_share=clipped_share(decoded.waveform),
        loudness_lufs=loudness,
        clip_loudness_lufs=clip_loudness,
        noise_floor_dbfs=noise_floor,
        snr_db=snr,
        characters_per_second=len(text) / span if text and span > 0 else None,
    )


def entry(
    *,
    clip_id: str,
    file: str,
    text: str,
    source_sha256: str | None,
    reasons: Sequence[Reason],
    measurements: Measurements | None,
    clip: str | None,
) -> dict[str, Any]:
    """One line of `ledger.jsonl`."""
    return {
        "id": clip_id,
        "file": file,
        "status": REJECTED if reasons else ACCEPTED,
        "reasons": [reason.as_dict() for reason in reasons],
        "measurements": measurements.as_dict() if measurements else {},
        "text": text,
        "clip": None if reasons else clip,
        "source_sha256": source_sha256,
    }


def check_complete(given: Iterable[str], rows: Sequence[dict[str, Any]]) -> None:
    """Make sure that every file given stands in the ledger exactly once, accepted or rejected with a reason.

    Raises:
        PipelineError: it does not; this is a fault of the program, not of the recordings.
    """
    expected, found = sorted(given), sorted(row["file"] for row in rows)
    silent = [row["file"] for row in rows if (row["status"] == REJECTED) != bool(row["reasons"])]
    if expected != found or silent:
        missing = sorted(set(expected) - set(found)) + silent
        raise PipelineError(
            f"the ledger does not account for every file: {', '.join(missing[:5]) or 'a file stands in it twice'}",
            hint="delete ledger.jsonl in the voice folder and run the step again",
        )


def counts(rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """(accepted, rejected)."""
    accepted = sum(row["status"] == ACCEPTED for row in rows)
    return accepted, len(rows) - accepted


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The ledger as an aligned plain-text table, then how to repair what was rejected."""
    lines = [("file", "status", "sec", "LUFS", "SNR dB", "char/s", "why")]
    repairs: dict[str, str] = {}
    for row in rows:
        measured = row["measurements"]
        repairs |= {reason["rule"]: reason["repair"] for reason in row["reasons"]}
        lines.append(
            (
                _ascii(row["file"]),
                row["status"],
                _number(measured.get("clip_duration"), 2),
                _number(measured.get("loudness_lufs"), 1),
                _number(measured.get("snr_db"), 1),
                _number(measured.get("characters_per_second"), 1),
                "; ".join(explain(reason) for reason in row["reasons"]),
            )
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = "\n".join(
        "  ".join(
            cell.rjust(width) if 2 <= column <= 5 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
    if not repairs:
        return text
    return "\n".join([text, "", "How to repair:", *(f"  {rule}: {repair}" for rule, repair in repairs.items())])


def explain(reason: dict[str, Any]) -> str:
    """One reason in plain ASCII: rule, value seen, limit."""
    value, limit = reason["value"], reason["limit"]
    if value is None:
        return str(reason["rule"])
    if isinstance(value, str):
        return f"{reason['rule']} ({_ascii(value)})"
    return f"{reason['rule']} ({value:.5g}, limit {limit:.5g})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")
