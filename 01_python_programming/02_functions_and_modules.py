"""Functions and modules: cut a narration into pieces a voice can speak, one small function at a time.

What you will learn
    - what a function takes and gives back, and why most should do nothing else
    - positional, keyword-only and default arguments, and the default that remembers (a famous trap)
    - functions as values: sorting by a function, a table of functions, a decorator
    - generators, which make one item at a time, only when it is asked for
    - what `import` does, and what `if __name__ == "__main__"` is for
How to run it
    python 02_functions_and_modules.py --quick         the first paragraph, about 1 s
    python 02_functions_and_modules.py                 the whole narration, about 1 s
    python 02_functions_and_modules.py --longest 120   shorter pieces
Time and memory on 2 CPU cores: quick 1 s, full 1 s; 0.1 GB.
Writes: nothing but the report
Concepts: PYTHON_CONCEPTS_EXPLAINED.md (functions, default arguments, decorators, generators, modules and imports)
"""

import functools
import re
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

# An import runs the file py_utils.py once and binds the names asked for. Python looks in the folder of the script
# you started first, then in the standard library, then in the packages of the .venv.
import py_utils  # concept: modules and imports
from py_utils import CHARACTERS_PER_SECOND, NARRATION, clock, sentences

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

LONGEST = 250  # characters in one piece; speech models lose the thread in longer ones. 100 to 300 is usual

# ----------------------------------------------------------------------------------------------------------------------
# 1. a function: arguments in, a value out


def spoken_seconds(text: str, *, rate: float = CHARACTERS_PER_SECOND, pause: float = 0.35) -> float:
    """Return an estimate of how long a text takes to say, in seconds.

    The star makes `rate` and `pause` keyword-only: a call must say spoken_seconds(text, pause=0.5), which can be
    read without looking here. Both have defaults, so most calls name neither.

    Args:
        text: what is said.
        rate: characters a second. 12 is slow, 15 usual, 18 hurried.
        pause: silence after the text, seconds.
    """
    return len(text) / rate + pause  # concept: functions


# ----------------------------------------------------------------------------------------------------------------------
# 2. the default that remembers


def add_piece_wrong(piece: str, pieces: list[str] = []) -> list[str]:  # noqa: B006  the mistake is the lesson
    """Append to a list. The default list is made once, when `def` is run, and every call shares it."""
    pieces.append(piece)
    return pieces


def add_piece(piece: str, pieces: list[str] | None = None) -> list[str]:
    """Append to a list; without one, to a new one, made inside the call."""
    pieces = [] if pieces is None else pieces  # concept: default arguments
    pieces.append(piece)
    return pieces


def show_defaults() -> int:
    """Call both versions twice; return how many pieces the wrong one has after its second call."""
    add_piece_wrong("Oh dear!")
    wrong = add_piece_wrong("I shall be late!")  # nobody passed a list, and yet it is not empty
    add_piece("Oh dear!")
    right = add_piece("I shall be late!")
    print(f"  default []  : the second call returns {wrong}")
    print(f"  default None: the second call returns {right}")
    wrong.clear()  # the list lives in the function; leave it as it was, or the next run of main() would see more
    add_piece_wrong("Oh dear!")
    count = len(add_piece_wrong("I shall be late!"))
    wrong.clear()
    return count


# ----------------------------------------------------------------------------------------------------------------------
# 3. a decorator: a function that takes a function and returns a better one


def counted(function: Callable) -> Callable:
    """Return `function` with a counter `calls` of how often it was called.

    You will meet decorators as @dataclass (script 04), @torch.no_grad() (module 02), @app.get("/") (module 10).
    """

    @functools.wraps(function)  # the new function keeps the name and the docstring of the old
    def wrapper(*args, **kwargs):  # *args: all positional arguments; **kwargs: all keyword arguments
        wrapper.calls += 1
        return function(*args, **kwargs)

    wrapper.calls = 0
    return wrapper


# ----------------------------------------------------------------------------------------------------------------------
# 4. generators: pieces, one at a time


# concept: decorators
@counted  # the same as cut_at_commas = counted(cut_at_commas)
def cut_at_commas(sentence: str, longest: int) -> list[str]:
    """Cut a long sentence after commas, semicolons and colons, into pieces of at most `longest` characters.

    A part without any comma that is still too long is cut between words; a longer word stays whole.
    """
    pieces = [""]
    for part in re.findall(r"[^,;:]*[,;:]*\S*\s*", sentence):  # a clause, with the comma and the quote behind it
        # Is the clause itself too long? Then its words are what we lay down, else the clause as a whole.
        atoms = re.findall(r"\S+\s*", part) if len(part) > longest else [part]
        for atom in atoms:
            if len(pieces[-1]) + len(atom.rstrip()) > longest:
                pieces.append("")  # the piece is full: begin a new one
            pieces[-1] += atom
    return [piece.strip() for piece in pieces if piece.strip()]


def pieces_of(text: str, longest: int = LONGEST) -> Iterator[str]:
    """Yield the pieces of a text in order.

    `yield` hands out one piece and stops here, until the caller asks for the next. Nothing is computed for pieces
    that nobody asks for: a voice can begin to speak before the last sentence of a book has been cut.
    """
    for sentence in sentences(text):
        if len(sentence) <= longest:
            yield sentence  # concept: generators
        else:
            yield from cut_at_commas(sentence, longest)


def show_laziness(text: str, longest: int) -> int:
    """Take the first piece only; return how many sentences had to be cut for it."""
    cut_at_commas.calls = 0
    pieces = pieces_of(text, longest)  # nothing has run yet: this is a recipe, not a list
    before = cut_at_commas.calls
    first = next(pieces)
    print(f"  cut before the first next(): {before}; after it: {cut_at_commas.calls}; piece: {first[:40]!r}...")
    rest = list(pieces)  # now all the others are made
    made = cut_at_commas.calls
    print(f"  cut after list(): {made}; {len(rest)} pieces more; list() again gives {len(list(pieces))}: it is used up")
    return before


# ----------------------------------------------------------------------------------------------------------------------
# 5. functions as values

# A table of readers: each value is a function of one text. `lambda` writes a small function without a name.
READERS: dict[str, Callable[[str], float]] = {
    "slow": lambda text: spoken_seconds(text, rate=12, pause=0.6),
    "usual": spoken_seconds,  # without brackets: the function itself, not its result
    "hurried": lambda text: spoken_seconds(text, rate=18, pause=0.2),
}


def show_readers(pieces: list[str]) -> dict[str, float]:
    """Print how long each reader takes for all pieces, quickest first; return the seconds by name."""
    totals = {name: sum(map(reader, pieces)) for name, reader in READERS.items()}  # map calls it on every piece
    for name in sorted(totals, key=totals.get):  # key: a function that says what to sort by
        print(f"  {name:8} {clock(totals[name]):>6}")
    return totals


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Show what functions can do, then cut the narration and print the pieces."""
    longest = LONGEST if settings.longest is None else settings.longest
    if longest < 20:
        raise CourseError(f"--longest {longest} is shorter than long words.", hint="use 20 to 1000 characters")
    text = NARRATION.split("\n\n")[0] if settings.quick else NARRATION

    print("1. A function takes values and gives one back")
    print(f"  spoken_seconds('Oh dear!')            = {spoken_seconds('Oh dear!'):.2f}")
    print(f"  spoken_seconds('Oh dear!', pause=1.0) = {spoken_seconds('Oh dear!', pause=1.0):.2f}")

    print("2. A default value is made once")
    remembered = show_defaults()

    print("3. A generator works only when asked")
    cut_before_asking = show_laziness(text, longest)

    print(f"4. The narration in pieces of at most {longest} characters")
    pieces = list(pieces_of(text, longest))
    for number, piece in enumerate(pieces, start=1):  # enumerate counts while it walks
        print(f"  {number:2d} {len(piece):4d} characters {spoken_seconds(piece):5.1f} s  {piece[:34]}...")

    print("5. Functions in a table")
    totals = show_readers(pieces)

    print("6. Where things come from")
    print(f"  py_utils is {Path(py_utils.__file__).name}, in the folder of this script; imported, its name is")
    print(f"  {py_utils.__name__!r}. The name of this script is {__name__!r} now. It is '__main__' only when you start")
    print("  it, and only then its last line runs main(): a test can import the functions, and nothing starts.")
    return {
        "pieces_at_default": len(list(pieces_of(text))),
        "room_in_longest_piece": longest - max(len(piece) for piece in pieces),
        "characters_lost": len("".join(text.split())) - len("".join("".join(pieces).split())),
        "cut_before_asking": cut_before_asking,
        "remembered": remembered,
        "slow_to_hurried": totals["slow"] / totals["hurried"],
    }


EXPECTED = {
    "pieces_at_default": Expected((2, 2), (9, 9)),
    "room_in_longest_piece": Expected((0, 1000), (0, 1000)),  # below 0 a piece would be too long
    "characters_lost": Expected((0, 0), (0, 0)),  # whatever is cut has to be spoken
    "cut_before_asking": Expected((0, 0), (0, 0)),
    "remembered": Expected((2, 2), (2, 2)),  # the shared default list, after two calls
    "slow_to_hurried": Expected((1.5, 1.9), (1.5, 1.9)),  # 18 to 12 characters a second, and longer pauses
}

PARSER = script_parser(__doc__)
PARSER.add_argument("--longest", type=int, metavar="N", help=f"characters in one piece (default {LONGEST})")

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_files_and_paths.py")
