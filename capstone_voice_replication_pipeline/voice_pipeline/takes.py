"""A take judged while the speaker is still there: by the ledger's rules, by its prompt, in plain words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from voice_pipeline import ledger
from voice_pipeline.audio import Decoded, write_wav
from voice_pipeline.measurements import Measurements, measure
from voice_pipeline.prompt_match import heard_in, match
from voice_pipeline.prompts import Prompt
from voice_pipeline.vad import find_speech
from voice_pipeline.voice_folder import VoiceFolder

STRICTER = ledger.Limits(max_clipped_share=0.001, min_peak_dbfs=-40.0, min_snr_db=15.0, max_seconds=11.4)
"""A take can be repeated at once, so a little more is asked of it than of a file."""

CUT_OFF_SECONDS = 0.05
OF_OWN_MATCH = 0.7  # a take should reach this share of what the speaker's takes usually reach with the recogniser

_PLAIN = {
    "silent": "almost nothing was heard: come nearer, or unmute the microphone",
    "no_speech": "no speech was heard: come nearer, or check that this is the right microphone",
    "too_short": "too short for this sentence: read all of it, then press Enter",
    "too_long": "this takes too long: read a little faster, without breaks",
    "clipped": "the level was too high and the sound is clipped: turn it down or move back a little",
    "noisy": "there is too much noise behind the voice: close the window, switch the fan off, come nearer",
    "pause_inside": "there is a long break inside: read the sentence in one go",
    "text_longer_than_speech": "part of the sentence is missing, or it was read very fast: read all of it",
    "text_shorter_than_speech": "this takes too long for the sentence: read only the sentence, without breaks",
    "cut_off_start": "the beginning is cut off: wait for 'Read now', then begin",
    "cut_off_end": "the end is cut off: wait a moment before you press Enter",
    "other_words": "other words were heard: read the sentence as it stands",
}


@dataclass(frozen=True)
class TakeCheck:
    """What to do with a take, and why.

    Attributes:
        ok: keep it.
        sentence: the reason in plain words, without a full stop; for a good take, its figures.
        rules: names of the rules it breaks.
        heard: what the recogniser understood; None when it was not asked.
        match: how much of the prompt it understood, 0..1; None when it was not asked.
    """

    ok: bool
    sentence: str
    rules: tuple[str, ...] = ()
    heard: str | None = None
    match: float | None = None


def check_take(
    waveform: np.ndarray,
    sample_rate: int,
    prompt: Prompt,
    *,
    words: bool = True,
    earlier: Sequence[float] = (),
    limits: ledger.Limits = STRICTER,
) -> TakeCheck:
    """Judge level, clipping, noise, length, edges and words of a take.

    Args:
        waveform: float32 `[samples]`.
        sample_rate: Hz.
        prompt: what was to be read.
        words: ask the recogniser too; only where sound and length are good, since it takes seconds.
        earlier: `match` of the speaker's takes so far: an accent makes all of them lower, a misreading only one.
        limits: thresholds.
    """
    measured = _measure(waveform, sample_rate, prompt)
    rules = [reason.rule for reason in ledger.judge(measured, prompt.text, limits)]
    rules = [rule for rule in rules if rule in _PLAIN]
    if not set(rules) & {"silent", "no_speech", "too_short"} and measured.duration < 0.4 * prompt.expected_seconds:
        rules.append("too_short")
    if "too_short" in rules:
        rules = [rule for rule in rules if rule != "text_longer_than_speech"]
    if measured.speech_duration:
        rules += ["cut_off_start"] if measured.leading_silence < CUT_OFF_SECONDS else []
        rules += ["cut_off_end"] if measured.trailing_silence < CUT_OFF_SECONDS else []
    heard = share = None
    if words and not rules:
        heard = heard_in(waveform, sample_rate)
        share = match(prompt.text, heard)
        if share < word_limit(earlier, limits):
            rules.append("other_words")
    said = f"; heard: {heard or 'nothing'}" if "other_words" in rules else ""
    if rules:
        return TakeCheck(False, "; ".join(_PLAIN[rule] for rule in rules) + said, tuple(rules), heard, share)
    figures = f"{measured.duration:.1f} s, peak {measured.peak_dbfs:.0f} dBFS"
    if measured.snr_db is not None:
        figures += f", {measured.snr_db:.0f} dB above the noise"
    if share is not None:
        figures += f", {100 * share:.0f} % of the sounds understood"
    return TakeCheck(True, figures, (), heard, share)


def word_limit(earlier: Sequence[float], limits: ledger.Limits = STRICTER) -> float:
    """Match below which a take counts as misread; from three takes on, the speaker's own usual match sets it."""
    usual = OF_OWN_MATCH * median(earlier) if len(earlier) >= 3 else 0.0
    return max(limits.min_prompt_match, usual)


def earlier_matches(rows: Sequence[dict[str, Any]]) -> list[float]:
    """`match` of the takes in a manifest, for `check_take`."""
    return [row["check"]["match"] for row in rows if (row.get("check") or {}).get("match") is not None]


def keep_take(
    folder: VoiceFolder,
    prompt: Prompt,
    waveform: np.ndarray,
    sample_rate: int,
    check: TakeCheck,
    *,
    source: str,
    device: str | None,
) -> dict[str, Any]:
    """Write a take as `raw/PROMPT.wav`.

    Args:
        folder: the voice; the caller holds its lock.
        prompt: what was read.
        waveform: float32 `[samples]`.
        sample_rate: Hz.
        check: what was found.
        source: "microphone" or "upload".
        device: what recorded it, where that is known.

    Returns:
        its row for manifest.jsonl, which the caller writes.
    """
    path = folder.raw / f"{prompt.prompt_id}.wav"
    return {
        "id": prompt.prompt_id,
        "given": path.name,
        "file": path.name,
        "sha256": write_wav(path, waveform, sample_rate),
        "text": prompt.text,
        "text_from": prompt.prompt_id,
        "source": source,
        "device": device,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "problem": None,
        "duplicate_of": None,
        "check": {
            "ok": check.ok,
            "rules": list(check.rules),
            "heard": check.heard,
            "match": None if check.match is None else round(check.match, 4),
        },
    }


def _measure(waveform: np.ndarray, sample_rate: int, prompt: Prompt) -> Measurements:
    take = Decoded(waveform, sample_rate, 1, "WAV", "PCM_16", 16, "mono")
    if not len(waveform):
        take = replace(take, waveform=np.zeros(1, np.float32))
    speech = find_speech(take.waveform, sample_rate)
    length = speech.end - speech.start + 0.2
    return measure(take, speech, prompt.text, clip_duration=length, loudness=None, clip_loudness=None)
