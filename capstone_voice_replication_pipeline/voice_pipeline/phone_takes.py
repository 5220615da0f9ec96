"""Recordings whose names say nothing ("New recording 7.m4a"): whole files matched to prompts, long ones sliced."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.files import sha256_file
from voice_pipeline.audio import AudioError, Decoded, decode, write_wav
from voice_pipeline.errors import PipelineError
from voice_pipeline.prompt_match import heard_in
from voice_pipeline.prompts import Prompt
from voice_pipeline.slicing import MATCHED, REPEATED, Slice, slice_recording
from voice_pipeline.voice_folder import VoiceFolder

logger = logging.getLogger(__name__)

REPAIRS = {
    "repeated_take": "Nothing to do: the better take of this sentence is used.",
    "matches_no_prompt": "Nothing to do if it is no sentence of the list. Otherwise read that sentence again.",
}


def match_unknown(
    folder: VoiceFolder,
    source: Path,
    rows: dict[str, dict[str, Any]],
    prompts: Sequence[Prompt],
    listen: Callable[[np.ndarray, int], str] = heard_in,
) -> dict[str, int]:
    """Find out which prompts were read in the recordings without a text; their rows are changed in place.

    A file that holds one take gets its prompt's text. A file that holds several is replaced by its slices, one row
    each, written as WAV into raw/; slices that are not used say why (`set_aside`), so that the ledger names them.

    Args:
        folder: the voice.
        source: folder the files come from.
        rows: the manifest by `given`.
        prompts: what could have been read.
        listen: words in a piece of sound.

    Returns:
        how many slices each sliced file gave.
    """
    sliced: dict[str, int] = {}
    for given in [given for given, row in rows.items() if _unknown(row) and (source / given).is_file()]:
        try:
            decoded = decode(source / given)
        except AudioError as error:
            logger.info("%s; the ledger will say so", error)
            continue
        slices = slice_recording(decoded.waveform, decoded.sample_rate, prompts, listen)
        used = [piece for piece in slices if piece.rule is MATCHED]
        if len(slices) == 1 and used:
            _name(rows[given], used[0])
        elif used:
            row = rows.pop(given)
            (folder.raw / row["file"]).unlink(missing_ok=True)
            taken = {other["id"].casefold() for other in rows.values()}
            for number, piece in enumerate(slices, 1):
                part = _part(folder, row, decoded, piece, number, taken)
                rows[part["given"]] = part
            sliced[given] = len(slices)
    _keep_best(rows.values())
    return sliced


def parts_of(rows: Iterable[dict[str, Any]], given: str) -> list[dict[str, Any]]:
    """Rows of the slices of a file."""
    return [row for row in rows if row.get("part_of") == given]


def _unknown(row: dict[str, Any]) -> bool:
    return not row["text"] and bool(row["file"]) and not row.get("part_of") and not row.get("duplicate_of")


def _name(row: dict[str, Any], piece: Slice) -> None:
    assert piece.prompt is not None
    row.update(text=piece.prompt.text, text_from=piece.prompt.prompt_id, heard=piece.heard, match=piece.match)


def _part(
    folder: VoiceFolder, whole: dict[str, Any], decoded: Decoded, piece: Slice, number: int, taken: set[str]
) -> dict[str, Any]:
    from voice_pipeline.recording import unique_id

    rate = decoded.sample_rate
    wanted = piece.prompt.prompt_id if piece.prompt and piece.rule is MATCHED else f"{whole['id']}_{number:02d}"
    clip_id = unique_id(wanted, taken)
    path = folder.raw / f"{clip_id}.wav"
    write_wav(path, decoded.waveform[round(piece.start * rate) : round(piece.end * rate)], rate)
    return {
        **whole,
        "id": clip_id,
        "given": f"{whole['given']} {piece.start:.2f}-{piece.end:.2f} s",
        "file": path.name,
        "sha256": sha256_file(path),
        "text": piece.prompt.text if piece.prompt else "",
        "text_from": piece.prompt.prompt_id if piece.prompt else None,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "part_of": whole["given"],
        "part_sha256": whole["sha256"],
        "part_seconds": [round(piece.start, 3), round(piece.end, 3)],
        "source_format": {"container": decoded.container, "codec": decoded.codec, "channels": decoded.channels},
        "heard": piece.heard,
        "match": piece.match,
        "set_aside": _set_aside(piece.rule, piece.match) if piece.rule else None,
    }


def _keep_best(rows: Iterable[dict[str, Any]]) -> None:
    """Of several takes matched to one prompt, in one file or in several, use the one that matches best."""
    best: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row.get("match") is None or not row["text"] or row.get("duplicate_of"):
            continue
        row["set_aside"] = None
        other = best.setdefault(row["text_from"], row)
        if other is not row:
            worse = other if row["match"] >= other["match"] else row
            best[row["text_from"]] = row if worse is other else other
            worse["set_aside"] = _set_aside(REPEATED, worse["match"])


def _set_aside(rule: str, match: float) -> dict[str, Any]:
    return {"rule": rule, "value": match, "limit": None, "repair": REPAIRS[rule]}


def check_accounted(files: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """Make sure that every file given stands in the manifest, whole or in slices.

    Raises:
        PipelineError: one does not; this is a fault of the program, not of the recordings.
    """
    present = {row.get("part_of") or row["given"] for row in rows}
    lost = sorted(set(files) - present)
    if lost:
        raise PipelineError(f"the import lost {', '.join(lost[:5])}", hint="run the import again and report this")
