"""Every quiz is sound, explained, computed, light to start, and can be taken to its end on a console."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from coursekit.course import quiz
from coursekit.course.concepts import read_concepts
from coursekit.course.modules import Module, modules
from coursekit.course.quiz import Choice, Number, Question
from coursekit.course.quiz_session import Answers, ask_all, shuffled

from . import lesson_gates

MODULES = [module for module in modules() if module.quiz]
every_quiz = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.number)


@every_quiz
def test_every_question_is_sound_and_explained(module: Module) -> None:
    assert quiz.problems(quiz.load_quiz(module), [concept.name for concept in read_concepts(module)]) == []


@every_quiz
def test_it_starts_at_once(module: Module) -> None:
    assert module.quiz and lesson_gates.heavy_imports(module.quiz) == []


@every_quiz
def test_it_can_be_taken_knowing_all_and_nothing(module: Module, capsys: pytest.CaptureFixture[str]) -> None:
    questions = quiz.load_quiz(module)
    asked = [(module, question) for question in questions]
    for know, right in ((True, len(questions)), (False, 0)):
        typed = iter([right_answer(question) if know else "?" for question in questions])
        answers = Answers()
        ask_all(asked, answers, lambda prompt, typed=typed: next(typed))
        assert (answers.number_right, answers.number_asked) == (right, len(questions))
    assert capsys.readouterr().out.isascii()


def right_answer(question: Question) -> str:
    if isinstance(question.answer, Number):
        return repr(question.answer.compute())
    return next(letter for letter, choice in zip("abcdefgh", shuffled(question), strict=False) if choice.right)


# ------------------------------------------------------------------------------------------------ the gate can go red

CHOICES = [Choice("a", "why a", right=True), Choice("b", "why b"), Choice("c", "why c")]
GOOD = [Question(f"choice-{n}", "values", "Which?", CHOICES) for n in range(6)]
GOOD += [
    Question(f"number-{n}", "values", "How many?", Number(lambda: 938, "why", {"937": "why not"})) for n in range(2)
]


def changed(**values: Any) -> Callable[[Question], Question]:
    return lambda question: dataclasses.replace(question, **values)


def number(**values: Any) -> Callable[[Question], Question]:
    return changed(answer=dataclasses.replace(Number(lambda: 938, "why", {"937": "why not"}), **values))


def test_a_good_quiz_passes() -> None:
    assert quiz.problems(GOOD, ["values"]) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (changed(id="choice-1"), "twice"),
        (changed(id="Choice 0"), "lower case"),
        (changed(concept="vectors"), "'vectors' is no section"),
        (changed(text=" "), "the question is empty"),
        (changed(answer=CHOICES[:2]), "2 choices"),
        (changed(answer=[*CHOICES[1:], Choice("d", "why d")]), "0 choices are right"),
        (changed(answer=[*CHOICES, Choice("d", "why d", right=True)]), "2 choices are right"),
        (changed(answer=[*CHOICES, Choice("d", "")]), "'d' is not explained"),
        (changed(answer=[*CHOICES, Choice("a", "why a")]), "stands there twice"),
        (number(wrong={"938.0": "why not"}), "'938.0' is right"),
        (number(wrong={"1,0": " "}), "'1,0' is not explained"),
        (number(wrong={"many": "why not"}), "'many' is no number"),
        (number(tolerance=2), "'937' is right"),
        (number(compute=lambda: 1 / 0), "ZeroDivisionError"),
        (number(compute=lambda: float("nan")), "the answer is nan"),
        (number(why=""), "the answer is not explained"),
    ],
)
def test_a_bad_question_is_named(change: Callable[[Question], Question], named: str) -> None:
    problems = quiz.problems([change(GOOD[0]), *GOOD[1:]], ["values"])
    assert any(named in problem for problem in problems), problems


@pytest.mark.parametrize(("questions", "named"), [(GOOD[1:], "7 questions"), (GOOD[:6], "0 questions are answered")])
def test_a_short_quiz_is_named(questions: Sequence[Question], named: str) -> None:
    assert any(named in problem for problem in quiz.problems(questions, ["values"]))


def test_a_heavy_or_broken_quiz_is_named(tmp_path: Path) -> None:
    (tmp_path / "quiz.py").write_text("import sklearn\n")
    assert any("imports sklearn at its top" in problem for problem in lesson_gates.heavy_imports(tmp_path / "quiz.py"))
    (tmp_path / "quiz.py").write_text("import no_such_thing\n")
    assert "no_such_thing" in lesson_gates.heavy_imports(tmp_path / "quiz.py")[0]
