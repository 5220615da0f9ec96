"""Every exercise is proved in four directions: stub, solution, typical wrong answers, and nothing is given away."""

from __future__ import annotations

from pathlib import Path

import pytest

from coursekit.course.exercises import Exercise, exercise_of, find_exercises
from coursekit.course.modules import ROOT, modules

from . import lesson_gates

EXERCISES = [exercise for module in modules() for exercise in find_exercises(module)]
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.name)


@every_exercise
def test_form_and_secrecy(exercise: Exercise) -> None:
    assert lesson_gates.form_problems(exercise) + lesson_gates.leak_problems(exercise, ROOT) == []


@every_exercise
def test_stub_fails_solution_passes_and_wrong_answers_are_understood(exercise: Exercise) -> None:
    assert lesson_gates.proof_problems(exercise) == []


def test_names_are_unique_in_the_course() -> None:
    names = [exercise.stub.stem for exercise in EXERCISES]
    assert sorted(set(names)) == sorted(names)


# ------------------------------------------------------------------------------------------------ the gates can go red

STUB = '''"""Half of a number.

Write half(x), which returns the half of a number exactly, whole or not: half(3) is 1.5.

After: 01_numbers.py
Concepts: values
Kind: exercise
Time: 5 min
"""


def half(x):
    raise NotImplementedError("TODO")
'''
CHECK = '''"""Checks half()."""

from coursekit.course import Wrong


def check(answer):
    for x in (3, 4, -1.5):
        if answer.half(x) != x / 2:
            raise Wrong(f"half({x}) is {answer.half(x)}, expected {x / 2}: // cuts the fraction off")
'''
CODE = "def half(x):\n    one_half_of_the_number_given = x / 2\n    return one_half_of_the_number_given\n"
WRONG = '"""Misconception: // cuts the fraction off."""\n\n\ndef half(x):\n    return x // 2\n'
FILES = {
    "check.py": CHECK,
    "hints.md": "## 1\nidea\n## 2\ntool\n## 3\nx / ...\n",
    "solution.py": CODE,
    "solution.md": "Because.\n",
    "wrong_floor.py": WRONG.replace("off.", "off"),
}
CONCEPTS = "# Numbers\n\n## 1. Values\nTerms: value\n"


@pytest.fixture
def exercise(tmp_path: Path) -> Exercise:
    """A good exercise in a course of one module."""
    module = tmp_path / "50_numbers"
    answers = module / "exercises" / "half.answers"
    answers.mkdir(parents=True)
    (tmp_path / "00_env_setup").mkdir()
    (module / "01_numbers.py").write_text('"""Numbers."""\nrun_script()\n')
    (module / "NUMBERS_CONCEPTS_EXPLAINED.md").write_text(CONCEPTS)
    (module / "exercises" / "half.py").write_text(STUB)
    for name, text in FILES.items():
        (answers / name).write_text(text)
    return exercise_of(module / "exercises" / "half.py")


def test_a_good_exercise_passes(exercise: Exercise, tmp_path: Path) -> None:
    assert lesson_gates.form_problems(exercise) == []
    assert lesson_gates.proof_problems(exercise) == []
    assert lesson_gates.leak_problems(exercise, tmp_path) == []


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("After: 01_numbers.py", "After: 02_more.py", "02_more.py is no script"),
        ("After: 01_numbers.py\n", "", '"After:" is missing'),
        ("Concepts: values", "Concepts: vectors", "'vectors' is no section"),
        ("Kind: exercise", "Kind: quest", "neither exercise nor lab"),
        ("Kind: exercise", "Kind: lab", "begins with lab_"),
        ("Kind: exercise", "Kind: lab", "DIAGNOSIS"),
        ("Time: 5 min", "Time: soon", "not like 10 min"),
        ("TODO", "", "has a TODO"),
        ("Write half(x), which returns the half of a number exactly, whole or not: half(3) is 1.5.", "", "no task"),
        ("half of", "h\u00e4lf of", "not plain ASCII"),
    ],
)
def test_a_spoilt_stub_is_named(exercise: Exercise, before: str, after: str, named: str) -> None:
    exercise.stub.write_text(STUB.replace(before, after), encoding="utf-8")
    assert any(named in problem for problem in lesson_gates.form_problems(Exercise(exercise.stub)))


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("hints.md", "## 1\nidea\n## 2\n\n## 3\nx\n", "2 hints"),
        ("hints.md", "## 1\nidea\n", "1 hints"),
        ("notes.txt", "", "notes.txt does not belong"),
        ("solution.md", None, "solution.md is missing"),
        ("wrong_floor.py", None, "no wrong_*.py"),
    ],
)
def test_a_spoilt_folder_of_answers_is_named(exercise: Exercise, name: str, text: str | None, named: str) -> None:
    (exercise.answers / name).unlink() if text is None else (exercise.answers / name).write_text(text)
    assert any(named in problem for problem in lesson_gates.form_problems(exercise))


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("check.py", "def check(answer):\n    pass\n", "it passes"),
        ("check.py", "import os\n\n\ndef check(answer):\n    os._exit(0)\n", "ends with died"),
        ("solution.py", "def half(x):\n    return x\n", "the solution fails (wrong"),
        ("wrong_floor.py", WRONG, "without naming"),
        ("wrong_floor.py", WRONG.replace("//", "/"), "wrong_floor.py passes"),
        ("wrong_floor.py", "def half(x):\n    return 0\n", "has no docstring"),
        ("wrong_floor.py", WRONG.replace("Misconception: ", ""), "does not begin with Misconception"),
    ],
)
def test_an_exercise_that_proves_nothing_is_named(exercise: Exercise, name: str, text: str, named: str) -> None:
    (exercise.answers / name).write_text(text)
    problems = lesson_gates.proof_problems(exercise)
    assert any(named in problem for problem in problems), problems


@pytest.mark.parametrize("place", ["README.md", "50_numbers/LEARNING_GUIDE.md", "50_numbers/02_more.py"])
def test_a_solution_that_stands_where_learners_read_is_named(exercise: Exercise, tmp_path: Path, place: str) -> None:
    (tmp_path / place).write_text(f"```\n{CODE}```\n")
    problems = lesson_gates.leak_problems(exercise, tmp_path)
    assert any(place in problem and problem.endswith("one_half_of_the_number_given = x / 2") for problem in problems)
