"""Where a spoken file comes from: noted when it is made, found again later, also from an MP3 copy.

Every file carries what its format can hold (WAV INFO, FLAC and Ogg comments, ID3): that it is synthetic, and its
provenance id. `provenance.jsonl` in the voice folder has one line per file: id, voice, consent, model, seed, hash of
the text, hash of the file, and an acoustic fingerprint by which a re-encoded copy is known.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from filelock import FileLock

from coursekit.files import sha256_file
from voice_pipeline import __version__, content_credentials, fingerprint, watermark
from voice_pipeline.audio import FFMPEG_OPTIONS, decode
from voice_pipeline.consent import require_consent_to_speak
from voice_pipeline.content_credentials import Credentials
from voice_pipeline.disk import writing_to
from voice_pipeline.fingerprint import Landmarks, Match
from voice_pipeline.training import read_run, weights_hash
from voice_pipeline.voice_folder import VoiceFolder, list_voices

SYNTHETIC = "synthetic speech"
_ID = re.compile(r"speech-[0-9a-f]{16}")


def describe_speech(folder: VoiceFolder, *, seed: int = 0, speed: float = 1.0) -> dict[str, Any]:
    """What is known of a file before it is made: a new id, the voice, its consent, its model.

    Raises:
        ConsentError: the voice may not speak.
    """
    consent = require_consent_to_speak(folder)
    info = folder.read_info()
    model = info.get("model", "")
    return {
        "id": f"speech-{secrets.token_hex(8)}",
        "voice": folder.name,
        "consent": consent["id"],
        "consent_kind": consent["kind"],
        "engine": info.get("engine"),
        "model": model,
        "weights_sha256": read_run(folder).get("weights_sha256") or weights_hash(folder.root / model),
        "seed": seed,
        "speed": speed,
    }


def tags(details: Mapping[str, Any]) -> dict[str, str]:
    """What is written into the file itself."""
    return {
        "title": f"Synthetic speech, voice '{details['voice']}'",
        "comment": f"{SYNTHETIC}; provenance {details['id']}; consent {details['consent']}",
        "software": f"voice_pipeline {__version__}",
        "date": datetime.now(timezone.utc).date().isoformat(),
    }


def note(
    folder: VoiceFolder,
    details: Mapping[str, Any],
    waveform: np.ndarray,
    sample_rate: int,
    data_sha256: str,
    text: str,
) -> None:
    """Add a line to the voice's ledger. The text itself is not kept, only its hash.

    Args:
        folder: the voice.
        details: from `describe_speech`, and more if wanted.
        waveform: what was said, float32 `[samples]`.
        sample_rate: Hz.
        data_sha256: of the file.
        text: what was to be said.
    """
    whole = Landmarks(sample_rate)
    whole.add(waveform)
    note_landmarks(folder, details, whole, data_sha256, text)


def note_landmarks(
    folder: VoiceFolder, details: Mapping[str, Any], sound: Landmarks, data_sha256: str, text: str
) -> None:
    """As `note`, for speech of which only its landmarks are left."""
    line = {
        **details,
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seconds": round(sound.seconds, 3),
        "text_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "sha256": data_sha256,
        "fingerprint": fingerprint.pack(sound.pairs),
    }
    with writing_to(folder.root), FileLock(folder.provenance.with_suffix(".lock"), timeout=60):
        with open(folder.provenance, "a+b") as ledger:
            size = ledger.seek(0, os.SEEK_END)
            ledger.seek(max(0, size - 1))
            torn = ledger.read(1) not in (b"", b"\n")  # a process was killed while it wrote
            ledger.write((b"\n" if torn else b"") + json.dumps(line, sort_keys=True).encode() + b"\n")


@dataclass(frozen=True)
class Finding:
    """What a file is.

    Attributes:
        path: the file.
        how: "exact" (the very file), "tag" (its id stands in it), "sound" (known by its fingerprint), or "" (unknown).
        record: the ledger's line, without its fingerprint; empty when unknown.
        match: agreement of the sound with that line.
        tag: comment in the file, if it says that it is synthetic.
        marked: whether the watermark was found; None where that cannot be told.
        credentials: its C2PA manifest; None where there is none or the library is not installed.
    """

    path: Path
    how: str
    record: dict[str, Any]
    match: Match | None
    tag: str
    marked: bool | None
    credentials: Credentials | None = None


def verify(path: Path, home: Path) -> Finding:
    """Say what a sound file is, by its hash, its tags, its sound, its watermark and its C2PA manifest.

    Raises:
        AudioError: it is no sound file.
    """
    path = Path(path).expanduser()
    sound = decode(path)
    digest, tag = sha256_file(path), _comment(path)
    asked = fingerprint.landmarks(sound.waveform, sound.sample_rate)
    named = found.group() if (found := _ID.search(tag)) else ""
    best: tuple[int, dict[str, Any], Match] | None = None
    for row in read_ledgers(home):
        match = fingerprint.match(asked, row["pairs"])
        exact, by_tag = row["sha256"] == digest, row["id"] == named
        if exact or match.is_copy:
            rank = 1_000_000 * exact + 100_000 * by_tag + match.matches
            if best is None or rank > best[0]:
                best = (rank, row, match)
    marked = watermark.detect(sound.waveform, sound.sample_rate)
    credentials = content_credentials.read(path)
    if best is None:
        return Finding(path, "", {}, None, tag, marked, credentials)
    _, row, match = best
    how = "exact" if row["sha256"] == digest else "tag" if row["id"] == named else "sound"
    record = {key: value for key, value in row.items() if key not in ("pairs", "fingerprint")}
    return Finding(path, how, record, match, tag, marked, credentials)


def read_ledgers(home: Path) -> list[dict[str, Any]]:
    """Every readable line of every voice below `home`, its fingerprint as `pairs`; a torn line is left out."""
    rows = []
    for folder in list_voices(home):
        if not folder.provenance.is_file():
            continue
        for line in folder.provenance.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = json.loads(line)
                rows.append({**row, "pairs": fingerprint.unpack(row["fingerprint"]), "voice": folder.name})
            except (ValueError, KeyError, TypeError):
                continue
    return rows


def _comment(path: Path) -> str:
    """The file's comment if it says that it is synthetic."""
    try:
        with soundfile.SoundFile(path) as file:
            comment = file.comment or _comment_by_ffmpeg(path)  # FFmpeg keeps it in other places than libsndfile
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        return ""
    printable = comment.encode("ascii", "replace").decode()
    return printable if printable.startswith(SYNTHETIC) else ""


def _comment_by_ffmpeg(path: Path) -> str:
    import av

    try:
        with av.open(str(path), options=FFMPEG_OPTIONS) as container:
            return container.metadata.get("comment") or container.streams[0].metadata.get("comment") or ""
    except (av.error.FFmpegError, OSError, ValueError, IndexError):
        return ""
