"""Step 5: see what a voice is given to say: numbers and abbreviations in words, sentences, pauses.

Run:
    python 05_process_text.py --text "Dr. Lee paid $3.50 on 3/4/2026."
    python 05_process_text.py --file chapter.txt

Numbers, dates, money, units, addresses and abbreviations are spelled out, letters of other scripts are written in
Latin ones, and the text is cut into chunks of at most 250 characters, at sentences first, then at clauses, never
inside a number or a word. Step 6 does the same by itself; this step lets you look.

Writes: nothing.
Time: seconds, most of it for loading spaCy.
Next: 06_synthesize.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

from coursekit.cli import ScriptParser, run_main
from voice_pipeline.text import Chunk, chunks_of, normalise
from voice_pipeline.text_source import read_text


def main(argv: list[str] | None = None) -> int:
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", metavar="TEXT", help="what to look at")
    source.add_argument("--file", type=Path, metavar="FILE", help="a UTF-8 text file")
    parser.add_argument("--voice", metavar="NAME", help="only for the command printed at the end")
    parser.add_argument("--home", metavar="DIR", help="only for the command printed at the end")
    arguments = parser.parse_args(argv)
    normalised = normalise(read_text(arguments.text, arguments.file))
    chunks = chunks_of(normalised)
    print_table(chunks)
    if normalised.transliterated:
        print(f"written in Latin letters: {_codes(normalised.transliterated)}")
    if normalised.dropped:
        print(f"left out, has no sound: {_codes(normalised.dropped)}")
    home = f' --home "{arguments.home}"' if arguments.home else ""
    print(f'\nNext: python 06_synthesize.py --voice {arguments.voice or "NAME"}{home} --text "..."')
    return 0


def print_table(chunks: list[Chunk]) -> None:
    """One line a chunk: paragraph, estimated seconds, pause after it, text."""
    print("  #  para  seconds  pause  text")
    for number, chunk in enumerate(chunks, start=1):
        times = f"{chunk.estimated_seconds:7.1f}  {chunk.pause_after_seconds:5.2f}"
        print(f"{number:3d}  {chunk.paragraph + 1:4d}  {times}  {chunk.text}")
    total = sum(chunk.estimated_seconds + chunk.pause_after_seconds for chunk in chunks)
    print(f"\n{len(chunks)} chunks, about {total:.0f} seconds of speech")


def _codes(characters: str) -> str:
    """Characters a console may not have, as code points."""
    shown = ", ".join(f"U+{ord(character):04X}" for character in characters[:12])
    return shown + (f" and {len(characters) - 12} more" if len(characters) > 12 else "")


if __name__ == "__main__":
    run_main(main)
