"""Step 3: look at the voice: mel spectrogram, MFCC, pitch and energy of every clip, by librosa.

Run:
    python 03_extract_features.py --voice my-voice

Writes: HOME/NAME/features/*.npz (one per clip, kept until the clip changes), reports/features.json (figures of the
voice), reports/features_*.png (two clips and an overview), each with a .txt that says the same in one line.
Time: about 10 s per minute of sound on 2 CPU cores, most of it for the pitch.
Next: 04_fine_tune.py
"""

from __future__ import annotations

from coursekit.cli import run_main
from voice_pipeline.command_line import next_command, voice_folder, voice_parser
from voice_pipeline.steps import features_step


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    parser.add_argument("--workers", type=int, metavar="N", help="threads (default: one per core)")
    arguments = parser.parse_args(argv)
    folder = voice_folder(arguments).require()
    with folder.lock():
        features_step(folder, workers=arguments.workers)
    print(f"\nNext: {next_command('04_fine_tune.py', folder)}")
    return 0


if __name__ == "__main__":
    run_main(main)
