"""The clip ledger: every recording is accepted, or rejected with the rule, the value, the limit and the repair."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from voice_pipeline.errors import PipelineError
from voice_pipeline.measurements import Measurements

ACCEPTED = "accepted"
REJECTED = "rejected"


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
    max_pause: float = 3.0  # a reader's comma lasts under 1 s; this long is a stumble or two sentences
    min_similarity: float = (
        0.70  # 80 clips of 5 speakers against their own rest: 0.80 and more; other people: 0.76 at most
    )
    min_prompt_match: float = 0.38  # the worst true pair in a sample of 47 has 0.46, the best wrong one 0.30
    max_characters_per_second: float = 27.0  # the fastest has 23; above 27 the recording does not hold the whole text


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
        "pause_inside",
        "Record the sentence again in one go, or cut the pause out.",
        _above("longest_pause", "max_pause"),
    ),
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

LISTENING_RULES = (
    Rule(
        "another_speaker",
        "Check who speaks: this clip does not sound like the others. Record it again, or leave it out.",
        _below("similarity_to_rest", "min_similarity"),
    ),
    Rule(
        "other_words",
        "Listen to it: the recogniser heard other words. Read the sentence again, or correct its text.",
        _below("prompt_match", "min_prompt_match"),
    ),
)
"""Rules that need a look at the whole set; `listening` applies them to what the others accepted."""

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
    for rule in (*RULES, *LISTENING_RULES):
        broken = rule.broken(measured, limits)
        if broken:
            reasons.append(Reason(rule.name, *broken, rule.repair))
    found = {reason.rule for reason in reasons}
    return [reason for reason in reasons if not found & _IMPLIED_BY.get(reason.rule, set())]


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
    if limit is None:
        return f"{reason['rule']} ({value:.5g})"
    return f"{reason['rule']} ({value:.5g}, limit {limit:.5g})"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")
