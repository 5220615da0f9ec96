"""Script flags, errors for people, expectations and their report."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coursekit.cli import run_main, run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected, check, peak_memory_mb

EXPECTED = {"test_accuracy": Expected(quick=(0.90, 0.99), full=(0.97, 0.985)), "clips": Expected(None, (20, 20))}


def exit_code(call: Callable[[], Any]) -> int:
    with pytest.raises(SystemExit) as caught:
        call()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--quik"], ["--quik", "Did you mean --quick?", "HINT"]),
        (["--epochs=3"], ["--epochs=3", "--help"]),
        (["--seed", "many"], ["--seed", "'many'"]),
        (["--device", "tpu"], ["--device", "'tpu'", "cuda"]),
    ],
)
def test_a_wrong_setting_is_refused_by_name_and_value(
    arguments: list[str], named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    parser = script_parser("Learn.", prog="01_hello.py")
    assert exit_code(lambda: parser.parse_args(arguments)) == 2
    text = capsys.readouterr().err
    assert all(part in text for part in named), text


def test_the_common_flags_have_their_defaults() -> None:
    settings = script_parser("Learn.", seed=42).parse_args([])
    assert (settings.quick, settings.seed, settings.device, settings.out) == (False, 42, "auto", None)


def test_flags_are_not_guessed_from_their_beginning() -> None:
    assert exit_code(lambda: script_parser("Learn.").parse_args(["--qui"])) == 2


def test_a_course_error_is_two_lines_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise CourseError("clip.wav is empty.", hint="record it again")

    assert exit_code(lambda: run_main(main)) == 2
    assert capsys.readouterr().err == "ERROR: clip.wav is empty.\nHINT: record it again\n"


def test_ctrl_c_is_one_line_and_exit_130(capsys: pytest.CaptureFixture[str]) -> None:
    def main() -> int:
        raise KeyboardInterrupt

    assert exit_code(lambda: run_main(main)) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_the_exit_code_of_main_is_kept() -> None:
    assert exit_code(lambda: run_main(lambda: None)) == 0
    assert exit_code(lambda: run_main(lambda: 3)) == 3


def test_an_outcome_reads_like_a_sentence() -> None:
    [outcome, clips] = check({"test_accuracy": 0.978, "clips": 20}, EXPECTED, quick=False)
    assert outcome.describe() == "test accuracy 0.978, expected 0.970 to 0.985: ok"
    assert clips.describe() == "clips 20, expected 20 to 20: ok"


@pytest.mark.parametrize("values", [{"test_accuracy": 0.989, "clips": 20}, {"clips": 20}, {"test_accuracy": math.nan}])
def test_a_value_out_of_range_missing_or_nan_fails(values: dict[str, float]) -> None:
    outcomes = check(values, EXPECTED, quick=False)
    assert not all(outcome.passed for outcome in outcomes)
    assert "NOT as expected" in outcomes[0].describe()


def test_quick_is_checked_against_its_own_range() -> None:
    [outcome] = check({"test_accuracy": 0.989}, EXPECTED, quick=True)
    assert outcome.passed


@pytest.mark.parametrize(("accuracy", "code"), [(0.95, 0), (0.5, 1), (math.inf, 1)])
def test_a_script_reports_and_exits_by_its_expectations(
    accuracy: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["01_hello.py", "--quick", "--out", str(tmp_path)])
    seen = []

    def main(settings: Any) -> dict[str, Any]:
        seen.append(settings.out)
        return {"test_accuracy": accuracy, "model": "SimpleNN"}

    parser = script_parser("Learn.")
    assert exit_code(lambda: run_script(main, "01_hello.py", EXPECTED, parser=parser, next_script="02.py")) == code
    report = json.loads((tmp_path / "01_hello.json").read_text())
    assert set(report) == {"quick", "values", "expected", "passed", "seconds", "peak_mb"}
    assert report["quick"] is True
    assert report["passed"] is (code == 0)
    assert report["expected"] == {"test_accuracy": [0.90, 0.99]}
    assert report["values"]["model"] == "SimpleNN"
    assert seen == [tmp_path]
    assert capsys.readouterr().out.splitlines()[-1] == "Next: 02.py"


def test_peak_memory_is_that_of_this_process_alone() -> None:
    block = bytearray(b"x") * (200 << 20)
    code = "import sys; sys.path.insert(0, sys.argv[1]); from coursekit.expectations import *; print(peak_memory_mb())"
    folder = str(Path(__file__).resolve().parents[1])
    child = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert 5 < float(child.stdout) < 100
    del block


def test_peak_memory_grows_with_what_was_held() -> None:
    before = peak_memory_mb()
    block = bytearray(b"x") * (int(before * 2**20) + (50 << 20))
    assert peak_memory_mb() > before + 30
    del block
