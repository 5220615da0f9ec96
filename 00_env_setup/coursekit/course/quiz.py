"""What a module's quiz is made of, and whether it is sound."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from coursekit.course.modules import Module, load_script
from coursekit.errors import CourseError

FEWEST_QUESTIONS = 8
FEWEST_NUMBERS = 2
FEWEST_CHOICES = 3
IDENTIFIER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Choice:
    """One possible answer, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Number:
    """A number to work out.

    Attributes:
        compute: Returns the right answer; it is called when the question is asked, so it cannot be out of date.
        why: How one gets there.
        wrong: Numbers that one gets by a usual mistake, each with what the mistake is.
        tolerance: How far from the right answer is still right.
        unit: Shown behind the number; the learner need not type it.
    """

    compute: Callable[[], float]
    why: str
    wrong: Mapping[str, str] = field(default_factory=dict)
    tolerance: float = 0.0
    unit: str = ""

    def is_right(self, value: float) -> bool:
        return math.isclose(value, self.compute(), rel_tol=1e-9, abs_tol=max(self.tolerance, 1e-12))


@dataclass(frozen=True)
class Question:
    """One question.

    Attributes:
        id: Its name in the progress file, lower case with hyphens, unique in its module.
        concept: The section title of the module's concept document it belongs to, in lower case.
        text: The question.
        answer: A number, or choices of which exactly one is right.
    """

    id: str
    concept: str
    text: str
    answer: Number | Sequence[Choice]


def load_quiz(module: Module) -> list[Question]:
    """Return the questions of a module, none where it has no quiz.

    Raises:
        CourseError: Its quiz.py cannot be imported or holds no QUESTIONS.
    """
    if module.quiz is None:
        return []
    try:
        questions = load_script(module.quiz).QUESTIONS
    except Exception as error:
        raise CourseError(f"{module.folder.name}/quiz.py cannot be used: {type(error).__name__}: {error}") from error
    return list(questions)


def parse_number(text: str, unit: str = "") -> float | None:
    """Return the number a learner typed ("1,234", "0.5", ".5", "1e-3", "97 %"), or None when it is none."""
    plain = text.strip().removesuffix(unit).strip() if unit else text.strip()
    plain = plain.removesuffix("%").strip().replace("_", "").replace(" ", "")
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", plain):
        plain = plain.replace(",", "")
    elif re.fullmatch(r"[+-]?\d*,\d+", plain):
        plain = plain.replace(",", ".")  # the decimal comma of many countries
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def problems(questions: Sequence[Question], concepts: Sequence[str] | None = None) -> list[str]:
    """Return what is wrong with a quiz, in words; an empty list is a pass.

    Args:
        questions: A module's QUESTIONS.
        concepts: The module's section titles in lower case; None leaves that check out.
    """
    found = []
    if len(questions) < FEWEST_QUESTIONS:
        found.append(f"{len(questions)} questions; {FEWEST_QUESTIONS} are the fewest")
    numbers = sum(isinstance(question.answer, Number) for question in questions)
    if numbers < FEWEST_NUMBERS:
        found.append(f"{numbers} questions are answered with a Number; {FEWEST_NUMBERS} are the fewest")
    ids = [question.id for question in questions]
    found += [f"{name}: the id is used twice" for name in sorted({name for name in ids if ids.count(name) > 1})]
    for question in questions:
        faults = _question_problems(question)
        if concepts is not None and question.concept not in concepts:
            faults.append(f"{question.concept!r} is no section of the module's concept documents")
        found += [f"{question.id}: {fault}" for fault in faults]
    return found


def _question_problems(question: Question) -> list[str]:
    found = [] if IDENTIFIER.fullmatch(question.id) else ["the id is not lower case with hyphens"]
    if not question.text.strip():
        found.append("the question is empty")
    answer = question.answer
    return found + (_number_problems(answer) if isinstance(answer, Number) else _choice_problems(answer))


def _number_problems(answer: Number) -> list[str]:
    try:
        right = float(answer.compute())
    except Exception as error:
        return [f"compute() fails: {type(error).__name__}: {error}"]
    found = [] if math.isfinite(right) else [f"the answer is {right}"]
    if not answer.why.strip():
        found.append("the answer is not explained")
    for text, why in answer.wrong.items():
        value = parse_number(text, answer.unit)
        if value is None:
            found.append(f"the wrong answer {text!r} is no number")
        elif answer.is_right(value):
            found.append(f"the wrong answer {text!r} is right")
        if not why.strip():
            found.append(f"the wrong answer {text!r} is not explained")
    return found


def _choice_problems(choices: Sequence[Choice]) -> list[str]:
    found = [f"the choice {choice.text!r} is not explained" for choice in choices if not choice.why.strip()]
    right = sum(choice.right for choice in choices)
    if right != 1:
        found.append(f"{right} choices are right; exactly one must be")
    if len(choices) < FEWEST_CHOICES:
        found.append(f"{len(choices)} choices; {FEWEST_CHOICES} are the fewest")
    texts = [choice.text.strip() for choice in choices]
    if len(set(texts)) < len(texts) or "" in texts:
        found.append("a choice is empty or stands there twice")
    return found
