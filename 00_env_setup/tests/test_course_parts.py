"""What stands behind the `course` command: headers, progress file, checks of answers, numbers, review, markers."""

import os
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coursekit.cli import run_script, script_parser
from coursekit.course import progress_file, review
from coursekit.course.concepts import Index, read_markers, split_terms
from coursekit.course.exercises import Exercise, check_answer, exercise_of
from coursekit.course.journey import done
from coursekit.course.modules import header, load_script, module_of, modules
from coursekit.course.progress_file import Event, events, progress_path, record, record_script, spoilt_lines
from coursekit.course.quiz import Choice, Number, Question, load_quiz, parse_number
from coursekit.course.quiz_session import shuffled
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.testing.small_course import make_course

HEADER = '''"""Train a network: three ways.

What you will learn
    - what a batch is, and why
      it is one
    - what an epoch is

How to run it (in this order)
    python 03_train.py --quick     on digits, about 9 s
    python 03_train.py             on MNIST

Time and memory on 2 CPU cores: quick 9 s, full about 1.5 min; 0.6 GB.
Writes outputs/: model.pth,
history.png
Concepts: ML_CONCEPTS_EXPLAINED.md (gradients,
learning rate)
"""
'''


@pytest.fixture
def course(tmp_path: Path) -> Path:
    return make_course(tmp_path / "course")


@pytest.fixture
def exercise(course: Path) -> Exercise:
    return exercise_of(course / "40_sound" / "exercises" / "louder_sound.py")


# ------------------------------------------------------------------------------------------------- headers and modules


def write_header(folder: Path, text: str) -> Path:
    path = folder / "03_train.py"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_header_is_read_field_by_field(tmp_path: Path) -> None:
    found = header(write_header(tmp_path, HEADER))
    assert found.title == "Train a network: three ways."
    assert found.learn == ("what a batch is, and why it is one", "what an epoch is")
    assert found.commands[0] == ("python 03_train.py --quick", "on digits, about 9 s")
    assert (found.quick_seconds, found.full_seconds) == (9.0, 90.0)
    assert found.time == "quick 9 s, full about 1.5 min; 0.6 GB."
    assert found.writes == "Writes outputs/: model.pth, history.png"
    assert (found.document, found.concepts) == ("ML_CONCEPTS_EXPLAINED.md", "gradients, learning rate")


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ("What you will learn", "Aims", '"What you will learn" is missing'),
        ("How to run it", "Usage", '"How to run it" is missing'),
        ("Time and memory on 2 CPU cores:", "Time:", '"Time and memory on 2 CPU cores:" is missing'),
        ("Writes ", "Makes ", '"Writes" is missing'),
        ("Concepts:", "See:", '"Concepts:" is missing'),
        ("    - what a batch is, and why\n      it is one\n    - what an epoch is\n", "", "nothing stands under"),
        ("python 03_train.py", "03_train.py", 'nothing stands under "How to run it"'),
        ("; 0.6 GB", "", "needs a time and a memory"),
        ("quick 9 s, full about 1.5 min", "quick", "needs a time and a memory"),
        ("outputs/: model.pth,\nhistory.png", "outputs/:", '"Writes" names nothing'),
        ("(gradients,\nlearning rate)", "", "must read like"),
        ('"""Train', 'text = """Train', "no docstring"),
        ('"""', '"', "cannot be read"),
    ],
)
def test_a_field_that_is_missing_is_named(tmp_path: Path, before: str, after: str, named: str) -> None:
    with pytest.raises(CourseError) as caught:
        header(write_header(tmp_path, HEADER.replace(before, after)))
    assert named in str(caught.value) and "03_train.py" in str(caught.value)


def test_fields_out_of_order_are_named(tmp_path: Path) -> None:
    lines = HEADER.splitlines()
    swapped = "\n".join([*lines[:7], *lines[11:14], *lines[7:11], *lines[14:]])
    with pytest.raises(CourseError, match="must stand after"):
        header(write_header(tmp_path, swapped))


def test_modules_know_what_they_hold(course: Path) -> None:
    empty, sound, _ = modules(course)
    assert (empty.number, empty.title, empty.scripts, empty.quiz) == ("00", "Env setup", [], None)
    assert (sound.number, sound.title) == ("40", "About sound")
    assert [path.name for path in sound.lessons] == ["01_first.py", "02_second.py"]
    assert [path.stem for path in sound.exercises] == ["louder_sound"]
    assert [path.name for path in sound.documents] == ["SOUND_CONCEPTS_EXPLAINED.md"]
    assert module_of(sound.exercises[0]) == sound and module_of(course) is None


def test_a_script_finds_the_utils_beside_it_and_leaves_no_trace(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "some_utils_of_mine.py").write_text(f"NAME = {name!r}\n")
        (tmp_path / name / "01_a.py").write_text("from some_utils_of_mine import NAME\n")
    before = list(sys.path)
    assert [load_script(tmp_path / name / "01_a.py").NAME for name in ("one", "two", "one")] == ["one", "two", "one"]
    assert sys.path == before
    (tmp_path / "one" / "02_b.py").write_text("1 / 0\n")
    with pytest.raises(ZeroDivisionError):
        load_script(tmp_path / "one" / "02_b.py")
    assert sys.path == before and "02_b" not in sys.modules
    with pytest.raises(CourseError, match="no script"):
        load_script(tmp_path / "none.py")


# ------------------------------------------------------------------------------------------------------------ progress


def test_an_event_is_one_readable_line() -> None:
    assert record("quiz", "02", "7/9", "missed: why\nzero")
    [line] = progress_path().read_text(encoding="utf-8").splitlines()
    assert line == f"{datetime.now():%Y-%m-%d} {line[11:16]}  quiz      02  7/9  missed: why zero"
    [event] = events()
    assert (event.kind, event.name, event.details) == ("quiz", "02", ("7/9", "missed: why zero"))


def test_tests_never_touch_the_learners_progress() -> None:
    assert progress_path() == Path(os.environ["COURSE_PROGRESS"])
    assert "pytest" in str(progress_path()) and not events()


def test_an_unknown_kind_is_a_mistake_of_the_programmer() -> None:
    with pytest.raises(ValueError, match="kind"):
        record("game", "02")


def test_what_was_cut_off_does_not_spoil_the_next_line() -> None:
    record("script", "02/01_hello", "full", "passed")
    with open(progress_path(), "a", encoding="utf-8") as file:
        file.write("2026-11-23 10:05  scr")
    record("script", "02/02_load", "full", "passed")
    assert [event.name for event in events()] == ["02/01_hello", "02/02_load"]
    assert spoilt_lines() == [2]


@pytest.mark.parametrize("line", ["2026-13-41 10:05  script    02/x  full", "2026-11-23 10:05  game      02", "hello"])
def test_lines_of_any_other_kind_are_no_events(line: str) -> None:
    progress_path().write_text(line + "\n\n", encoding="utf-8")
    assert events() == [] and spoilt_lines() == [1]


def test_a_lock_that_hangs_or_is_not_supported_loses_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock, Timeout

    for error in (Timeout("progress.lock"), NotImplementedError("no locks here")):

        def refuse(self: FileLock, timeout: float, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(FileLock, "acquire", refuse)
        assert record("script", "02/01_hello", "full", "passed")
    assert len(events()) == 2


def test_a_place_that_cannot_be_written_is_a_note_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "file" / "progress"):
        monkeypatch.setenv("COURSE_PROGRESS", str(place))
        assert not record("script", "02/01_hello", "full", "passed")
        assert capsys.readouterr().err.startswith("Note: this could not be noted")


@pytest.mark.parametrize(("loudness", "noted"), [(0.5, True), (0.9, False)])
def test_a_script_notes_that_its_expectations_hold(
    loudness: float, noted: bool, course: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["01_first.py", "--quick"])
    expected = {"loudness": Expected(quick=(0.4, 0.6), full=None)}
    script = str(course / "40_sound" / "01_first.py")
    with pytest.raises(SystemExit):
        run_script(lambda settings: {"loudness": loudness}, script, expected, parser=script_parser("Learn."))
    assert [(event.name, event.details) for event in events()] == [("40/01_first", ("quick", "passed"))] * noted


def test_a_script_that_falls_back_to_quick_is_noted_as_quick(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["01_first.py"])

    def main(settings: Any) -> dict[str, float]:
        settings.quick = True
        return {}

    with pytest.raises(SystemExit):
        run_script(main, str(course / "40_sound" / "01_first.py"), {}, parser=script_parser("Learn."))
    assert [event.details for event in events()] == [("quick", "passed")]


def test_only_scripts_of_the_course_are_noted(tmp_path: Path, course: Path) -> None:
    assert not record_script(tmp_path / "01_mine.py", quick=False)
    assert not record_script(course / "40_sound" / "tests" / "01_first.py", quick=False)
    assert not record_script("01_hello.py", quick=False)
    assert events() == []


def test_progress_is_kept_in_the_scripts_own_repository(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_PROGRESS")
    assert record_script(course / "40_sound" / "01_first.py", quick=False)
    assert (course / ".progress").read_text().endswith("script    40/01_first  full  passed\n")
    assert progress_file.ROOT != course


def test_a_full_run_outweighs_a_later_quick_one_and_the_best_score_counts() -> None:
    record("script", "02/01_hello", "full", "passed")
    record("script", "02/01_hello", "quick", "passed")
    for score in ("7/9", "9/9", "2/9"):
        record("quiz", "02", score, "all")
    finished = done(events())
    assert finished["script", "02/01_hello"].how == "full"
    assert finished["quiz", "02"].how == "9/9"


# ---------------------------------------------------------------------------------------------------- answers, checked


ANSWERS: list[tuple[str, str, str, int | None]] = [
    ("def louder(s):\n    return [2 * x for x in s]\n", "passed", "", None),
    ("def louder(s):\n    return 2 * s\n", "wrong", "a list times 2", None),
    ("def louder(s):\n    raise NotImplementedError('TODO')\n", "unfinished", "not written yet: TODO", 2),
    ("def louder(s)\n    pass\n", "syntax", "cannot read this line", 1),
    ("def louder(s):\npass\n", "syntax", "indentation", 2),
    ("def louder(s):\n    return [t * 2 for x in s]\n", "error", "NameError: name 't' is not defined", 2),
    ("def louder(s):\n    return sum(s) + help_me(s)\ndef help_me(s):\n    return 'a' + 1\n", "error", "TypeError", 4),
    ("def quieter(s):\n    pass\n", "error", "your file has no 'louder'", None),
    ("def louder(s, factor):\n    pass\n", "error", "could not call your function: louder() missing", None),
    ("import math\nlouder = math.nothing\n", "error", "AttributeError", 2),
    ("import no_such_thing\n", "error", "ModuleNotFoundError", 1),
    ("def louder(s):\n    assert len(s) > 5, 'too short'\n", "error", "AssertionError: too short", 2),
    ("def louder(s):\n    raise KeyboardInterrupt\n", "error", "KeyboardInterrupt", 2),
    ("def louder(s):\n    exit()\n", "error", "ended the whole program", 2),
    ("def louder(s):\n    return louder(s)\n", "error", "RecursionError", 2),
    ("x = input('how? ')\n", "error", "EOFError", 1),
    ("import os\nos._exit(7)\n", "died", "exit code 7", None),
    ("", "error", "has no 'louder'", None),
]


@pytest.mark.parametrize(
    ("text", "kind", "message", "line"), ANSWERS, ids=[f"{a[1]}-{i}" for i, a in enumerate(ANSWERS)]
)
def test_an_answer_gets_its_verdict_at_the_learners_line(
    text: str, kind: str, message: str, line: int | None, exercise: Exercise, tmp_path: Path
) -> None:
    answer = tmp_path / "answer with a space.py"
    answer.write_text(text, encoding="utf-8")
    verdict = check_answer(exercise, answer)
    assert (verdict.kind, verdict.line) == (kind, line), verdict
    assert message in verdict.message
    assert verdict.passed is (kind == "passed")
    assert "check_child" not in verdict.message + verdict.printed
    if line and kind != "syntax":
        assert verdict.source == text.splitlines()[line - 1].strip()


@pytest.mark.parametrize(
    "loop", ["while True:\n        pass", "while True:\n        print('x' * 999)", "sum(range(10**12))"]
)
def test_a_loop_that_never_ends_is_ended(loop: str, exercise: Exercise, tmp_path: Path) -> None:
    answer = tmp_path / "answer.py"
    answer.write_text(f"def louder(s):\n    {loop}\n")
    started = time.monotonic()
    verdict = check_answer(exercise, answer, seconds=1.0)
    assert time.monotonic() - started < 60
    assert verdict.kind == "timeout" and "still running after 1 s" in verdict.message
    assert verdict.line in (2, 3) and len(verdict.printed) <= 4000


def test_a_check_that_fails_by_itself_is_told_without_a_traceback(exercise: Exercise, tmp_path: Path) -> None:
    (exercise.answers / "check.py").write_text("def check(answer):\n    assert answer.louder([1]) == [2]\n")
    answer = tmp_path / "answer.py"
    answer.write_text("def louder(s):\n    return None\n")
    assert check_answer(exercise, answer).message == "this does not hold: assert answer.louder([1]) == [2]"
    (exercise.answers / "check.py").write_text("def check(answer):\n    len(answer.louder([1]))\n")
    message = check_answer(exercise, answer).message
    assert "cannot work with what your code gave it" in message and "len(answer.louder([1]))" in message


def test_an_answer_may_use_the_modules_utils_and_hides_no_library(exercise: Exercise, tmp_path: Path) -> None:
    (exercise.module.folder / "sound_utils.py").write_text("FACTOR = 2\n")
    (tmp_path / "json.py").write_text("raise RuntimeError('not me')\n")
    answer = tmp_path / "answer.py"
    answer.write_text(
        "import json\nfrom sound_utils import FACTOR\n\n\ndef louder(s):\n    return [FACTOR * x for x in s]\n"
    )
    assert check_answer(exercise, answer).passed


def test_checking_writes_nothing_into_the_course(exercise: Exercise, course: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.py"
    answer.write_text("open('left.txt', 'w').write('x')\n\n\ndef louder(s):\n    return [2 * x for x in s]\n")
    before = sorted(course.rglob("*"))
    assert check_answer(exercise, answer).passed
    assert sorted(course.rglob("*")) == before and not Path("left.txt").exists()


def test_an_exercise_reads_its_docstring(exercise: Exercise) -> None:
    assert exercise.name == "40/louder_sound" and exercise.title == "Twice as loud."
    assert exercise.task.startswith("Write louder(samples)") and "After:" not in exercise.task
    assert (exercise.after, exercise.concepts, exercise.kind, exercise.time) == (
        "01_first.py",
        "loudness",
        "exercise",
        "5 min",
    )
    assert exercise.hints[0] == "Think of one sample." and len(exercise.hints) == 3
    with pytest.raises(CourseError):
        exercise_of(exercise.answers / "check.py")


# ----------------------------------------------------------------------------------------------------- quiz and review


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("938", 938.0),
        (" 1,234 ", 1234.0),
        ("1,234,567.5", 1234567.5),
        ("0.5", 0.5),
        (".5", 0.5),
        ("0,5", 0.5),
        ("-3", -3.0),
        ("1e-3", 0.001),
        ("97 %", 97.0),
        ("10 Hz", 10.0),
        ("24_000", 24000.0),
        ("24 000", 24000.0),
        ("", None),
        ("many", None),
        ("nan", None),
        ("inf", None),
        ("1.2.3", None),
        ("1,23,4", None),
    ],
)
def test_numbers_as_people_type_them(text: str, value: float | None) -> None:
    assert parse_number(text, "Hz") == value


def test_a_number_is_right_within_its_tolerance() -> None:
    assert Number(lambda: 2 / 3, "why", tolerance=0.01).is_right(0.67)
    assert not Number(lambda: 2 / 3, "why", tolerance=0.001).is_right(0.67)
    assert Number(lambda: 0.1 + 0.2, "why").is_right(0.3)


def test_choices_are_shuffled_once_and_for_all() -> None:
    def order(name: str) -> list[str]:
        choices = [Choice(text, "why", right=text == "a") for text in "abcd"]
        return [choice.text for choice in shuffled(Question(name, "values", "Which?", choices))]

    assert order("one") == order("one")
    assert len({order(f"question-{number}").index("a") for number in range(30)}) == 4


def test_a_quiz_that_cannot_be_imported_is_a_course_error(course: Path) -> None:
    module = modules(course)[1]
    assert len(load_quiz(module)) == 2
    assert module.quiz is not None
    module.quiz.write_text("QUESTIONS = 1 / 0\n")
    with pytest.raises(CourseError, match="40_sound/quiz.py cannot be used: ZeroDivisionError"):
        load_quiz(module)


def day(number: int) -> date:
    return date(2026, 11, 1) + timedelta(number)


@pytest.mark.parametrize(
    ("answers", "due"),
    [
        ([], None),
        ([(0, False)], date.min),
        ([(0, True)], day(1)),
        ([(0, True), (0, True)], day(1)),
        ([(0, True), (1, True)], day(4)),
        ([(0, True), (1, True), (4, True)], day(11)),
        ([(0, True), (1, True), (4, True), (11, True)], day(32)),
        ([(0, True), (1, True), (4, True), (11, True), (32, True)], None),
        ([(0, True), (1, True), (4, False)], date.min),
        ([(0, False), (0, True)], day(1)),
    ],
)
def test_a_question_comes_back_after_1_3_7_and_21_days(answers: list[tuple[int, bool]], due: date | None) -> None:
    memory = review.Memory()
    for number, right in answers:
        memory.answered(right, day(number))
    assert memory.due_on() == due


def test_what_waits_longest_is_asked_first_and_what_is_gone_is_not_asked(course: Path) -> None:
    def event(number: int, module: str, *details: str) -> Event:
        return Event(datetime(2026, 11, 1 + number), "quiz", module, details)

    happened = [
        event(0, "40", "1/2", "all", "right: louder, removed", "missed: samples"),
        event(0, "41", "2/2", "all", "right: louder, samples"),
        event(1, "41", "1/1", "review", "right: samples"),
    ]
    waiting = [(module.number, question.id) for module, question in review.due(happened, day(1), course)]
    assert waiting == [("40", "samples"), ("40", "louder"), ("41", "louder")]
    assert review.due([], day(1), course) == []


# ------------------------------------------------------------------------------------------------------------ concepts


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("gradients, learning rate", ["gradients", "learning rate"]),
        ("Epochs, batches and iterations, gradients", ["epochs, batches and iterations", "gradients"]),
        ("gradients,  epochs, batches\n  and iterations", ["gradients", "epochs, batches and iterations"]),
        ("epochs, gradients", ["epochs", "gradients"]),
        ("gradients of loss, gradients", ["gradients of loss", "gradients"]),
        ("", []),
    ],
)
def test_terms_are_taken_apart_but_not_titles(text: str, terms: list[str]) -> None:
    assert split_terms(text, ["gradients", "learning rate", "epochs, batches and iterations"]) == terms


def test_markers_stand_at_the_end_of_a_line_or_before_it(tmp_path: Path) -> None:
    path = tmp_path / "03_train.py"
    path.write_text(
        "loss.backward()  # concept: gradients\n    # concept: learning rate, momentum\n".lstrip()
        + "# more about it\n\n"
        "step()  # small\n"
        's = "# concept: none"\n'
    )
    found = [(marker.line, marker.source, marker.terms) for marker in read_markers(path, [])]
    assert found == [
        (1, "loss.backward()", ("gradients",)),
        (5, "step()  # small", ("learning rate", "momentum")),
    ]


def test_the_index_works_both_ways(course: Path) -> None:
    index = Index(course)
    assert index.unknown == []
    loudness = index.find("gain")[0]
    uses = index.of(loudness)
    assert [(place.path.name, place.line) for place in uses.places] == [("01_first.py", 23)]
    assert [exercise.name for exercise in uses.exercises] == ["40/louder_sound"]
    assert [question.id for question in uses.questions] == ["louder"]
    names = {path.name: [concept.name for concept in found] for path, found in index.of_source.items()}
    assert names["02_second.py"] == ["sample rate, or rate"] and names["louder_sound.py"] == ["loudness"]


@pytest.mark.parametrize(
    ("file", "before", "after", "named"),
    [
        ("01_first.py", "# concept: loudness", "# concept: colour", "40_sound/01_first.py, line 23: 'colour'"),
        ("quiz.py", '"loudness"', '"colour"', "40_sound/quiz.py, louder: 'colour'"),
        ("exercises/louder_sound.py", "loudness", "colour", "louder_sound.py, the docstring: 'colour'"),
        ("exercises/louder_sound.py", "Concepts: loudness\n", "", '"Concepts:" is missing'),
    ],
)
def test_a_term_without_a_section_is_named(course: Path, file: str, before: str, after: str, named: str) -> None:
    path = course / "40_sound" / file
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    assert any(named in problem for problem in Index(course).unknown), Index(course).unknown
