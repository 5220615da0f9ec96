"""How a consent record is kept: consent.json with a checksum, earlier ones in a history, one process at a time."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from filelock import FileLock, Timeout

from coursekit.files import write_json_atomic, write_text_atomic
from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder

CONSENT, LICENCE = "consent", "licence"
COMMAND = "python 01_collect_recordings.py --voice {name} --consent"

_FORMAT = 1
_LOCK_SECONDS = 20.0
_KEYS = {"kind", "id", "voice", "created", "revoked", "checksum"}
_STATEMENT = re.compile(r"consent/consent-[0-9a-f]{12}\.wav")


class ConsentError(PipelineError):
    """Something may not be done with a voice, or a statement does not prove what it should.

    Attributes:
        code: `consent_missing`, `consent_revoked`, `consent_invalid`, `consent_words` or `consent_speaker`.
    """

    def __init__(self, message: str, *, code: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


def put_record(folder: VoiceFolder, record: dict[str, Any]) -> dict[str, Any]:
    """Make `record` the one in force; the one before goes to the history."""
    old = folder.consent.read_text(encoding="utf-8") if folder.consent.is_file() else None
    with writing_to(folder.root):
        if old:
            history = folder.statements / "history.jsonl"
            earlier = history.read_text(encoding="utf-8") if history.is_file() else ""
            write_text_atomic(history, earlier + _one_line(old))
        return write_record(folder, {**record, "format": _FORMAT, "created": now(), "revoked": None})


def write_record(folder: VoiceFolder, record: dict[str, Any]) -> dict[str, Any]:
    """Write the record with its checksum; returns it."""
    sealed = {**record, "checksum": _checksum(record)}
    write_json_atomic(folder.consent, sealed)
    return sealed


def read_record(folder: VoiceFolder) -> dict[str, Any] | None:
    """The record, if it is whole.

    Raises:
        ConsentError: it is damaged or was changed.
    """
    if not folder.consent.is_file():
        return None
    try:
        record = json.loads(folder.consent.read_text(encoding="utf-8"))
        whole = (
            record["checksum"] == _checksum(record) and record["kind"] in (CONSENT, LICENCE) and record.keys() >= _KEYS
        )
    except (OSError, ValueError, TypeError, KeyError):
        raise changed(folder, "it is damaged") from None
    if not whole:
        raise changed(folder, "its content is not what was written")
    if record["voice"] != folder.name:
        raise changed(folder, f"it is that of another voice, '{record['voice']}'")
    if record["kind"] == CONSENT and not _STATEMENT.fullmatch(record["statement"]["file"]):
        raise changed(folder, "it names a file that is no statement")
    return dict(record)


def _one_line(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, sort_keys=True) + "\n"
    except ValueError:
        return json.dumps({"damaged": text}) + "\n"


def _checksum(record: dict[str, Any]) -> str:
    content = {name: value for name, value in record.items() if name != "checksum"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def changed(folder: VoiceFolder, what: str) -> ConsentError:
    """The error for a record that was damaged or edited."""
    return ConsentError(
        f"consent.json of the voice '{folder.name}' cannot be trusted: {what}",
        code="consent_invalid",
        hint=f"ask the speaker again: {COMMAND.format(name=folder.name)}   (public data: delete {folder.consent}, "
        "then --licence NAME --source TEXT)",
    )


@contextmanager
def consent_lock(folder: VoiceFolder) -> Iterator[None]:
    """A lock of its own: consent can be revoked while the voice is being trained."""
    with writing_to(folder.root):
        folder.statements.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.statements / ".lock", timeout=_LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout:
            raise PipelineError(
                f"another process is changing the consent of '{folder.name}'", hint="wait a moment and try again"
            ) from None
    try:
        yield
    finally:
        lock.release()


def now() -> str:
    """UTC, to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
