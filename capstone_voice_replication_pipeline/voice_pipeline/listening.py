"""Listening to all clips together: does one person speak in all of them, and does each say its text?

Both need models (a speaker encoder, a small recogniser) and the whole set, so this comes after the measurements of
single recordings. What was heard is kept in `clips/listening.jsonl`; a clip is listened to once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import soundfile

from voice_pipeline import ledger
from voice_pipeline.errors import PipelineError
from voice_pipeline.prompt_match import heard_in, match
from voice_pipeline.speaker import SpeakerEncoder, centroid, similarity
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl, write_jsonl

UNDERSTOOD = 0.45  # below this median match the recogniser does not understand the speaker or the language
MIN_CLIPS_TO_COMPARE = 4
MIN_SECONDS_TO_COMPARE = 1.6  # the encoder looks at windows of 1.6 s

MEMORY = "listening.jsonl"


def listen(
    folder: VoiceFolder,
    rows: Sequence[dict[str, Any]],
    limits: ledger.Limits,
    on_clip: Callable[[dict[str, Any]], object] | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Listen to the accepted clips; those that break a rule of `ledger.LISTENING_RULES` become rejected.

    Args:
        folder: the voice; its clips are on disk.
        rows: the ledger so far.
        limits: thresholds.
        on_clip: called with each row listened to.

    Returns:
        (all rows, in the order given; notes on what could not be judged).
    """
    accepted = [row for row in rows if row["status"] == ledger.ACCEPTED]
    memory = {row["clip_sha256"]: row for row in _remembered(folder)}
    heard: dict[str, dict[str, Any]] = {}
    try:
        for row in accepted:
            heard[row["id"]] = memory.get(row["clip_sha256"]) or _listen_to(folder, row)
            if on_clip:
                on_clip(row)
    finally:  # what was heard before Ctrl-C is not heard again
        write_jsonl(folder.clips / MEMORY, [*{row["clip_sha256"]: row for row in heard.values()}.values()])
    alike = _similarities(accepted, heard)
    matches = {row["id"]: match(row["text"], heard[row["id"]]["heard"]) for row in accepted}
    understood = bool(matches) and float(np.median(list(matches.values()))) >= UNDERSTOOD
    notes = []
    if matches and not understood:
        notes.append(
            f"the recogniser, which knows American English, does not understand this voice (median match "
            f"{np.median(list(matches.values())):.2f}): the words of the clips were not checked"
        )
    judged = {}
    for row in accepted:
        found = {
            "similarity_to_rest": alike.get(row["id"]),
            "prompt_match": round(matches[row["id"]], 4),
            "heard": heard[row["id"]]["heard"],
        }
        judged[row["id"]] = _judge({**row, "measurements": {**row["measurements"], **found}}, limits, words=understood)
    return [judged.get(row["id"], row) for row in rows], notes


def _judge(row: dict[str, Any], limits: ledger.Limits, *, words: bool) -> dict[str, Any]:
    reasons = []
    for rule in ledger.LISTENING_RULES:
        field, limit = {
            "another_speaker": ("similarity_to_rest", limits.min_similarity),
            "other_words": ("prompt_match", limits.min_prompt_match),
        }[rule.name]
        value = row["measurements"][field]
        if value is not None and value < limit and (words or rule.name != "other_words"):
            reasons.append(ledger.Reason(rule.name, value, limit, rule.repair).as_dict())
    if not reasons:
        return row
    return {**row, "status": ledger.REJECTED, "reasons": reasons, "clip": None, "clip_sha256": None}


def _listen_to(folder: VoiceFolder, row: dict[str, Any]) -> dict[str, Any]:
    waveform, sample_rate = soundfile.read(folder.root / row["clip"], dtype="float32")
    embedding = SpeakerEncoder.shared().embed(waveform, sample_rate)
    return {
        "clip_sha256": row["clip_sha256"],
        "heard": heard_in(waveform, sample_rate),
        "embedding": [round(float(value), 5) for value in embedding],
    }


def _similarities(rows: Sequence[dict[str, Any]], heard: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Of each clip that is long enough: cosine with the mean of all the others."""
    vectors = {
        row["id"]: np.array(heard[row["id"]]["embedding"], np.float32)
        for row in rows
        if row["measurements"]["clip_duration"] >= MIN_SECONDS_TO_COMPARE
    }
    if len(vectors) < MIN_CLIPS_TO_COMPARE:
        return {}
    total = np.sum(list(vectors.values()), axis=0)
    return {name: round(similarity(one, centroid([total - one])), 4) for name, one in vectors.items()}


def _remembered(folder: VoiceFolder) -> list[dict[str, Any]]:
    try:
        rows = read_jsonl(folder.clips / MEMORY)
    except PipelineError:
        return []
    return [row for row in rows if {"clip_sha256", "heard", "embedding"} <= row.keys()]
