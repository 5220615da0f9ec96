"""Checks read_manifest on good and damaged lines, and that it hides no mistake of its own."""

import json
import random

from coursekit.course import Wrong

GOOD = {"file": "a.wav", "seconds": 1.5, "text": "Oh dear!"}
BAD = {
    "damaged JSON": "{oops",
    "an empty text": json.dumps({**GOOD, "text": " "}),
    "a missing file": json.dumps({"seconds": 1, "text": "x"}),
    "seconds as text": json.dumps({**GOOD, "seconds": "1.5"}),
    "0 seconds": json.dumps({**GOOD, "seconds": 0}),
    "True for seconds": json.dumps({**GOOD, "seconds": True}),
    "NaN for seconds": json.dumps({**GOOD, "seconds": float("nan")}),
    "a list instead of an object": "[1, 2]",
    "null instead of an object": "null",
}


def check(answer) -> None:
    rng = random.Random(6)
    for what, line in BAD.items():
        good = [{"file": f"{i}.wav", "seconds": rng.choice([2, 0.5]), "text": "Oh dear!", "more": i} for i in range(4)]
        lines = [json.dumps(row) for row in good]
        place = rng.randrange(4)
        lines[place:place] = [line]
        lines.insert(place, "  \n")
        one_bad_line(answer, lines, good, what, number=place + 2)
    hides_nothing(answer)


def one_bad_line(answer, lines: list[str], good: list[dict], what: str, number: int) -> None:
    called = f"6 lines, one blank, line {number} with {what}"
    try:
        rows, problems = answer.read_manifest(list(lines))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Wrong(f"{called}. It ended with {type(error).__name__}: one bad line stopped all the others.") from error
    if len(rows) == len(good) and not problems:
        raise Wrong(f"{called}. 4 rows and no problem came back: a bad line vanished without a word.")
    if len(rows) > len(good):
        raise Wrong(f"{called}. {len(rows)} rows came back, 4 are good: {what} was taken for a good row.")
    if rows != good:
        raise Wrong(f"{called}. The good rows are {rows}; they should be {good}, in this order.")
    if len(problems) != 1 or not isinstance(problems[0], str):
        raise Wrong(f"{called}. The problems are {problems!r}; there should be one text.")
    if problems[0].startswith(f"line {number - 1}:") or problems[0].startswith(f"line {number - 2}:"):
        raise Wrong(f"{called}. The problem is {problems[0]!r}: lines are counted from 1, the blank ones too.")
    if not problems[0].startswith(f"line {number}:"):
        raise Wrong(f"{called}. The problem is {problems[0]!r}; it should begin with 'line {number}:'.")


def hides_nothing(answer) -> None:
    class Misspelt(str):
        """A line whose every use is a mistake of the program: any method of it raises NameError."""

        def __getattribute__(self, name):
            if name.startswith("__"):
                return super().__getattribute__(name)
            raise NameError(f"name {name!r} is not defined")

    try:
        answer.read_manifest([Misspelt("{}")])
    except NameError:
        return
    raise Wrong("A NameError inside did not come out: the except catches more than damaged lines cause.")
