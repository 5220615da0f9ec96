"""Every gate of gates.py goes red: a good little script passes them all, and each change that spoils it is named."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from . import gates

GOOD = '''"""Say hello, and keep it.

What you will learn
    - how little a script needs
How to run it
    python 01_hello.py --quick     the same, under 1 s
    python 01_hello.py             says hello, under 1 s
Time and memory on 2 CPU cores: quick 1 s, full 1 s; 0.1 GB.
Writes outputs/: hello.txt
Concepts: ENVIRONMENT_CONCEPTS_EXPLAINED.md (command line)
"""

import sys
from pathlib import Path

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

PARSER = script_parser(__doc__)
EXPECTED = {"letters": Expected(quick=(5, 5), full=(5, 5))}


def main(settings):
    (settings.out / "hello.txt").write_text("hello", encoding="ascii")
    print("hello")
    return {"letters": 5}


if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_next.py")
'''
HELLO = '    print("hello")\n'


@pytest.fixture
def sandbox(tmp_path: Path) -> gates.Sandbox:
    """A sandbox over a repository of one module and the coursekit that is being tested."""
    source = tmp_path / "source"
    coursekit = gates.ROOT / "00_env_setup" / "coursekit"
    shutil.copytree(coursekit, source / "00_env_setup" / "coursekit", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(["git", "init", "--quiet", str(source)], check=True)
    (source / "50_hello").mkdir()
    (source / "50_hello" / "requirements-sound.txt").write_text("sound  # an extra\n")
    (source / "50_hello" / "02_next.py").write_text(GOOD)
    return gates.Sandbox(tmp_path / "sandbox", source)


def write(sandbox: gates.Sandbox, text: str, name: str = "01_hello.py") -> Path:
    script = sandbox.root / "50_hello" / name
    script.write_text(text, encoding="utf-8")
    return script


def doing(code: str) -> str:
    """The good script, with one more line in main."""
    return GOOD.replace(HELLO, f"{HELLO}    {code}\n")


def quick_problems(run: gates.Run) -> str:
    return "\n".join(gates.run_problems(run) + gates.report_problems(run) + gates.written_problems(run))


def test_a_good_script_passes_every_gate(sandbox: gates.Sandbox) -> None:
    script = write(sandbox, GOOD)
    assert gates.header_problems(script) + gates.source_problems(script) == []
    first = sandbox.run(script, "--quick")
    between = gates.snapshot(first.out)
    second = sandbox.run(script, "--quick")
    assert first.written == {"hello.txt", "01_hello.json"} == second.written
    assert quick_problems(first) == "" == quick_problems(second)
    assert gates.second_run_problems(second, between) == []
    assert gates.refusal_problems(sandbox.run(script, "--quik")) == []
    assert gates.missing_extra(first) == "" and gates.wanted_first(first) is None


FIELDS = ("What you will learn", "How to run it", "Time and memory on 2 CPU cores:", "Writes outputs/:", "Concepts:")


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_header_field_is_named(field: str, sandbox: gates.Sandbox) -> None:
    [problem] = gates.header_problems(write(sandbox, GOOD.replace(field, "Something else:")))
    assert field.split()[0] in problem


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("\n\n\nif", "\n" * 400 + "\n\nif"), "lines; 350 are the most"),
        (GOOD.replace("how little", "h\N{LATIN SMALL LETTER O WITH DIAERESIS}w little"), "line 4 is not plain ASCII"),
        (GOOD.replace("PARSER = ", "print('at work')\nPARSER = "), "runs on import: print"),
        (GOOD.replace("PARSER = ", "for n in ():\n    pass\nPARSER = "), "runs on import: a for block"),
        (GOOD.replace("EXPECTED = ", "WISHES = "), "EXPECTED is missing"),
        (GOOD.replace("def main", "def work"), "main is missing"),
        (GOOD.replace("PARSER = ", "FLAGS = "), "PARSER is missing"),
        (GOOD.replace('if __name__ == "__main__":', "if True:"), "does not end with"),
        (GOOD + "\nprint('after the end')\n", "does not end with"),
    ],
    ids=lambda value: value if len(value) < 60 else "",
)
def test_a_source_unlike_the_others_is_named(text: str, said: str, sandbox: gates.Sandbox) -> None:
    assert said in "\n".join(gates.source_problems(write(sandbox, text)))


OUTSIDE = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=0.1)"  # an address nobody has


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (doing("raise CourseError('the disk is full', hint='free some space')"), "exit code 2"),
        (doing("raise ValueError('oops')"), "exit code 1"),
        (doing("input('your name? ')"), "exit code 1"),
        (doing(OUTSIDE), "tried the network: socket.getaddrinfo 192.0.2.1"),
        (doing(f'exec("try:\\n    {OUTSIDE}\\nexcept RuntimeError: pass")'), "tried the network"),
        (doing("Path('notes.txt').write_text('here')"), "wrote or removed elsewhere/notes.txt"),
        (doing("Path(__file__).with_name('notes.txt').write_text('x')"), "wrote or removed course/50_hello/notes.txt"),
        (doing("Path(__file__).with_name('02_next.py').unlink()"), "wrote or removed course/50_hello/02_next.py"),
        (doing("(Path.home() / '.hello').write_text('x')"), "wrote or removed home/.hello"),
        (doing("import tempfile; tempfile.mkstemp()"), "wrote or removed temporary/"),
        (doing("print('\\xe9')"), "stdout is not plain ASCII"),
        (doing("print('\\u2713')"), "exit code 1"),
        (doing("print('\\xe9', file=sys.stderr)"), "stderr is not plain ASCII"),
        (doing("import warnings; warnings.warn('soon gone', FutureWarning)"), "a library warns"),
        (GOOD.replace(', next_script="02_next.py"', ""), "names no next step"),
        (GOOD.replace('"02_next.py"', '"03_missing.py"'), "neither a script that exists nor"),
        (GOOD.replace('{"letters": 5}', '{"letters": 6}'), "letters is 6, expected 5 to 5"),
        (GOOD.replace('return {"letters": 5}', "return {}"), "letters is None"),
        (GOOD.replace("quick=(5, 5)", "quick=None"), "EXPECTED has no range for --quick"),
        (doing("settings.quick = False"), "does not say quick"),
        (doing("sys.exit(0)"), "no report 01_hello.json"),
        (doing("(settings.out / 'more.txt').write_text('x')"), "wrote more.txt, which the header's Writes"),
        (GOOD.replace("Writes outputs/: hello.txt", "Writes: nothing but the report"), "wrote hello.txt, which"),
        (GOOD.replace(": hello.txt", ": hello.txt, plot.png"), "names plot.png, which was not written"),
        (GOOD.replace(": hello.txt", ": hello.txt, clips/"), "names clips/, which was not written"),
    ],
    ids=lambda value: value if len(value) < 60 else "",
)
def test_a_quick_run_that_misbehaves_is_named(text: str, said: str, sandbox: gates.Sandbox) -> None:
    assert text != GOOD
    assert said in quick_problems(sandbox.run(write(sandbox, text), "--quick"))


def test_a_range_that_cannot_fail_and_a_report_with_gaps_are_named(sandbox: gates.Sandbox) -> None:
    run = sandbox.run(write(sandbox, GOOD), "--quick")

    def problems(before: str, after: str) -> list[str]:
        assert run.report_text and before in run.report_text
        return gates.report_problems(replace(run, report_text=run.report_text.replace(before, after)))

    assert problems('"quick"', '"quick"') == []
    assert problems("[\n      5,\n      5\n    ]", "[-Infinity, Infinity]") == [
        "letters: the range -inf to inf cannot fail"
    ]
    assert problems('"peak_mb"', '"memory"') == ["the report lacks peak_mb"]
    assert problems('"passed": true', '"passed": false') == ["the report does not say passed"]
    assert problems('"seconds": ', '"seconds": -1')[0].startswith("seconds is -1")
    assert "not a JSON object" in gates.report_problems(replace(run, report_text="[]"))[0]


def test_each_run_keeps_its_own_report(sandbox: gates.Sandbox) -> None:
    counted = doing("(settings.out / 'n').write_text(str(letters := (settings.out / 'n').exists() + 5))")
    counted = counted.replace('{"letters": 5}', '{"letters": letters}').replace(": hello.txt", ": hello.txt, n")
    script = write(sandbox, counted)
    first, second = sandbox.run(script, "--quick"), sandbox.run(script, "--quick")
    assert gates.report_problems(first) == []
    assert "letters is 6, expected 5 to 5" in gates.report_problems(second)
    assert "it was not written" in gates.report_problems(sandbox.run(script, "--quik"))[0]


def test_what_a_folder_or_a_star_promises_may_be_written(sandbox: gates.Sandbox) -> None:
    text = doing("(settings.out / 'clips').mkdir(); (settings.out / 'clips' / 'a.wav').write_text('')")
    text = text.replace(
        ": hello.txt", ": *.txt, clips/ (one WAV file), plot.png (full run only), kept/ (first run only)"
    )
    assert quick_problems(sandbox.run(write(sandbox, text), "--quick")) == ""


def test_a_second_run_that_piles_up_files_is_named(sandbox: gates.Sandbox) -> None:
    script = write(sandbox, doing("import time; (settings.out / f'{time.time_ns()}.txt').write_text('x')"))
    between = gates.snapshot(sandbox.run(script, "--quick").out)
    [problem] = gates.second_run_problems(sandbox.run(script, "--quick"), between)
    assert "made a new file" in problem


def test_a_flag_that_is_swallowed_or_refused_badly_is_named(sandbox: gates.Sandbox) -> None:
    swallowed = GOOD.replace("PARSER = ", "sys.argv = [word for word in sys.argv if word != '--quik']\nPARSER = ")
    problems = gates.refusal_problems(sandbox.run(write(sandbox, swallowed), "--quik"))
    assert "--quik ends with exit code 0, not 2" in problems and "refusing --quik wrote hello.txt" in problems
    traceback = GOOD.replace("PARSER = ", "assert '--quik' not in sys.argv, '--quik'\nPARSER = ")
    problems = gates.refusal_problems(sandbox.run(write(sandbox, traceback), "--quik"))
    assert "the refusal of --quik is a traceback" in problems
    assert "the refusal of --quik does not say 'HINT: '" in problems


def test_a_script_that_hangs_is_stopped(sandbox: gates.Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gates, "TIME_LIMIT", 1.0)
    run = sandbox.run(write(sandbox, doing("import time; time.sleep(60)")), "--quick")
    assert "it took too long" in quick_problems(run)


@pytest.mark.parametrize(("extra", "skips"), [("sound", True), ("no-such-extra", False)])
def test_only_an_extra_that_exists_excuses_a_script(extra: str, skips: bool, sandbox: gates.Sandbox) -> None:
    hint = f"python3 00_env_setup/bootstrap.py extra {extra}"
    run = sandbox.run(write(sandbox, doing(f"raise CourseError('it is missing', hint='{hint}')")), "--quick")
    assert bool(gates.missing_extra(run)) is skips
    assert "exit code 2" in quick_problems(run)


@pytest.mark.parametrize(("first", "found"), [("01_hello.py", True), ("02_next.py", False), ("00_no.py", False)])
def test_only_an_earlier_script_is_run_first(first: str, found: bool, sandbox: gates.Sandbox) -> None:
    write(sandbox, GOOD)
    hint = f"python {first} --quick"
    script = write(sandbox, doing(f"raise CourseError('no model yet', hint='{hint}')"), "02_next.py")
    assert bool(gates.wanted_first(sandbox.run(script, "--quick"))) is found


def test_the_sandbox_sees_removed_and_changed_files(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("1")
    (tmp_path / "__pycache__").mkdir()
    before = gates.snapshot(tmp_path)
    (tmp_path / "__pycache__" / "x.pyc").write_text("1")
    assert gates.changes(before, gates.snapshot(tmp_path)) == []
    (tmp_path / "kept").write_text("22")
    (tmp_path / "new").write_text("1")
    assert gates.changes(before, gates.snapshot(tmp_path)) == ["kept", "new"]
    (tmp_path / "kept").unlink()
    assert gates.changes(before, gates.snapshot(tmp_path)) == ["kept", "new"]


def test_the_scripts_of_every_module_are_found(tmp_path: Path) -> None:
    for name in ("01_a/01_b.py", "01_a/utils.py", "01_a/exercises/01_no.py", "capstone/01_no.py", "01_a/02_b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in gates.numbered_scripts(tmp_path)] == ["01_b.py", "02_b.py"]
