"""Asking quiz questions on a console, one after the other."""

import random
import string
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from coursekit.course.modules import Module
from coursekit.course.quiz import Choice, Number, Question, parse_number
from coursekit.errors import CourseError

WIDTH = 100
DO_NOT_KNOW, STOP = "?", "q"


class Stopped(Exception):
    """The learner wants no more questions."""


@dataclass
class Answers:
    """What was answered so far, by module number."""

    right: dict[str, list[str]] = field(default_factory=dict)
    missed: dict[str, list[Question]] = field(default_factory=dict)

    def add(self, module: Module, question: Question, right: bool) -> None:
        if right:
            self.right.setdefault(module.number, []).append(question.id)
        else:
            self.missed.setdefault(module.number, []).append(question)

    @property
    def number_right(self) -> int:
        return sum(map(len, self.right.values()))

    @property
    def number_asked(self) -> int:
        return self.number_right + sum(map(len, self.missed.values()))


def ask_all(questions: Sequence[tuple[Module, Question]], answers: Answers, read: Callable[[str], str] = input) -> None:
    """Ask questions, add to `answers` as each is answered.

    Raises:
        Stopped: The learner typed q, or nothing more can be read.
        KeyboardInterrupt: Ctrl-C.
    """
    for number, (module, question) in enumerate(questions, 1):
        print(f"\nQuestion {number} of {len(questions)}  (module {module.number}: {question.concept})")
        say(question.text)
        ask = _ask_number if isinstance(question.answer, Number) else _ask_choice
        answers.add(module, question, ask(question, read))


def shuffled(question: Question) -> list[Choice]:
    """Return the choices in an order that is always the same and tells nothing about which is right."""
    assert not isinstance(question.answer, Number)
    return random.Random(question.id).sample(list(question.answer), len(question.answer))


def say(text: str, indent: str = "") -> None:
    """Print text folded at 100 columns; a line that begins with spaces (code) stays as it is."""
    for line in textwrap.dedent(text).strip("\n").splitlines():
        keep = line.startswith(" ") or len(line) + len(indent) <= WIDTH
        folded = [line] if keep else textwrap.wrap(line, WIDTH - len(indent))
        print("\n".join(indent + part for part in folded) if line.strip() else "")


def _ask_choice(question: Question, read: Callable[[str], str]) -> bool:
    choices = dict(zip(string.ascii_lowercase, shuffled(question), strict=False))
    for letter, choice in choices.items():
        _say_lettered(letter, choice.text)
    right = next(letter for letter, choice in choices.items() if choice.right)
    typed = _read(read, f"Answer ({', '.join(choices)}; ? = I do not know, q = stop): ", choices.__contains__)
    print(_judgement(typed, typed == right, right))
    for letter, choice in choices.items():
        _say_lettered(letter, choice.why, "right: " if choice.right else "wrong: ")
    return typed == right


def _ask_number(question: Question, read: Callable[[str], str]) -> bool:
    answer = question.answer
    assert isinstance(answer, Number)
    try:
        right = answer.compute()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise CourseError(f"the answer of {question.id} cannot be computed here ({reason}).") from error
    unit = f" {answer.unit}" if answer.unit else ""
    prompt = f"A number{f' in{unit}' if unit else ''} (? = I do not know, q = stop): "
    typed = _read(read, prompt, lambda text: parse_number(text, answer.unit) is not None)
    value = None if typed == DO_NOT_KNOW else parse_number(typed, answer.unit)
    passed = value is not None and answer.is_right(value)
    print(_judgement(typed, passed, _figure(right, answer.tolerance) + unit))
    for text, why in answer.wrong.items():
        mistake = parse_number(text, answer.unit)
        if value is not None and mistake is not None and not passed and abs(mistake - value) <= 1e-9 * abs(mistake):
            say(f"{typed}: {why}", "  ")
    say(answer.why, "  ")
    return passed


def _figure(value: float, tolerance: float) -> str:
    """The right answer, with no more digits than it is asked for."""
    short = f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.10g}"
    return short if abs(float(short.replace(",", "")) - value) <= tolerance else f"{value:,.10g}"


def _read(read: Callable[[str], str], prompt: str, accepts: Callable[[str], bool]) -> str:
    while True:
        try:
            typed = read(prompt).strip().lower().rstrip(").")
        except EOFError:
            print()
            raise Stopped from None
        if typed in (STOP, "quit", "exit"):
            raise Stopped
        if typed == DO_NOT_KNOW or (typed and accepts(typed)):
            return typed
        print(f"  {typed!r} is no answer to this." if typed else "  Type an answer.")


def _judgement(typed: str, passed: bool, right: str) -> str:
    if passed:
        return "Right."
    return f"It is {right}." if typed == DO_NOT_KNOW else f"Not right: it is {right}."


def _say_lettered(letter: str, text: str, prefix: str = "") -> None:
    lines = textwrap.dedent(text).strip().splitlines() or [""]
    folded = [part for line in lines for part in (textwrap.wrap(line, WIDTH - 5) or [""])]
    if prefix:
        folded = textwrap.wrap(prefix + " ".join(lines), WIDTH - 5)
    print("\n     ".join([f"  {letter}) {folded[0]}", *folded[1:]]))
