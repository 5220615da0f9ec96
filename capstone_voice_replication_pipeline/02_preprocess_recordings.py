"""Step 2: turn recordings into clean clips, and account for every one of them.

Run:
    python 02_preprocess_recordings.py --voice my-voice

Each recording is decoded, mixed to mono, resampled to 24,000 Hz, trimmed to its speech (0.1 s margin), brought to
-23 LUFS and written as 16-bit WAV. Each is measured, and accepted or rejected with the rule, the value, the limit and
the repair. Then all clips are listened to: does one person speak in all of them, and does each say its text?
Running it again redoes only what has changed.

Writes: HOME/NAME/clips/*.wav, ledger.jsonl (every recording), metadata.csv (accepted clips), split.json (train and
held out), reports/ledger.html (the same for people, with waveforms), reports/re_record.txt (what to record again).
Time: about 1 s per 2 minutes of sound on 2 CPU cores; listening adds about 15 s per minute (--skip-listening).
Next: 03_extract_features.py
"""

from __future__ import annotations

from coursekit.cli import run_main
from voice_pipeline.command_line import next_command, voice_folder, voice_parser
from voice_pipeline.steps import preprocess_step


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the split (default 0)")
    parser.add_argument("--allow-few", action="store_true", help="go on with fewer than 8 accepted clips")
    parser.add_argument("--workers", type=int, metavar="N", help="threads (default: one per core)")
    parser.add_argument("--skip-listening", action="store_true", help="do not compare speakers and words")
    arguments = parser.parse_args(argv)
    folder = voice_folder(arguments).require()
    with folder.lock():
        preprocess_step(
            folder,
            seed=arguments.seed,
            allow_few=arguments.allow_few,
            workers=arguments.workers,
            listening=not arguments.skip_listening,
        )
    print(f"\nNext: {next_command('03_extract_features.py', folder)}")
    return 0


if __name__ == "__main__":
    run_main(main)
