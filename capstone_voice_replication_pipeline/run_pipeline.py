"""All steps in one command: recordings in, a voice that speaks and the proof out.

Run:
    python 01_collect_recordings.py --voice my-voice --consent           (the statement to record first)
    python run_pipeline.py --voice my-voice --recordings DIR --consent FILE --text "Hello, this is my voice."
    python run_pipeline.py --voice lj --recordings DIR --licence "public domain" --source LJSpeech

Every step is skipped where its result is still valid, and goes on where it was stopped. DIR holds recordings in any
format; what is said in them stands in metadata.csv (id|text), in a .txt beside each, or they are named after the
prompts (short_01.wav ...). FILE is the speaker's consent statement; a public data set has a licence instead. Either is
given once: it stays with the voice.

Writes: everything below HOME/NAME/, see voice_pipeline/voice_folder.py; the speech in HOME/NAME/speech/
Time: about 7 minutes for 20 clips on 2 CPU cores.
Next: 07_serve_api.py
"""

from __future__ import annotations

from pathlib import Path

from coursekit.cli import run_main
from voice_pipeline import steps
from voice_pipeline.command_line import add_training_flags, training_options, voice_folder, voice_parser
from voice_pipeline.consent import describe, require_consent
from voice_pipeline.consent_commands import add_consent_flags, take_consent, take_licence
from voice_pipeline.errors import PipelineError
from voice_pipeline.recording import import_folder


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    parser.add_argument("--recordings", type=Path, required=True, metavar="DIR", help="folder with recordings")
    parser.add_argument("--text", default="This is my voice, made on my own computer.", help="what to say at the end")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the speech goes (default: in the voice folder)")
    add_consent_flags(parser, whole_command=False)
    add_training_flags(parser)
    parser.add_argument("--allow-few", action="store_true", help="go on with fewer than 8 accepted clips")
    arguments = parser.parse_args(argv)
    options = training_options(arguments)
    if arguments.consent and (arguments.licence or arguments.source):
        raise PipelineError("--consent and --licence exclude each other", hint="a person's voice needs --consent FILE")
    if not arguments.recordings.expanduser().is_dir():
        raise PipelineError(f"there is no folder {arguments.recordings}", hint="--recordings DIR with your recordings")
    folder = voice_folder(arguments).create()
    with folder.lock():
        if arguments.consent:
            take_consent(folder, arguments.consent)
        elif arguments.licence or arguments.source:
            take_licence(folder, arguments.licence, arguments.source)
        else:
            print(describe(require_consent(folder)))
        heading(1, "collect recordings")
        report = import_folder(folder, arguments.recordings)
        print(f"{report.given} recordings, {len(report.added) + len(report.replaced)} of them new")
        heading(2, "preprocess")
        steps.preprocess_step(folder, seed=arguments.seed, allow_few=arguments.allow_few)
        heading(3, "extract features")
        steps.features_step(folder)
        heading(4, "fine-tune")
        if steps.fine_tune_step(folder, **options) is None:
            print("\nNext: the same command without --budget, or with --steps or --minutes")
            return 0
        heading(6, "speak (step 5, text, is part of it)")
        speech = arguments.out or folder.speech / "first_words.wav"
        steps.synthesize_step(folder, arguments.text, speech, device=arguments.device, seed=arguments.seed)
        heading(8, "evaluate")
        steps.evaluate_step(folder, device=arguments.device, seed=arguments.seed)
    print(f'\nNext: python 07_serve_api.py --home "{folder.home}"     (step 7: your voice over HTTP)')
    return 0


def heading(number: int, name: str) -> None:
    """A line that says where the pipeline is."""
    print(f"\n--- step {number} of 8: {name} " + "-" * max(0, 60 - len(name)), flush=True)


if __name__ == "__main__":
    run_main(main)
