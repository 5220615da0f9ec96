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
from coursekit.progress import progress
from voice_pipeline.command_line import next_command, voice_folder, voice_parser
from voice_pipeline.disk import writing_to
from voice_pipeline.features import extract_all, write_statistics
from voice_pipeline.ledger import ACCEPTED
from voice_pipeline.plots import describe_voice, plot_examples, plot_overview
from voice_pipeline.voice_folder import read_jsonl


def main(argv: list[str] | None = None) -> int:
    parser = voice_parser(__doc__)
    parser.add_argument("--workers", type=int, metavar="N", help="threads (default: one per core)")
    arguments = parser.parse_args(argv)
    folder = voice_folder(arguments).require()
    total = sum(row["status"] == ACCEPTED for row in read_jsonl(folder.ledger))
    with folder.lock():
        with progress(total=total, desc="Features", unit="clip") as bar:
            clips = extract_all(folder, workers=arguments.workers, on_clip=lambda clip: bar.update())
        with writing_to(folder.reports):
            statistics = write_statistics(folder, clips)
            plots = [*plot_examples(folder, clips), plot_overview(folder, clips, statistics)]
    reused = sum(clip.from_cache for clip in clips)
    print(f"{len(clips)} clips, {reused} from the cache")
    print(describe_voice(folder.name, statistics))
    for path in plots:
        print(f"  {path}")
    print(f"\nNext: {next_command('04_fine_tune.py', folder)}")
    return 0


if __name__ == "__main__":
    run_main(main)
