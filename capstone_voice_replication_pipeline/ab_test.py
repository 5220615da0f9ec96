"""Blind test: can a listener tell the clone from the person, or two voices from each other?

Run:
    python ab_test.py --voice my-voice                                   # real against clone: makes the page
    python ab_test.py --voice my-voice --first clone --second zero_shot  # which of two is the better one?
    python ab_test.py --voice my-voice --first clone --second voice:other-voice
    python ab_test.py --read blind_test_my-voice.json [FILE ...]         # what saved answers prove

Open the page in a browser: each pair is one held-out sentence from two sources, equally loud, in random order. It
tests the answers against guessing (exact two-sided binomial) and saves them as JSON. A source is a name from the
proof card (real, griffin_lim, zero_shot, best, last, clone), so run 08_evaluate_voice.py first, or voice:NAME, another
voice of the same home, which reads the sentences now.

Writes: HOME/NAME/reports/blind_test.html, or --out FILE
Time: seconds; with voice:NAME as long as it speaks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from coursekit.cli import ScriptParser, run_main
from coursekit.files import write_text_atomic
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder, resolve_home


def main(argv: list[str] | None = None) -> int:
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--voice", metavar="NAME", help="the voice whose held-out sentences are compared")
    parser.add_argument("--home", metavar="DIR", help="where voice folders live (default: $VOICE_HOME, else voices/)")
    parser.add_argument("--first", default="real", metavar="SOURCE", help="one source (default real)")
    parser.add_argument("--second", default="clone", metavar="SOURCE", help="the other source (default clone)")
    parser.add_argument("--sentences", type=int, metavar="N", help="the N shortest sentences only (default all)")
    parser.add_argument("--trials", type=int, default=12, metavar="N", help="pairs to judge (default 12)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the page goes")
    parser.add_argument("--read", type=Path, nargs="+", metavar="FILE", help="answers saved by the page")
    arguments = parser.parse_args(argv)
    if bool(arguments.voice) == bool(arguments.read):
        raise PipelineError("give --voice NAME to make a page, or --read FILE to read answers", hint="--voice my-voice")
    if arguments.read:
        return report(arguments.read)
    from voice_pipeline.blind_sources import pairs_of_voice
    from voice_pipeline.blind_test import build_page

    folder = VoiceFolder(resolve_home(arguments.home), arguments.voice).require()
    pairs = pairs_of_voice(folder, arguments.first, arguments.second, sentences=arguments.sentences)
    page = build_page(folder.name, arguments.first, arguments.second, pairs, trials=arguments.trials)
    path = arguments.out or folder.reports / "blind_test.html"
    write_text_atomic(path, page)
    print(f"{arguments.first} against {arguments.second}: {len(pairs)} sentences, {arguments.trials} pairs to judge")
    print(f"  {path}\nOpen it in a browser. It holds the recordings: give it only to people who may hear them.")
    return 0


def report(paths: list[Path]) -> int:
    """Print what each file proves, and all together."""
    from voice_pipeline.blind_test import pooled, read_answers

    outcomes = [read_answers(path) for path in paths]
    for path, one in zip(paths, outcomes, strict=True):
        print(f"{path.name}: {one.words()}".encode("ascii", "backslashreplace").decode())
    if len(outcomes) > 1:
        print(f"all {len(outcomes)} together: {pooled(outcomes).words()}")
    return 0


if __name__ == "__main__":
    run_main(main)
