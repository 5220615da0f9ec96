"""Step 1: bring recordings of a voice into its folder, from files or from the microphone.

Run:
    python 01_collect_recordings.py --voice my-voice --import DIR
    python 01_collect_recordings.py --voice my-voice --record           (again: --record --retake short_03)
    python 01_collect_recordings.py --voice my-voice --prompts          (only show what to read)
    python 01_collect_recordings.py --voice my-voice --plan             (choose what to read, and show its coverage)
    python 01_collect_recordings.py --voice my-voice --plan --text FILE --short 5 --long 15
    python 01_collect_recordings.py --voice my-voice --consent          (the statement to read; then one of)
    python 01_collect_recordings.py --voice my-voice --consent --import FILE
    python 01_collect_recordings.py --voice my-voice --consent --record
    python 01_collect_recordings.py --voice my-voice --licence "CC0 1.0" --source "name of a public data set"
    python 01_collect_recordings.py --voice my-voice --revoke           (takes consent back)

--import takes a folder with recordings in any format (WAV, FLAC, MP3, M4A, OGG, WebM). What is said in them stands in
a metadata.csv (id|text), in a .txt file beside each, or they are named after the course's prompts (short_01.wav,
or 1.m4a to 20.m4a). Files with other names, and one long recording of many prompts, are listened to: cut at pauses
and matched to the prompts. --record shows the prompts one after the other and checks each take at once (level,
clipping, noise, length, words); stop at any time and start again later. --plan makes the voice's own list of prompts.

--consent is the speaker's spoken agreement: a text with the voice's name, the date and four code words that are new
each time. It is understood, compared, and matched with the speaker of the clips; without it no model is trained and
nothing is spoken or served. Clips of a public data set have no speaker to ask: --licence notes their licence instead.

Writes: HOME/NAME/raw/ (the recordings as they are) and raw/manifest.jsonl (file, text, sha256, time, device);
consent.json and consent/ (the statement).
Time: seconds for an import; about 10 minutes for the 20 prompts.
Next: 02_preprocess_recordings.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from coursekit.cli import run_main
from voice_pipeline.command_line import next_command, voice_folder, voice_parser
from voice_pipeline.consent_commands import (
    add_consent_flags,
    record_consent,
    remind,
    revoke_consent,
    show_statement,
    take_consent,
    take_licence,
)
from voice_pipeline.errors import PipelineError
from voice_pipeline.microphone import ConsoleTerminal, open_loudspeaker, open_microphone, record_prompts
from voice_pipeline.prompt_commands import plan_command, prompt_lines
from voice_pipeline.prompts import prompts_of_voice
from voice_pipeline.recording import ImportReport, import_folder
from voice_pipeline.voice_folder import VoiceFolder


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--import", dest="files", type=Path, metavar="DIR", help="folder with recordings")
    action.add_argument("--record", action="store_true", help="record the prompts with a microphone")
    action.add_argument("--prompts", action="store_true", help="print the sentences to read and stop")
    action.add_argument("--plan", action="store_true", help="choose the sentences to read for the sounds they hold")
    parser.add_argument("--text", type=Path, metavar="FILE", help="with --plan: choose from this text")
    parser.add_argument("--short", type=int, default=10, metavar="N", help="with --plan: sentences of about 4 s")
    parser.add_argument("--long", type=int, default=10, metavar="N", help="with --plan: sentences of about 10 s")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="with --plan: another seed, another list")
    parser.add_argument("--retake", nargs="+", default=[], metavar="ID", help="with --record: read these prompts again")
    parser.add_argument("--microphone", metavar="NAME", help="part of the microphone's name (default: the system's)")
    parser.add_argument("--language", default="en", help="language of the prompts (default en)")
    add_consent_flags(parser, whole_command=True)
    arguments = parser.parse_args(argv)
    folder = voice_folder(arguments)
    if arguments.consent or arguments.revoke or arguments.licence or arguments.source:
        consent(folder, arguments)
        return 0
    if not (arguments.files or arguments.record or arguments.prompts or arguments.plan):
        parser.error("nothing to do: give --import DIR, --record, --prompts, --plan, --consent, --licence or --revoke")
    if arguments.plan:
        folder.create()
        with folder.lock():
            wanted = {name: getattr(arguments, name) for name in ("language", "text", "short", "long", "seed")}
            plan_command(folder, **wanted)
        print(f"\nNext: {next_command('01_collect_recordings.py', folder)} --record   (or --import DIR)")
        return 0
    prompts = prompts_of_voice(folder, arguments.language)
    if arguments.prompts:
        print(prompt_lines(prompts))
        return 0
    if arguments.record:
        microphone = open_microphone(arguments.microphone)
        folder.create()
        with folder.lock():
            terminal = ConsoleTerminal(sys.stdout, sys.stdin.readline)
            record_prompts(
                folder, prompts, microphone, terminal,
                retake=arguments.retake, check_words=arguments.language == "en", play=open_loudspeaker(),
            )  # fmt: skip
    else:
        folder.create()
        with folder.lock():
            report = import_folder(folder, arguments.files, language=arguments.language)
        print_report(report)
    remind(folder)
    print(f"\nNext: {next_command('02_preprocess_recordings.py', folder)}")
    return 0


def consent(folder: VoiceFolder, arguments: argparse.Namespace) -> None:
    """Do one of: revoke, note a licence, record the statement, take it from a file, or print what it has to say."""
    licence = bool(arguments.licence or arguments.source)
    if arguments.consent + arguments.revoke + licence > 1:
        raise PipelineError("--consent, --revoke and --licence exclude each other", hint="give one of them")
    if arguments.revoke:
        revoke_consent(folder, arguments.reason)
    elif licence:
        take_licence(folder, arguments.licence, arguments.source)
    elif arguments.record:
        terminal = ConsoleTerminal(sys.stdout, sys.stdin.readline)
        record_consent(folder, open_microphone(arguments.microphone), terminal)
    elif arguments.files:
        take_consent(folder, arguments.files)
    else:
        show_statement(folder)
        print(f"Then: {next_command('01_collect_recordings.py', folder)} --consent --import FILE   (or --record)")


def print_report(report: ImportReport) -> None:
    """Print what the import did, with the names of what needs attention."""
    print(f"{report.given} recordings: {len(report.added)} new, {len(report.replaced)} changed, ", end="")
    print(f"{len(report.unchanged)} already there")
    for given, pieces in report.sliced.items():
        print(f"  {given.encode('ascii', 'backslashreplace').decode()} was cut at its pauses into {pieces} recordings")
    for names, meaning in (
        (report.without_text, "without a text (will be rejected)"),
        (report.duplicates, "with the same content as another (will be rejected)"),
        (report.missing, "named in metadata.csv, but there is no such file"),
        (report.ignored, "ignored, not recordings"),
    ):
        if names:
            shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
            print(f"  {len(names):4d} {meaning}: {shown.encode('ascii', 'backslashreplace').decode()}")


if __name__ == "__main__":
    run_main(main)
