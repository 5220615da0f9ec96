"""Step 1: bring recordings of a voice into its folder, from files or from the microphone.

Run:
    python 01_collect_recordings.py --voice my-voice --import DIR
    python 01_collect_recordings.py --voice my-voice --record           (again: --record --retake short_03)
    python 01_collect_recordings.py --voice my-voice --prompts          (only show what to read)

--import takes a folder with recordings in any format (WAV, FLAC, MP3, M4A, OGG, WebM). What is said in them stands in
a metadata.csv (id|text), in a .txt file beside each, or they are named after the course's prompts (short_01.wav,
or 1.m4a to 20.m4a). --record shows the 20 prompts one after the other; stop at any time and start again later.

Writes: HOME/NAME/raw/ (the recordings as they are) and raw/manifest.jsonl (file, text, sha256, time, device).
Time: seconds for an import; about 10 minutes for the 20 prompts.
Next: 02_preprocess_recordings.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from coursekit.cli import run_main
from voice_pipeline.command_line import next_command, voice_folder, voice_parser
from voice_pipeline.microphone import ConsoleTerminal, open_microphone, record_prompts
from voice_pipeline.prompts import load_prompts
from voice_pipeline.recording import ImportReport, import_folder


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--import", dest="source", type=Path, metavar="DIR", help="folder with recordings")
    action.add_argument("--record", action="store_true", help="record the prompts with a microphone")
    action.add_argument("--prompts", action="store_true", help="print the sentences to read and stop")
    parser.add_argument("--retake", nargs="+", default=[], metavar="ID", help="with --record: read these prompts again")
    parser.add_argument("--microphone", metavar="NAME", help="part of the microphone's name (default: the system's)")
    parser.add_argument("--language", default="en", help="language of the prompts (default en)")
    arguments = parser.parse_args(argv)
    folder = voice_folder(arguments)
    prompts = load_prompts(arguments.language)
    if arguments.prompts:
        for prompt in prompts:
            print(f"{prompt.prompt_id}  ({prompt.expected_seconds:2.0f} s)  {prompt.text}")
        return 0
    if arguments.record:
        microphone = open_microphone(arguments.microphone)
        folder.create()
        with folder.lock():
            terminal = ConsoleTerminal(sys.stdout, sys.stdin.readline)
            record_prompts(folder, prompts, microphone, terminal, retake=arguments.retake)
    else:
        folder.create()
        with folder.lock():
            report = import_folder(folder, arguments.source, language=arguments.language)
        print_report(report)
    print(f"\nNext: {next_command('02_preprocess_recordings.py', folder)}")
    return 0


def print_report(report: ImportReport) -> None:
    """Print what the import did, with the names of what needs attention."""
    print(f"{report.given} recordings: {len(report.added)} new, {len(report.replaced)} changed, ", end="")
    print(f"{len(report.unchanged)} already there")
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
