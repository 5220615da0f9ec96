"""Numbers, text, lists and dictionaries, on a narration script: what a narrator wants to know before recording.

What you will learn
    - what a value, a name and a type are, and how `f"..."` puts values into text
    - how to take a text apart into words, and count them with a dictionary
    - how `for`, `if` and comprehensions walk through a list
    - how to compute a reading time, and why the answer is "1:36" and not "1.61"
How to run it
    python 01_python_basics.py --quick             the first paragraph, about 1 s
    python 01_python_basics.py                     the whole script, about 1 s
    python 01_python_basics.py --text my_text.txt  your own text beside it
Time and memory on 2 CPU cores: quick 1 s, full 1 s; 0.1 GB.
Writes: nothing but the report
Concepts: PYTHON_CONCEPTS_EXPLAINED.md (values and types, text, lists and dictionaries, loops and comprehensions)
"""

from argparse import Namespace
from collections import Counter
from pathlib import Path

from py_utils import NARRATION, WORDS_PER_MINUTE, clock, sentences, words

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings: names in capitals are values that the program never changes

TOP_WORDS = 8  # rows of the bar chart; more shows the rare words, where most of a text's meaning is
BAR_WIDTH = 40  # characters of the longest bar; a console is 80 wide
PUNCTUATION = ".,:;!?\"'()"  # what stands before or after a word without belonging to it

# ----------------------------------------------------------------------------------------------------------------------
# 1. values, names and types


def show_values(text: str) -> None:
    """Print a few values with their types. A name is a label on a value, and any value knows its type."""
    title = "Alice"  # concept: values and types
    chapter = 1  # a whole number: int
    minutes = 2.5  # a number with a fraction: float
    recorded = False  # a truth value: bool
    for value in (title, chapter, minutes, recorded):
        print(f"  {value!r:10} is of type {type(value).__name__}")  # !r: as you would type it; :10 at least 10 wide

    # Text is a row of characters, counted from 0. A slice [a:b] takes a, and stops before b.
    print(f"  the text has {len(text):,} characters; the first is {text[0]!r}, the first five are {text[:5]!r}")
    # An int never rounds. A float keeps about 16 digits, so 0.1 + 0.2 misses 0.3 by a hair: compare with a tolerance.
    print(f"  2 ** 64 is {2**64:,}; 0.1 + 0.2 is {0.1 + 0.2!r}; equal to 0.3? {0.1 + 0.2 == 0.3}")


# ----------------------------------------------------------------------------------------------------------------------
# 2. from text to words


def words_by_hand(text: str) -> list[str]:
    """Return the words of a text, the long way: every step on a line of its own.

    `py_utils.words` does the same in one line with a pattern; main() checks that the two agree.
    """
    found = []
    for piece in text.lower().split():  # split() without an argument cuts at any white space, line ends too
        word = piece.strip(PUNCTUATION)  # strip() takes characters off both ends, never from the middle
        if word:  # an empty text counts as False: a lonely dash or quote leaves nothing
            found.append(word)
    return found


# ----------------------------------------------------------------------------------------------------------------------
# 3. counting


def count_by_hand(items: list[str]) -> dict[str, int]:
    """Return how often each item occurs. `collections.Counter` does the same; main() checks it."""
    counts: dict[str, int] = {}
    for item in items:
        # A dictionary finds a key at once, however many it holds. get() gives 0 for a key that is not there yet;
        # counts[item] would stop with a KeyError.
        counts[item] = counts.get(item, 0) + 1  # concept: lists and dictionaries
    return counts


def print_bars(counts: dict[str, int]) -> None:
    """Print the commonest words as bars of # characters."""
    rows = sorted(counts.items(), key=lambda row: (-row[1], row[0]))[:TOP_WORDS]  # most first, then by the alphabet
    most = rows[0][1]
    for word, count in rows:  # each row is a pair; two names take it apart
        print(f"  {word:>14} {count:3d} {'#' * round(BAR_WIDTH * count / most)}")


# ----------------------------------------------------------------------------------------------------------------------
# 4. the figures


def statistics(text: str) -> dict[str, float]:
    """Return what a narrator asks about a text, by name.

    Args:
        text: at least one word.

    Returns:
        words, distinct_words, sentences: counts. longest_sentence: its words. letters_per_word: mean.
        reading_seconds: at WORDS_PER_MINUTE.
    """
    found = words(text)
    lengths = [len(words(sentence)) for sentence in sentences(text)]  # concept: loops and comprehensions
    return {
        "words": len(found),
        "distinct_words": len(set(found)),  # a set keeps one of each
        "sentences": len(lengths),
        "longest_sentence": max(lengths),
        "letters_per_word": sum(len(word) for word in found) / len(found),
        "reading_seconds": 60 * len(found) / WORDS_PER_MINUTE,
    }


def read_own_text(path: Path) -> str:
    """Return a text file's content, or refuse it in words a beginner can use."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CourseError(f"cannot read {path}: {error}", hint="give a plain text file, saved as UTF-8") from error
    if not words(text):
        raise CourseError(f"{path} holds no words.", hint="give a text with at least one English word")
    return text


def print_table(columns: dict[str, dict[str, float]]) -> None:
    """Print the statistics of one or more texts side by side, a reading time as minutes and seconds."""
    print("  " + " " * 18 + "".join(f"{title[:14]:>15}" for title in columns))
    for name in next(iter(columns.values())):  # the rows are the keys of the first column
        cells = [column[name] for column in columns.values()]
        # 96.7 seconds are 1:36 to a narrator. 96.7 / 60 = 1.61 would be read as "1 minute 61".
        shown = [clock(cell) if name == "reading_seconds" else f"{cell:.4g}" for cell in cells]
        print(f"  {name.replace('_', ' '):18}" + "".join(f"{cell:>15}" for cell in shown))


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Print the statistics of the narration script, and of your own text beside it."""
    text = NARRATION.split("\n\n")[0] if settings.quick else NARRATION  # paragraphs are divided by an empty line

    print("1. Values and their types")
    show_values(text)

    print("2. Words")
    found = words_by_hand(text)
    print(f"  the first six: {found[:6]}; the last: {found[-1]!r}")  # a negative index counts from the end
    same_words = found == words(text)
    print(f"  the pattern in py_utils finds the same {len(found)} words: {same_words}")

    print("3. The commonest words. The little words lead in any English text")
    counts = count_by_hand(found)
    print_bars(counts)
    same_counts = counts == Counter(found)
    once = [word for word, count in counts.items() if count == 1]
    print(f"  {len(once)} of {len(counts)} different words occur once, for example {', '.join(sorted(once)[:3])}")

    print("4. What the narrator asks")
    columns = {"Alice": statistics(text)}
    if settings.text is not None:
        columns[settings.text.stem] = statistics(read_own_text(settings.text))
    print_table(columns)
    return {**columns["Alice"], "agreements": same_words + same_counts}  # True counts as 1


# Counts are exact on every machine, so the ranges have no width. Expected takes (quick, full).
EXPECTED = {
    "words": Expected((57, 57), (253, 253)),
    "distinct_words": Expected((40, 40), (135, 135)),
    "sentences": Expected((1, 1), (5, 5)),
    "longest_sentence": Expected((57, 57), (110, 110)),
    "reading_seconds": Expected((21.7, 21.8), (96.6, 96.7)),
    "agreements": Expected((2, 2), (2, 2)),  # words and counts by hand equal those of the library
}

PARSER = script_parser(__doc__)
PARSER.add_argument("--text", type=Path, metavar="FILE", help="a text of your own, to see beside Alice")

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_functions_and_modules.py")
