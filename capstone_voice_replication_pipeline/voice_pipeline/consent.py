"""Consent: no voice is trained, spoken with or served without its speaker's own statement, or a licence of its data.

A statement is asked for with code words that are new each time, so that an old recording cannot stand in for it. It is
heard by the recogniser and compared with the text, and it is matched by speaker embedding with the clips before a
model learns from them. Everything stands in the voice folder:

    consent.json            the record that is in force: kind "consent" or "licence"
    consent/request.json    the text that was asked for and not answered yet
    consent/ID.wav          the statement as it was given
    consent/history.jsonl   records that were replaced

It keeps honest people from mistakes. It cannot bind someone who rewrites this program.
"""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from coursekit.files import sha256_file, write_json_atomic
from voice_pipeline.consent_check import (
    CODE_WORDS,
    Heard,
    SpeakerMatch,
    check_words,
    match_statement,
    statement_text,
)
from voice_pipeline.consent_record import (
    COMMAND,
    CONSENT,
    LICENCE,
    ConsentError,
    changed,
    consent_lock,
    now,
    put_record,
    read_record,
    write_record,
)
from voice_pipeline.disk import writing_to
from voice_pipeline.engines.base import TrainingClip
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder, read_json

REQUEST_DAYS = 7
"""After this many days other code words are asked for."""


# ----------------------------------------------------------------------------------------------------------------------
# asking, giving, taking back


def ask_for_statement(folder: VoiceFolder) -> dict[str, Any]:
    """The text a speaker is to read for this voice; the same one until it is used or a week old.

    Returns:
        `{"voice", "date", "code_words", "text", ...}`.
    """
    folder.create()
    with consent_lock(folder):
        return _open_request(folder) or _new_request(folder)


def give_statement(folder: VoiceFolder, recording: Path) -> dict[str, Any]:
    """Take a recorded statement as the voice's consent.

    Args:
        folder: the voice; made if needed.
        recording: audio file in any format.

    Returns:
        The new consent record.

    Raises:
        ConsentError: no statement was asked for, or what was said or who said it is not right. Nothing is changed then.
        AudioError: the file gives no sound.
    """
    from voice_pipeline.audio import decode, write_wav

    folder.create()
    with consent_lock(folder):
        request = _open_request(folder)
        old = read_record(folder) if request is None else None
    if old and old["kind"] == CONSENT and not old["revoked"]:
        digest = sha256_file(path) if (path := Path(recording).expanduser()).is_file() else ""
        if digest == old["statement"]["source_sha256"]:
            return require_consent(folder)
    if request is None:
        request = ask_for_statement(folder)
        raise ConsentError(
            f"no statement has been asked for yet (or over {REQUEST_DAYS} days ago), so this recording cannot hold its "
            f'code words; the text to read now is: "{request["text"]}"',
            code="consent_missing",
            hint=f"record it, then: {COMMAND.format(name=folder.name)} --import FILE",
        )
    sound = decode(Path(recording).expanduser())
    heard = check_words(sound.waveform, sound.sample_rate, request["text"], request["code_words"])
    _require_words(heard, request, folder)
    clips = _known_clips(folder)
    match = match_statement(sound.waveform, sound.sample_rate, clips) if clips else None
    if match:
        _require_speaker(match, folder)
    with consent_lock(folder), writing_to(folder.statements):
        if _open_request(folder) != request:
            raise ConsentError(
                "another statement was taken, or consent was revoked, while this one was checked",
                code="consent_missing",
                hint=COMMAND.format(name=folder.name),
            )
        record_id = f"consent-{secrets.token_hex(6)}"
        statement = folder.statements / f"{record_id}.wav"
        write_wav(statement, sound.waveform, sound.sample_rate)
        record = {
            "kind": CONSENT,
            "id": record_id,
            "voice": folder.name,
            **{name: request[name] for name in ("date", "code_words", "text")},
            "heard": heard.as_dict(),
            "statement": {
                "file": statement.relative_to(folder.root).as_posix(),
                "sha256": sha256_file(statement),
                "source_sha256": sha256_file(Path(recording).expanduser()),
                "seconds": round(sound.duration, 2),
            },
            "speaker": match.as_dict() if match else None,
        }
        record = put_record(folder, record)
        (folder.statements / "request.json").unlink(missing_ok=True)
    return record


def declare_licence(folder: VoiceFolder, licence: str, source: str) -> dict[str, Any]:
    """Note the licence under which a public data set's clips are used. It is what it says, not a consent.

    Args:
        folder: the voice; made if needed.
        licence: its name, for example "CC0 1.0".
        source: where the clips come from: a name or an address.

    Raises:
        ConsentError: the name or the source is empty, or consent for this voice was revoked.
    """
    licence, source = " ".join(licence.split()), " ".join(source.split())
    if not licence or not source:
        raise ConsentError(
            "a licence record needs the name of the licence and where the clips come from",
            code="consent_invalid",
            hint='--licence "CC0 1.0" --source "name or address of the data set"',
        )
    folder.create()
    with consent_lock(folder):
        old = read_record(folder)
        if (
            old
            and old["kind"] == LICENCE
            and not old["revoked"]
            and (old["licence"], old["source"]) == (licence, source)
        ):
            return old
        if old and old["kind"] == CONSENT:
            raise ConsentError(
                f"the voice '{folder.name}' is a person's who gave a statement; a licence cannot take its place",
                code="consent_invalid",
                hint="use another --voice NAME for the data set",
            )
        record_id = f"licence-{secrets.token_hex(6)}"
        return put_record(
            folder,
            {
                "kind": LICENCE,
                "id": record_id,
                "voice": folder.name,
                "licence": licence,
                "source": source,
                "note": "licence of public data as its user named it; this is not a consent of the speaker",
            },
        )


def revoke(folder: VoiceFolder, reason: str = "") -> dict[str, Any]:
    """Take consent back, at once, also while the voice is trained or served: it is not spoken with any more.

    Raises:
        ConsentError: there is nothing to revoke.
    """
    folder.require()
    with consent_lock(folder):
        record = read_record(folder)
        if record is None:
            raise ConsentError(
                f"the voice '{folder.name}' has no consent that could be revoked, so nothing may be done with it",
                code="consent_missing",
                hint=COMMAND.format(name=folder.name),
            )
        (folder.statements / "request.json").unlink(missing_ok=True)
        if record["revoked"]:
            return record
        record["revoked"] = {"time": now(), "reason": reason}
        with writing_to(folder.root):
            write_record(folder, record)
        return record


# ----------------------------------------------------------------------------------------------------------------------
# the gates


def require_consent(folder: VoiceFolder) -> dict[str, Any]:
    """The consent or licence record in force. Quick enough to ask at every request (under 10 ms).

    Raises:
        ConsentError: there is none, it was revoked or changed, or its statement is gone or changed.
    """
    record = read_record(folder)
    command = COMMAND.format(name=folder.name)
    if record is None:
        raise ConsentError(
            f"the voice '{folder.name}' has no consent of its speaker: nothing is trained, spoken or served without it",
            code="consent_missing",
            hint=f'{command}   (public data: --licence "CC0 1.0" --source NAME instead of --consent)',
        )
    if record["revoked"]:
        raise ConsentError(
            f"consent for the voice '{folder.name}' was revoked on {record['revoked']['time']}",
            code="consent_revoked",
            hint=f"its speaker may consent again: {command}",
        )
    if record["kind"] == CONSENT:
        statement = folder.root / record["statement"]["file"]
        if not statement.is_file() or sha256_file(statement) != record["statement"]["sha256"]:
            raise changed(folder, f"{record['statement']['file']} is missing or is not the statement that was checked")
    return record


def require_consent_to_speak(folder: VoiceFolder) -> dict[str, Any]:
    """As `require_consent`; a statement must also have been matched with the clips that the model learnt from.

    Raises:
        ConsentError: as there, and for a statement that was never matched with the clips.
    """
    record = require_consent(folder)
    if record["kind"] == CONSENT and not record["speaker"]:
        raise ConsentError(
            f"the statement for the voice '{folder.name}' was not compared with its clips yet",
            code="consent_speaker",
            hint=f"python 04_fine_tune.py --voice {folder.name}   (compares them; a finished training is not repeated)",
        )
    return record


def require_consent_to_train(folder: VoiceFolder, clips: list[TrainingClip]) -> dict[str, Any]:
    """Listen to the statement again and match it with all the clips a model is to learn from; note the result.

    Raises:
        ConsentError: no consent, or the words or the speaker are not right.
    """
    from voice_pipeline.audio import decode

    record = require_consent(folder)
    if record["kind"] == LICENCE:
        return record
    expected = statement_text(folder.name, date.fromisoformat(record["date"]), record["code_words"])
    if record["text"] != expected:
        raise changed(folder, "its text is not the one that is asked for")
    sound = decode(folder.root / record["statement"]["file"])
    heard = check_words(sound.waveform, sound.sample_rate, expected, record["code_words"])
    _require_words(heard, record, folder)
    match = match_statement(sound.waveform, sound.sample_rate, clips)
    _require_speaker(match, folder)
    with consent_lock(folder):
        current = require_consent(folder)
        if current["id"] != record["id"]:
            raise ConsentError("the consent was replaced meanwhile", code="consent_missing", hint="run this again")
        if current["speaker"] != match.as_dict():
            write_record(folder, {**current, "speaker": match.as_dict()})
    return require_consent(folder)


def describe(record: dict[str, Any]) -> str:
    """One line for people."""
    if record["kind"] == LICENCE:
        return f"licence {record['licence']}, {record['source']} (record {record['id']}; not a consent)"
    heard, speaker = record["heard"], record["speaker"]
    matched = "not compared with clips yet"
    if speaker:
        matched = f"speaker similarity {speaker['similarity']:.3f} (at least {speaker['limit']:.2f})"
    words = f"word error rate {heard['word_error_rate']:.2f} (at most {heard['limit']:.2f})"
    return f"{record['id']} of {record['date']}, {words}, {heard['code_words_heard']} of 4 code words, {matched}"


# ----------------------------------------------------------------------------------------------------------------------
# parts


def _require_words(heard: Heard, request: dict[str, Any], folder: VoiceFolder) -> None:
    if heard.problem:
        raise ConsentError(
            f'the statement is not the text asked for: {heard.problem}. Asked for: "{request["text"]}"; '
            f'heard: "{heard.transcript or "nothing"}"',
            code="consent_words",
            hint=f"read it again, slowly and near the microphone: {COMMAND.format(name=folder.name)} --import FILE",
        )


def _require_speaker(match: SpeakerMatch, folder: VoiceFolder) -> None:
    if match.problem:
        raise ConsentError(
            f"the voice of the statement is not the voice of the clips: {match.problem}",
            code="consent_speaker",
            hint="the speaker of the recordings has to read the statement, with the microphone and in the room of the "
            f"recordings: {COMMAND.format(name=folder.name)}",
        )


def _known_clips(folder: VoiceFolder) -> list[TrainingClip]:
    """The preprocessed clips, if there are any yet."""
    from voice_pipeline.training import read_split

    if not (folder.split.is_file() and folder.metadata.is_file()):
        return []
    try:
        train, held_out = read_split(folder)
    except PipelineError:  # half done; training compares again
        return []
    return train + held_out


def _open_request(folder: VoiceFolder) -> dict[str, Any] | None:
    path = folder.statements / "request.json"
    if not path.is_file():
        return None
    request: dict[str, Any] = read_json(path)
    try:
        day = date.fromisoformat(request["date"])
        fresh = abs(_today() - day) <= timedelta(days=REQUEST_DAYS)
        right = request["text"] == statement_text(folder.name, day, request["code_words"])
    except (KeyError, TypeError, ValueError):
        return None
    return request if fresh and right else None


def _new_request(folder: VoiceFolder) -> dict[str, Any]:
    chosen = secrets.SystemRandom().sample(CODE_WORDS, 4)
    request = {
        "voice": folder.name,
        "date": _today().isoformat(),
        "code_words": chosen,
        "text": statement_text(folder.name, _today(), chosen),
    }
    with writing_to(folder.statements):
        write_json_atomic(folder.statements / "request.json", request)
    return request


def _today() -> date:
    return datetime.now().date()
