"""The `course` command as a learner types it, on a small course: every subcommand, every refusal, every console."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from coursekit.course.main import COMMANDS, HELP, line_problems, main
from coursekit.course.modules import ROOT, modules
from coursekit.course.names import find_exercise, find_module, find_script
from coursekit.course.progress_file import events, record
from coursekit.errors import CourseError
from coursekit.testing.small_course import SOLUTION, make_course

CALL = "import sys; from pathlib import Path; from coursekit.course import main; root = Path(sys.argv.pop(1)); \
plain = main.main; main.main = lambda words: plain(words, root); main.console()"


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small course, with a current folder elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return make_course(tmp_path / "course")


def words(line: str) -> list[str]:
    return line.split()


def answer(course: Path, text: str) -> None:
    path = course / "40_sound" / "my_answers" / "louder_sound.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def console(course: Path, line: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run `course` in a process of its own, as from a console that is no terminal."""
    return subprocess.run(
        [sys.executable, "-c", CALL, str(course), *words(line)],
        input=typed.encode(),
        capture_output=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


# -------------------------------------------------------------------------------------------------- help and refusals


def test_without_words_it_prints_every_command_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(f"course {name}" in text for name in COMMANDS)


def test_the_examples_of_the_help_exist() -> None:
    lines = [line.strip().split("  ")[0] for line in HELP.splitlines() if line.startswith("    course")]
    assert len(lines) == len(COMMANDS)
    assert [problem for line in lines for problem in line_problems(line)] == []


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("doctor",)])
def test_every_command_has_its_help(name: str, course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"], course)
    assert caught.value.code == 0
    assert f"    course {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("stauts", "knows no 'stauts'. Did you mean status?", "course lists"),
        ("status 99", "no module '99'", "course status"),
        ("status 40 41", "'41'", "course status --help"),
        ("run", "which script", "course run 02/03"),
        ("run --quick", "which script", "course run 02/03"),
        ("run 40", "'40' is a module; a script is needed", "course status 40"),
        ("run 40/9", "no script '9'", "course status 40"),
        ("run 40/02_secund", "Did you mean 40/02_second?", "course status 40"),
        ("run 40/louder_sound", "is an exercise, not a script", "course exercise 40/louder_sound"),
        ("check 40/77", "no script '77'", "course status 40"),
        ("exercise 40/lauder", "Did you mean 40/louder_sound?", "course exercise 40"),
        ("exercise lauder_voice", "Did you mean 41/louder_voice", "course exercise"),
        ("exercise 40/01", "is a script, not an exercise", "course run 40/01"),
        ("exercise 00", "module 00 has no exercises", "course exercise"),
        ("hint", "NN/NAME", "course hint --help"),
        ("hint 40/louder_sound 4", "hints 1 to 3, not 4", ""),
        ("reset 40/louder_sound", "no copy of 40/louder_sound", "course exercise 40/louder_sound"),
        ("quiz 00", "module 00 has no quiz", "course quiz --list"),
        ("quiz --dew", "Did you mean --due?", "course quiz --help"),
        ("concept lodness", "Did you mean Loudness?", "course concept"),
        ("concept ...", "is no term", "course concept"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(line: str, message: str, hint: str, course: Path) -> None:
    with pytest.raises(CourseError) as caught:
        main(words(line), course)
    assert message in str(caught.value)
    assert hint in caught.value.hint


def test_an_error_on_the_console_is_two_lines_and_exit_2(course: Path) -> None:
    done = console(course, "status 99")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode().splitlines()[0].startswith("ERROR: there is no module '99'")


@pytest.mark.parametrize("typed", ["40/1", "40/01", "40_sound/01_first.py", "40_SOUND\\01_first.py", " 40/01_first "])
def test_a_script_has_many_names(typed: str, course: Path) -> None:
    assert find_script(typed, course) == course / "40_sound" / "01_first.py"


@pytest.mark.parametrize(
    "typed",
    ["40/louder_sound", "louder_sound", "40_sound/exercises/louder_sound.py", "40_sound\\my_answers\\louder_sound.py"],
)
def test_an_exercise_has_many_names(typed: str, course: Path) -> None:
    assert find_exercise(typed, course).name == "40/louder_sound"


def test_a_module_has_many_names(course: Path) -> None:
    assert {find_module(typed, course).number for typed in ("40", "40_sound", "40_sound/", "40_Sound\\")} == {"40"}
    assert find_module("0", course).number == "00"


def test_a_repository_without_modules_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="no modules"):
        main(["status"], tmp_path)


def test_doctor_is_handed_over_to(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr("coursekit.doctor.main", lambda argv: given.append(list(argv)) or 3)
    assert main(["doctor", "--anything"]) == 3
    assert given == [["--anything"]]


def test_doctor_starts_where_the_packages_are_broken() -> None:
    """Nothing that pip installed is imported on the way to the doctor."""
    code = "import sys; from coursekit.course import main; print(sorted({n.split('.')[0] for n in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not [name for name in ("filelock", "tqdm", "numpy", "torch", "psutil") if f"'{name}'" in loaded]


# ----------------------------------------------------------------------------------------------------- status and next


def test_the_journey_from_the_first_script_to_the_end(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [
        ("course run 40/01", ("script", "40/01_first", "full", "passed")),
        ("course exercise 40/louder_sound", ("exercise", "40/louder_sound", "passed")),
        ("course run 40/02", ("script", "40/02_second", "quick", "passed")),
        ("course quiz 40", ("quiz", "40", "1/2", "all", "right: samples", "missed: louder")),
        ("course run 41/01", ("script", "41/01_first", "full", "passed")),
    ]
    for command, event in steps:
        main(["next"], course)
        text = capsys.readouterr().out
        assert f"  {command}\n" in text and "Why: " in text and "Time: " in text, text
        record(*event)
    main(["status"], course)
    text = capsys.readouterr().out
    assert "40 About sound" in text and "2/2" in text and "1/1" in text and "1/2" in text
    assert f"[{'#' * 20}]" in text and f"[{'#' * 5}{'.' * 15}]" in text
    assert "Due for review: 1 quiz question: course quiz --due" in text
    main(["status", "40"], course)
    text = capsys.readouterr().out
    assert "x 40/02_second" in text and "quick" in text and f"{time.strftime('%Y-%m-%d')}" in text


def test_at_the_end_comes_the_capstone(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in ("40", "41"):
        record("quiz", number, "2/2", "all")
        record("script", f"{number}/01_first", "full", "passed")
        record("script", f"{number}/02_second", "full", "passed")
    record("exercise", "40/louder_sound", "passed")
    record("exercise", "41/louder_voice", "passed")
    main(["next"], course)
    assert "capstone" in capsys.readouterr().out


def test_a_failed_or_only_begun_thing_is_not_done(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record("exercise", "40/louder_sound", "started")
    record("quiz", "40", "1/1", "stopped", "right: samples")
    main(["status"], course)
    text = capsys.readouterr().out
    assert "0/1" in text and "open" in text and "#" not in text


def test_lines_that_are_no_events_are_said(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record("script", "40/01_first", "full", "passed")
    with open(os.environ["COURSE_PROGRESS"], "a", encoding="utf-8") as file:
        file.write("I was here\n")
    assert main(["status"], course) == 0
    text = capsys.readouterr().out
    assert "no events" in text and text.rstrip().endswith(": 2")


def test_progress_that_cannot_be_read_is_refused(course: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path))
    with pytest.raises(CourseError, match="cannot be read") as caught:
        main(["status"], course)
    assert "COURSE_PROGRESS" in caught.value.hint


# ------------------------------------------------------------------------------------------------------- run and check


def test_run_hands_flags_on_and_keeps_the_exit_code(course: Path) -> None:
    done = console(course, "run 40/01 --quick --loudness 0.45")
    assert done.returncode == 0 and b"loudness 0.45" in done.stdout
    assert [(event.kind, event.name, event.details) for event in events()] == [
        ("script", "40/01_first", ("quick", "passed"))
    ]
    assert console(course, "run --loudness 0.9 40/01").returncode == 1
    refused = console(course, "run 40/01 --quik")
    assert refused.returncode == 2 and b"Did you mean --quick?" in refused.stderr
    assert len(events()) == 1


def test_check_reads_the_last_run_by_the_expectations_of_now(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words("check 40/01"), course) == 1
    assert "not run yet" in capsys.readouterr().out
    console(course, "run 40/01 --quick")
    assert main(words("check 40/01"), course) == 0
    text = capsys.readouterr().out
    assert "loudness 0.500, expected 0.400 to 0.600: ok" in text and "This was a quick run" in text
    assert main(["check"], course) == 0  # what was not run yet is no failure
    text = capsys.readouterr().out
    assert text.count("not run yet") == 3 and "quick run" in text

    script = course / "40_sound" / "01_first.py"
    script.write_text(script.read_text(encoding="utf-8").replace("quick=(0.4, 0.6)", "quick=(0.8, 0.9)"))
    assert main(words("check 40"), course) == 1
    text = capsys.readouterr().out
    assert "NOT as expected" in text and "loudness" in text
    assert main(words("check 40/01"), course) == 1
    assert "expected 0.800 to 0.900: NOT as expected" in capsys.readouterr().out


def test_check_notes_a_pass_that_is_not_in_the_progress_file(course: Path) -> None:
    console(course, "run 40/01")
    Path(os.environ["COURSE_PROGRESS"]).unlink()
    main(["check"], course)
    main(["check"], course)
    assert [event.details for event in events()] == [("full", "passed")]


@pytest.mark.parametrize("report", ["", "{", "[]", '{"quick": true}'])
def test_a_spoilt_report_is_said(course: Path, report: str, capsys: pytest.CaptureFixture[str]) -> None:
    (course / "40_sound" / "outputs").mkdir()
    (course / "40_sound" / "outputs" / "01_first.json").write_text(report)
    assert main(words("check 40/01"), course) == 1
    assert "spoilt" in capsys.readouterr().out


def test_a_script_that_cannot_be_imported_is_said(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    console(course, "run 40/01")
    script = course / "40_sound" / "01_first.py"
    script.write_text(script.read_text(encoding="utf-8").replace("PARSER =", "import no_such_thing\nPARSER ="))
    assert main(["check"], course) == 1
    assert "No module named 'no_such_thing'" in capsys.readouterr().out


def hear_ctrl_c() -> None:
    """A shell's background jobs are started deaf to Ctrl-C, and what they start inherits it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(
    os.name == "nt", reason="Windows sends Ctrl-C to a console, not to a process; to be tried there by hand"
)
def test_ctrl_c_while_a_script_runs_ends_both(course: Path) -> None:
    script = course / "40_sound" / "01_first.py"
    text = script.read_text(encoding="utf-8")
    script.write_text(
        text.replace('    print("loudness"', '    print("at work", flush=True)\n    input()\n    print("loudness"')
    )
    process = subprocess.Popen(
        [sys.executable, "-c", CALL, str(course), "run", "40/01"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=hear_ctrl_c,
    )
    assert process.stdout is not None and process.stdout.readline() == b"at work\n"
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stderr.count(b"Stopped by Ctrl-C") == 1 and b"Traceback" not in stderr


# ----------------------------------------------------------------------------------------------- exercise and the rest


def test_an_exercise_from_the_task_to_the_solution(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "exercise 40/louder_sound"
    copy = course / "40_sound" / "my_answers" / "louder_sound.py"

    assert main(words(name), course) == 0
    text = capsys.readouterr().out
    assert "Twice as loud." in text and "[0.2, -0.4]" in text and "my_answers" in text and "Kind:" not in text
    assert copy.read_bytes() == (course / "40_sound" / "exercises" / "louder_sound.py").read_bytes()

    assert main(words(name), course) == 1
    assert "still as it was handed out" in capsys.readouterr().out

    answer(course, "def louder(samples):\n    return 2 * samples\n")
    assert main(words(name), course) == 1
    text = capsys.readouterr().out
    assert "not yet" in text and "a list times 2" in text and "course hint 40/louder_sound" in text

    answer(course, SOLUTION)
    assert main(words(name), course) == 0
    text = capsys.readouterr().out
    assert "solved" in text and "course solution 40/louder_sound" in text

    assert main(words("exercise"), course) == 0
    assert "solved" in capsys.readouterr().out
    assert main(words("solution 40/louder_sound"), course) == 0
    text = capsys.readouterr().out
    assert "one_sample_of_many" in text and text.endswith("Because.\n")
    assert [event.details for event in events()] == [("started",), ("passed",), ("solution",)]


def test_reset_keeps_every_answer(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = course / "40_sound" / "my_answers"
    for number in (1, 2):
        answer(course, f"x = {number}\n")
        assert main(words("reset 40/louder_sound"), course) == 0
        assert f"louder_sound.{number}.py" in capsys.readouterr().out
    assert (folder / "louder_sound.1.py").read_text() == "x = 1\n"
    assert (folder / "louder_sound.2.py").read_text() == "x = 2\n"
    assert not (folder / "louder_sound.py").exists()


def test_hints_come_one_by_one(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = []
    for _ in range(4):
        main(words("hint 40/louder_sound"), course)
        seen.append(capsys.readouterr().out.splitlines()[0][:11])
    assert seen == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "Hint 3 of 3"]
    main(words("hint 40/louder_sound 1"), course)
    assert "Hint 1 of 3" in capsys.readouterr().out
    main(words("hint 41/louder_voice --all"), course)
    text = capsys.readouterr().out
    assert text.count("Hint ") == 3 and "course solution 41/louder_voice" in text


def test_the_learners_prints_are_shown_and_cut(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer(course, "def louder(samples):\n    for i in range(50):\n        print('step', i)\n")
    main(words("exercise 40/louder_sound"), course)
    text = capsys.readouterr().out
    assert "Your code printed:\n  | step 0\n" in text and "... and more" in text and "step 30" not in text


def test_an_answer_that_cannot_be_copied_is_refused(course: Path) -> None:
    (course / "40_sound" / "my_answers").write_text("a file where the folder should be")
    with pytest.raises(CourseError, match="cannot write your copy"):
        main(words("exercise 40/louder_sound"), course)


# ------------------------------------------------------------------------------------------------ consoles of all kinds


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_every_console_can_show_everything(course: Path, encoding: str) -> None:
    answer(course, "def louder(samples):\n    print('\\u266b \\u00fc')\n    return 2 * samples\n")
    for line in ("exercise 40/louder_sound", "status", "next", "concept level", "quiz 40", "help"):
        done = console(course, line, "12000\n?\n", PYTHONIOENCODING=encoding)
        assert done.returncode in (0, 1) and b"Traceback" not in done.stderr, done.stderr.decode()


@pytest.mark.skipif(os.name == "nt", reason="a closed pipe is a different error on Windows")
def test_a_reader_that_leaves_is_no_error(course: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CALL, str(course), "status"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.wait(timeout=60)


def test_it_works_from_any_folder(course: Path) -> None:
    assert Path.cwd().name == "elsewhere"
    assert console(course, "run 40/01 --quick").returncode == 0
    assert (course / "40_sound" / "outputs" / "01_first.json").is_file()
    assert not list(Path.cwd().iterdir())


def test_the_command_is_installed_and_knows_this_repository() -> None:
    name = "course.exe" if os.name == "nt" else "course"
    done = subprocess.run([Path(sys.executable).parent / name, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout == HELP + "\n"
    assert ROOT.joinpath("00_env_setup", "bootstrap.py").is_file() and modules()


# ---------------------------------------------------------------------------------------------------------------- quiz


def test_a_quiz_is_scored_explained_and_recorded(course: Path) -> None:
    done = console(course, "quiz 40", "48,000\nsomething\na\n")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "Not right: it is 12,000 samples." in text and "48,000: That is two seconds." in text
    assert "'something' is no answer" in text and "Right." in text
    assert text.count("wrong: ") == 2 and text.count(") right: ") == 1
    assert "1 of 2 right." in text and "course concept sample rate" in text
    assert [event.details for event in events()] == [("1/2", "all", "right: louder", "missed: samples")]


@pytest.mark.parametrize("typed", ["12000\n", "12,000\nq\n"])
def test_an_ended_quiz_keeps_what_was_answered(course: Path, typed: str) -> None:
    done = console(course, "quiz 40", typed)
    assert done.returncode == 0 and b"1 of 1 right; 1 not asked." in done.stdout
    assert [event.details for event in events()] == [("1/1", "stopped", "right: samples")]


def test_a_quiz_whose_question_cannot_be_computed_keeps_the_answers_before_it(course: Path) -> None:
    quiz = course / "40_sound" / "quiz.py"
    quiz.write_text(quiz.read_text(encoding="utf-8").replace("24_000 // 2", "1 // 0"))
    text = quiz.read_text(encoding="utf-8")
    quiz.write_text(text + "QUESTIONS.reverse()\n", encoding="utf-8")
    done = console(course, "quiz 40", "a\n1\n")
    assert done.returncode == 2 and b"cannot be computed here (ZeroDivisionError" in done.stderr
    assert [event.details for event in events()] == [("1/1", "stopped", "right: louder")]


def test_a_quiz_without_answers_leaves_nothing(course: Path) -> None:
    assert b"Nothing was answered" in console(course, "quiz 40").stdout
    assert events() == []


@pytest.mark.skipif(
    os.name == "nt", reason="Windows sends Ctrl-C to a console, not to a process; to be tried there by hand"
)
def test_ctrl_c_in_a_quiz_keeps_what_was_answered(course: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", CALL, str(course), "quiz", "40"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=hear_ctrl_c,
    )
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"12000\n")
    process.stdin.flush()
    text = b""
    while b"Answer (" not in text:  # the second question waits
        text += process.stdout.read(1)
    process.send_signal(signal.SIGINT)
    rest, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and b"1 of 1 right" in rest and b"Traceback" not in stderr
    assert [event.details for event in events()] == [("1/1", "stopped", "right: samples")]


def test_due_asks_what_was_missed_over_all_modules(course: Path) -> None:
    assert b"Nothing is due" in console(course, "quiz --due").stdout
    console(course, "quiz 40", "1\na\n")
    console(course, "quiz 41", "12000\n?\n")
    text = console(course, "quiz --due", "12000\na\n").stdout.decode()
    assert "Question 2 of 2" in text and "module 40: sample rate" in text and "module 41: loudness" in text
    assert "2 of 2 right." in text
    assert b"Nothing is due" in console(course, "quiz --due").stdout
    assert [event.details[:2] for event in events()[-2:]] == [("1/1", "review"), ("1/1", "review")]


def test_the_list_shows_best_score_and_what_is_due(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record("quiz", "40", "2/2", "all", "right: samples, louder")
    record("quiz", "40", "1/2", "all", "right: samples", "missed: louder")
    assert main(words("quiz --list"), course) == 0
    [row] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("40")]
    assert row.split()[:4] == ["40", "2", "2/2", "1"]


# ------------------------------------------------------------------------------------------------------------- concept


@pytest.mark.parametrize("typed", ["loudness", "LEVEL", "gain", "loud", "Sample rate, or rate", "hz"])
def test_a_term_is_found(typed: str, course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["concept", *words(typed)], course) == 0
    text = capsys.readouterr().out
    assert "SOUND_CONCEPTS_EXPLAINED.md:" in text and "(module 40)" in text and "(module 41)" in text
    assert "It has a second line." in text and "In everyday words. Like a hill." in text
    assert "return {" in text and "course quiz 40" in text


def test_a_term_leads_to_code_exercises_and_questions(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(words("concept gain"), course)
    text = capsys.readouterr().out
    assert "01_first.py:23" in text and "course exercise 40/louder_sound" in text and "(louder)" in text


def test_without_a_term_all_are_listed(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["concept"], course)
    rows = [line.split("  ")[1].lower() for line in capsys.readouterr().out.splitlines()[:-1]]
    assert rows == ["gain", "hz", "level", "loudness", "sample rate", "sample rate, or rate"]


def test_many_matches_are_listed_instead_of_shown(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(words("concept l"), course)
    text = capsys.readouterr().out
    assert "is part of 4 terms" in text and "Why it exists" not in text


def test_write_makes_the_pages_and_then_has_nothing_to_do(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words("concept --write"), course) == 0
    assert "CONCEPTS.md" in capsys.readouterr().out
    assert "01_first.py line 23" in (course / "40_sound" / "SOUND_CONCEPTS_EXPLAINED.md").read_text(encoding="utf-8")
    assert main(words("concept --write"), course) == 0
    assert "as it should be" in capsys.readouterr().out


def test_two_at_once_do_not_mix_their_lines() -> None:
    def write(name: str) -> None:
        loop = f"for n in range(50): record('script', '{name}', 'x' * 3000)"
        code = f"from coursekit.course.progress_file import record\n{loop}"
        subprocess.run([sys.executable, "-c", code], check=True)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("40/a", "40/b", "40/c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(event.details[0]) for event in events()] == [3000] * 150
