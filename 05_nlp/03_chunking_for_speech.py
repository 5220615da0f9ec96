"""Cutting a chapter into pieces that a voice can say at once: never inside a number or a name, with pauses between.

What you will learn
    - why there is a limit at all, and what is lost at each cut
    - to cut from the outside in: paragraphs, sentences, clauses, words, and atoms that are never cut
    - pauses out of punctuation: which silence belongs behind which mark
    - to measure a cutter on a whole chapter: length, kind of each cut, numbers and names broken, time spoken
    - what the capstone's cutter does with the same chapter
How to run it
    python 03_chunking_for_speech.py --quick      a chapter, and a paragraph cut with six limits, no network, about 10 s
    python 03_chunking_for_speech.py              the same with fifteen limits
    python 03_chunking_for_speech.py --limit 120 --text my_chapter.txt      your own text
Time and memory on 2 CPU cores: quick 10 s, full 10 s; 0.6 GB.
Writes outputs/: chunks.csv, chunking.png
Concepts: NLP_CONCEPTS_EXPLAINED.md (chunking, pauses)
"""

import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from nlp_utils import BLUE, GREEN, GREY, ORANGE, PURPLE, paragraphs, prepare, save_figure, shown, write_csv

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.text import CHARACTERS_PER_SECOND, MAX_CHUNK_CHARACTERS, Pauses, normalise, split_sentences
from voice_pipeline.text import prepare as capstone_prepare

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--limit", type=int, default=MAX_CHUNK_CHARACTERS, metavar="N",
                    help=f"most characters of a chunk (default {MAX_CHUNK_CHARACTERS})")  # fmt: skip
PARSER.add_argument("--text", type=Path, metavar="FILE", help="a text file of your own instead of the chapter")
CHAPTER = "rabbit_hole"
# Seconds of silence behind a chunk. Longer ones sound like a new thought, shorter ones out of breath.
PAUSES = {",": 0.12, ";": 0.22, ":": 0.22, "-": 0.22, ".": 0.35, "?": 0.35, "!": 0.35, "paragraph": 0.75}
CLAUSE_ENDS = (",", ";", ":", "--")

# A paragraph full of what must not be cut, to be cut with small limits. Made by this lesson.
HARD = (
    "On March 4, 2026 Dr. Ann Lee paid $1,234,567.89 to the Bank of New South Wales, and Mr. John Hill counted "
    "one hundred and twenty-three thousand four hundred and fifty-six stamps for the Royal Mail Steam Packet "
    "Company; 3 1/2 hours later the March Hare, the White Rabbit and Sir William Lucas asked the Queen of Hearts "
    "for 17 more at 5 p.m."
)
# What of the paragraph must stay whole. Written down by hand: no rule says what is right here.
KEEP = (
    "March 4", "Dr. Ann Lee", "$1,234,567.89", "Bank of New South Wales", "Mr. John Hill", "3 1/2", "March Hare",
    "one hundred and twenty-three thousand four hundred and fifty-six", "Royal Mail Steam Packet Company",
    "White Rabbit", "Sir William Lucas", "Queen of Hearts", "5 p.m.",
)  # fmt: skip
SMALL_WORDS = ("of", "the")  # inside of a name: Queen of Hearts
NUMBER_WORDS = set(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million point".split()
)

# ----------------------------------------------------------------------------------------------------------------------
# from the inside out: atoms, clauses, chunks


@dataclass(frozen=True)
class Chunk:
    """What a voice is given at once.

    Attributes:
        text: At most the limit, unless one atom alone is longer.
        pause: Seconds of silence behind it.
        cut: Where it ends: "paragraph", "sentence", "clause" or "word".
    """

    text: str
    pause: float
    cut: str


def is_number(word: str) -> bool:
    """Whether a word is a number or a part of one, in digits or spelled out."""
    bare = word.strip("(),.;:!?\"'").lower()
    return bool(re.fullmatch(r"[$\u00a3\u20ac]?\d[\d,./:]*(?:st|nd|rd|th|%)?", bare)) or (
        bool(bare) and all(part in NUMBER_WORDS for part in bare.split("-"))
    )


def is_name(word: str) -> bool:
    """Whether a word looks like a part of a name: a capital, then small letters."""
    return bool(re.fullmatch(r"[\"'(]*[A-Z][a-z]+\.?[,.;:!?\"')]*", word)) and word.strip("\"'(,.;:!?)") != "I"


def belongs(before: str, word: str, after: str) -> bool:
    """Whether `word` must stay with the word before it."""
    if before[-1] in ",;:!?" or (
        before[-1] == "." and not re.fullmatch(r"[\"'(]*(?:[A-Z][a-z]{0,3}|[ap]\.m)\.", before)
    ):
        return False  # a mark ends what belongs together; the dot of "Dr." and "J." is none
    if is_number(before) and (is_number(word) or (word == "and" and is_number(after))):
        return True  # one hundred | and | twenty-three
    if word in ("a.m.", "p.m.") or (before == "and" and is_number(word)):
        return True
    if is_name(before) and (is_name(word) or (word in SMALL_WORDS and is_name(after))):
        return True  # Queen | of | Hearts
    return is_name(word) and before in SMALL_WORDS


def atoms(sentence: str) -> list[str]:
    """Return the words of a sentence, with those glued together that must not be parted."""
    words, found = sentence.split(), []
    for place, word in enumerate(words):
        after = words[place + 1] if place + 1 < len(words) else ""
        if place and belongs(words[place - 1], word, after):  # concept: chunking
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found


def cut_sentence(sentence: str, limit: int) -> list[tuple[str, str]]:
    """Return (piece, kind of its end): as long as possible, at the last clause that fits, else between two atoms."""
    pieces, piece, clause = [], "", 0
    for atom in atoms(sentence):
        if piece and len(piece) + 1 + len(atom) > limit:
            # A clause that ends in the first third leaves a stub: better to cut later, between two words.
            place, kind = (clause, "clause") if clause > limit // 3 else (len(piece), "word")
            pieces.append((piece[:place], kind))
            piece, clause = piece[place:].lstrip(), 0
        piece = f"{piece} {atom}".strip()
        if atom.endswith(CLAUSE_ENDS):
            clause = len(piece)
    return [*pieces, (piece, "sentence")]


def chunks_of(text: list[str], limit: int) -> list[Chunk]:
    """Cut paragraphs into chunks: whole sentences where they fit, several short ones together never.

    One sentence a chunk keeps its melody: a voice drops its pitch at the end of what it is given.
    """
    found: list[Chunk] = []
    for paragraph in text:
        for sentence in split_sentences(paragraph):
            for piece, kind in cut_sentence(sentence, limit):
                mark = piece.rstrip("\"')")[-1]
                found.append(Chunk(piece, PAUSES.get(mark, 0.0 if kind == "word" else PAUSES["."]), kind))
        last = found.pop()
        found.append(Chunk(last.text, PAUSES["paragraph"], "paragraph"))  # concept: pauses
    return found


# ----------------------------------------------------------------------------------------------------------------------
# two other cutters


def by_width(text: list[str], limit: int) -> list[str]:
    """What one would do first: fill each chunk with words, whatever they are."""
    return [piece for paragraph in text for piece in textwrap.wrap(paragraph, limit)]


def by_capstone(text: list[str], limit: int) -> list[str]:
    """The capstone's cutter; it spells everything out first."""
    return [chunk.text for chunk in capstone_prepare("\n\n".join(text), max_characters=limit)]


# ----------------------------------------------------------------------------------------------------------------------
# measuring


def broken(pieces: list[str], kept: Sequence[str]) -> int:
    """Return how many of the names and numbers `kept` stand in no piece whole."""
    lower = [piece.lower() for piece in pieces]
    return sum(not any(phrase.lower() in piece for piece in lower) for phrase in kept)


def measure(text: list[str], limit: int, chunks: list[Chunk]) -> dict[str, float]:
    """Print and return what the chunks of a chapter are like."""
    lengths = np.array([len(chunk.text) for chunk in chunks])
    cuts = Counter(chunk.cut for chunk in chunks)
    spoken = lengths.sum() / CHARACTERS_PER_SECOND
    silent = sum(chunk.pause for chunk in chunks)
    words = [word for paragraph in text for word in paragraph.split()]
    kept = "".join(words) == "".join("".join(chunk.text.split()) for chunk in chunks)
    print(f"{len(text)} paragraphs, {len(words):,} words -> {len(chunks)} chunks of at most {limit} characters")
    print(f"   length {lengths.min()} to {lengths.max()}, mean {lengths.mean():.0f}; every letter is there: {kept}")
    print(
        "   they end at: " + ", ".join(f"{kind} {cuts[kind]}" for kind in ("paragraph", "sentence", "clause", "word"))
    )
    print(
        f"   about {spoken / 60:.1f} min spoken and {silent / 60:.1f} min of pauses ({silent / (spoken + silent):.0%})"
    )
    return {"chunks": len(chunks), "longest": int(lengths.max()), "letters_kept": float(kept),
            "cut_between_words": cuts["word"], "pause_share": silent / (spoken + silent)}  # fmt: skip


def sweep(text: list[str], limits: list[int]) -> list[tuple]:
    """Cut the hard paragraph with several limits, three ways, each eight times with the cuts elsewhere.

    Returns:
        For each limit: it, what of KEEP each of the three broke, and how often the chapter is cut between words.
    """
    rows, spelled = [], [normalise(phrase).text.rstrip(".") for phrase in KEEP]
    print(
        "\nlimit   numbers and names broken: by width   from scratch   the capstone   cut between words: from scratch"
    )
    shifted = [["So " * times + HARD] for times in range(8)]
    for limit in limits:
        counts = [
            sum(broken(by_width(hard, limit), KEEP) for hard in shifted),
            sum(broken([chunk.text for chunk in chunks_of(hard, limit)], KEEP) for hard in shifted),
            sum(broken(by_capstone(hard, limit), spelled) for hard in shifted),
        ]
        between = sum(chunk.cut == "word" for chunk in chunks_of(text, limit))
        rows.append((limit, *counts, between))
        print(f"{limit:>5} {counts[0]:>35} {counts[1]:>14} {counts[2]:>14} {between:>34}")
    return rows


def plot(chunks: list[Chunk], rows: list[tuple], limit: int, path) -> None:
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    grid = figure.subplot_mosaic([["when", "when"], ["length", "sweep"]])
    colours = {"paragraph": GREEN, "sentence": BLUE, "clause": ORANGE, "word": PURPLE}
    start = 0.0
    for chunk in chunks:  # each chunk a bar over the time it is spoken, as high as it is long
        seconds = len(chunk.text) / CHARACTERS_PER_SECOND
        grid["when"].bar(start, len(chunk.text), seconds, align="edge", color=colours[chunk.cut], linewidth=0)
        start += seconds + chunk.pause
    for kind, colour in colours.items():
        grid["when"].bar(0, 0, color=colour, label=f"ends at a {kind}")
    grid["when"].axhline(limit, color=GREY, linestyle="--")
    grid["when"].set(
        xlabel="time (s)", ylabel="length (characters)", title="the chapter, chunk by chunk", xlim=(0, start)
    )
    grid["when"].legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False)
    grid["length"].hist([len(chunk.text) for chunk in chunks], np.arange(0, limit + 26, 25), color=BLUE)
    grid["length"].set(xlabel="length (characters)", ylabel="chunks", title="how long the chunks are")
    limits = [row[0] for row in rows]
    for column, name, colour in ((1, "by width", ORANGE), (2, "from scratch", BLUE), (3, "the capstone", GREY)):
        grid["sweep"].plot(limits, [row[column] for row in rows], "o-", color=colour, label=name)
    grid["sweep"].set(xlabel="limit (characters)", ylabel="numbers and names broken", title="what a cut breaks")
    grid["sweep"].legend()
    save_figure(figure, path)
    print("chunking.png: most chunks are whole sentences; only the longest of the chapter reach the dashed limit")


def load(path: Path | None) -> list[str]:
    """Return the paragraphs of the chapter, or of the learner's own file."""
    if path is None:
        return paragraphs(CHAPTER)
    try:
        blocks = path.read_text(encoding="utf-8").split("\n\n")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"--text {path} cannot be read: {error}", hint="give a text file in UTF-8") from error
    found = [" ".join(block.split()) for block in blocks if block.strip()]
    if not found:
        raise CourseError(f"--text {path} is empty.", hint="give a file with words in it")
    return found


def main(settings) -> dict:
    prepare(settings, "cutting text needs no more")
    if settings.limit < 40:
        raise CourseError(
            f"--limit {settings.limit} leaves no room for a clause: 40 is the least.", hint="try --limit 250"
        )
    text = load(settings.text)
    chunks = chunks_of(text, settings.limit)
    values = measure(text, settings.limit, chunks)
    longest = max((sentence for paragraph in text for sentence in split_sentences(paragraph)), key=len)
    print(f"\nThe longest sentence has {len(longest)} characters; the voice gets it in pieces:")
    for piece, kind in cut_sentence(longest, settings.limit):
        print(f"   {len(piece):>3}  ends at a {kind:<9} ...{shown(piece[-48:])}")
    limits = [40, 60, 90, 120, 180, 250] if settings.quick else list(range(40, 330, 20))
    rows = sweep(text, limits)
    write_csv(
        settings.out / "chunks.csv", [["text", "pause_s", "ends_at"], *((c.text, c.pause, c.cut) for c in chunks)]
    )
    plot(chunks, rows, settings.limit, settings.out / "chunking.png")
    theirs = capstone_prepare("\n\n".join(text), max_characters=settings.limit)
    pauses = Pauses()
    print(f"the capstone: {len(theirs)} chunks, the longest {max(len(chunk.text) for chunk in theirs)}; pauses of "
          f"{pauses.comma}, {pauses.semicolon}, {pauses.sentence} and {pauses.paragraph} s. It holds numbers together, "
          "and not names.")  # fmt: skip
    return {**values, "broken_by_width": sum(row[1] for row in rows), "broken": sum(row[2] for row in rows),
            "broken_by_capstone": sum(row[3] for row in rows), "capstone_chunks": len(theirs)}  # fmt: skip


EXPECTED = {
    "chunks": Expected(quick=(95, 103), full=(95, 103)),
    "longest": Expected(quick=(240, 250), full=(240, 250)),
    "letters_kept": Expected(quick=(1, 1), full=(1, 1)),
    "cut_between_words": Expected(quick=(0, 0), full=(0, 0)),
    "pause_share": Expected(quick=(0.03, 0.08), full=(0.03, 0.08)),
    "broken": Expected(quick=(0, 0), full=(0, 0)),
    "broken_by_width": Expected(quick=(60, 110), full=(60, 300)),
    "broken_by_capstone": Expected(quick=(80, 110), full=(60, 300)),
    "capstone_chunks": Expected(quick=(90, 110), full=(90, 110)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_dialogue.py")
