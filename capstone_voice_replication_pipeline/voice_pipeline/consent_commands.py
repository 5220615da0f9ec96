"""Consent at the command line: the flags, what is printed, and the microphone."""

from __future__ import annotations

import tempfile
import textwrap
from pathlib import Path

from coursekit.cli import ScriptParser
from voice_pipeline.audio import write_wav
from voice_pipeline.consent import (
    ask_for_statement,
    declare_licence,
    describe,
    give_statement,
    require_consent,
    revoke,
)
from voice_pipeline.consent_check import MAX_SECONDS
from voice_pipeline.errors import PipelineError
from voice_pipeline.microphone import Microphone, Terminal, record_take
from voice_pipeline.voice_folder import VoiceFolder


def add_consent_flags(parser: ScriptParser, *, whole_command: bool) -> None:
    """`--licence` and `--source`; `--consent` as a switch with `--revoke` (script 01), or with a file (all in one).

    Args:
        parser: gets the flags.
        whole_command: True for script 01, where consent is an action of its own.
    """
    if whole_command:
        parser.add_argument("--consent", action="store_true", help="print the statement to read; take it with --import")
        parser.add_argument("--revoke", action="store_true", help="take consent back: the voice is silent from now on")
        parser.add_argument("--reason", default="", metavar="TEXT", help="with --revoke: why, for the record")
    else:
        parser.add_argument("--consent", type=Path, metavar="FILE", help="the speaker's recorded consent statement")
    parser.add_argument("--licence", metavar="NAME", help='public data instead of consent: its licence ("CC0 1.0")')
    parser.add_argument("--source", metavar="TEXT", help="with --licence: where the data comes from")


def take_licence(folder: VoiceFolder, licence: str | None, source: str | None) -> None:
    """Note and print the licence of public data."""
    record = declare_licence(folder, licence or "", source or "")
    print(f"licence noted: {describe(record)}")


def take_consent(folder: VoiceFolder, recording: Path) -> None:
    """Check and keep a recorded statement, and print what was found."""
    record = give_statement(folder, recording)
    print(f"consent taken: {describe(record)}")
    if not record["speaker"]:
        print("The speaker will be compared with the clips before a model learns from them.")


def show_statement(folder: VoiceFolder) -> str:
    """Print what the speaker has to read; returns the text."""
    text: str = ask_for_statement(folder)["text"]
    print("The speaker reads this, with the microphone and in the room of the other recordings:\n")
    print(textwrap.indent(textwrap.fill(text, 76), "    ") + "\n")
    return text


def record_consent(folder: VoiceFolder, microphone: Microphone, terminal: Terminal) -> None:
    """Record the statement until it passes or the speaker stops.

    Raises:
        PipelineError: the speaker stopped; or something other than the statement is wrong.
    """
    show_statement(folder)
    while terminal.ask("Enter to record, q to stop: ") != "q":
        terminal.show("Read now. Press Enter when you have finished.")
        waveform = record_take(microphone, MAX_SECONDS, terminal.enter_pressed(), terminal.level)
        terminal.show("")
        with tempfile.TemporaryDirectory() as place:
            take = Path(place) / "statement.wav"
            write_wav(take, waveform, microphone.sample_rate)
            try:
                take_consent(folder, take)
            except PipelineError as error:
                terminal.show(f"Not yet: {error}")
                continue
        return
    raise PipelineError("no consent was given", hint=f"python 01_collect_recordings.py --voice {folder.name} --consent")


def revoke_consent(folder: VoiceFolder, reason: str) -> None:
    """Revoke and say what that means."""
    record = revoke(folder, reason)
    print(f"revoked at {record['revoked']['time']}: {record['id']} of the voice '{folder.name}'")
    print("It is not trained, spoken with or served any more; a server that is running refuses its next request.")
    print(f"Files that were made are still there. To erase everything: delete the folder {folder.root}")


def remind(folder: VoiceFolder) -> None:
    """A note when the voice cannot be trained yet for want of consent."""
    try:
        require_consent(folder)
    except PipelineError as error:
        print(f"NOTE: {error}\n      {error.hint}")
