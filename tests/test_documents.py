"""Documents hold: links lead somewhere, commands exist and know what they name, nothing of one machine leaks in."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.course import script_commands
from coursekit.course.main import line_problems
from coursekit.course.modules import ROOT
from coursekit.data.registry import DATASETS

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^\s*(?:\S*/)?python3?\s+(\S+\.py)(.*)$")
COURSE = re.compile(r"^\s*(?:\$ )?(?:\S*/)?course(?: +(.*))?$")
INLINE = re.compile(r"`(course [^`\n]+)`")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
MISSING_VALUES = re.compile(r"@[A-Z_]{3,}@")


def tracked(pattern: str) -> list[Path]:
    out = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in out.splitlines() if (ROOT / name).is_file()]


DOCUMENTS = tracked("*.md")


def anchors(document: Path) -> set[str]:
    """Anchors as the usual Markdown viewers make them from headings."""
    found = set()
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            title = line.lstrip("#").strip().lower()
            found.add(re.sub(r"[^\w\- ]", "", title).replace(" ", "-"))
    return found


def broken_links(document: Path) -> list[str]:
    broken = []
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists() or (anchor and not has_anchor(path, anchor)):
            broken.append(target)
    return broken


def has_anchor(path: Path, anchor: str) -> bool:
    """Whether a document has this heading, or a source this line (`#L12`)."""
    line = re.fullmatch(r"L(\d+)", anchor)
    if line and path.suffix != ".md":
        return int(line.group(1)) <= len(path.read_text(encoding="utf-8").splitlines())
    return path.is_file() and anchor in anchors(path)


def block_lines(document: Path) -> list[str]:
    """The lines in code blocks without comments, continuation lines joined."""
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.S | re.M)
    return [line.split("#")[0].rstrip() for block in blocks for line in block.splitlines()]


def commands(document: Path) -> list[tuple[str, str]]:
    """(script, rest of the line) of every command in code blocks."""
    return [match.groups() for line in block_lines(document) if (match := COMMAND.match(line))]


def course_commands(document: Path) -> list[str]:
    """Every `course ...` in code blocks (up to an explanation beside it) and in the text."""
    blocks = [match.group(1) or "" for line in block_lines(document) if (match := COURSE.match(line))]
    found = [f"course {re.split(' {2,}', words)[0]}".strip() for words in blocks]
    return found + INLINE.findall(document.read_text(encoding="utf-8"))


def course_problems(command: str) -> list[str]:
    problems = line_problems(command)
    words = command.split()
    if not problems and words[1:2] == ["run"] and "NN" not in command:
        settings = script_commands.split_run(words[2:])
        script = script_commands.resolve_run(settings, ROOT)
        unknown = [flag for flag in settings.flags if FLAG.match(flag) and not knows(script, FLAG.match(flag)[0])]
        problems += [f"{command}: {script.name} does not know {flag}" for flag in unknown]
    return problems


def find_script(document: Path, name: str) -> Path | None:
    places = (document.parent, ROOT, ROOT / "capstone_voice_replication_pipeline")
    return next((place / name for place in places if (place / name).is_file()), None)


def knows(script: Path, flag: str) -> bool:
    """Whether a script has a flag: its source says so, or else its --help, which takes seconds with large libraries."""
    source = script.read_text(encoding="utf-8")
    own = re.findall(r'add_argument\(\s*"(--[\w-]+)"', source)
    common = ("--quick", "--seed", "--device", "--out") if "script_parser(" in source else ()
    return flag in own or flag in common or flag in help_of(script)


@functools.cache
def help_of(script: Path) -> str:
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_anchors_lead_somewhere(document):
    assert not broken_links(document)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_commands_exist_and_know_their_flags(document):
    for name, rest in commands(document):
        script = find_script(document, name)
        assert script, f"{name} is not here"
        if script.name != "bootstrap.py":
            unknown = [flag for flag in FLAG.findall(rest) if not knows(script, flag)]
            assert not unknown, f"{name} does not know {unknown}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_course_commands_name_what_exists(document):
    assert [problem for command in course_commands(document) for problem in course_problems(command)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_value_is_left_to_be_filled_in(document):
    assert not MISSING_VALUES.findall(document.read_text(encoding="utf-8"))


def test_these_checks_can_fail(tmp_path):
    document = tmp_path / "README.md"
    links = "[a](missing.md) [b](#no-such) [c](#a-title)"
    document.write_text(f"# A title\n{links}\n```\npython no.py --x\n```\n@SECONDS@\n", encoding="utf-8")
    assert broken_links(document) == ["missing.md", "#no-such"]
    assert commands(document) == [("no.py", " --x")]
    assert find_script(document, "no.py") is None
    assert MISSING_VALUES.findall(document.read_text())
    (tmp_path / "a.py").write_text("x = 1\n")
    document.write_text("[ok](a.py#L1) [past its end](a.py#L2) [no line](a.py#x)\n")
    assert broken_links(document) == ["a.py#L2", "a.py#x"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("```\n$ course stauts 02\n```", "Did you mean status?"),
        ("```\n.venv/bin/course run 99/01  the first\n```", "no module '99'"),
        ("`course exercise 01/no_such_thing`", "no exercise 'no_such_thing'"),
        ("`course concept no such concept`", "is no term"),
        ("`course quiz 02 --dew`", "'--dew'"),
        ("`course run 01/01 --quik`", "does not know --quik"),
        ("`course status 02 03`", "'03'"),
    ],
)
def test_a_course_command_that_is_wrong_is_named(tmp_path, text, named):
    document = tmp_path / "README.md"
    document.write_text(f"# A title\n{text}\n", encoding="utf-8")
    [command] = course_commands(document)
    [problem] = course_problems(command)
    assert named in problem


def test_course_commands_that_are_right_are_let_be(tmp_path):
    document = tmp_path / "README.md"
    right = [
        "course",
        "course next   the next thing",
        "course run NN/NN --quick",
        "course concept TERM",
        "course doctor",
    ]
    document.write_text(
        "```\n" + "\n".join(right) + "  # a comment\n```\n`course run 01/01 --quick`\n", encoding="utf-8"
    )
    assert len(course_commands(document)) == 6
    assert [problem for command in course_commands(document) for problem in course_problems(command)] == []


@pytest.mark.parametrize("name", DATASETS)
def test_the_readme_lists_what_is_fetched_and_how_large_it_is(name):
    megabytes = round(sum(file.size for file in DATASETS[name].files) / 1e6)
    rows = [line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if line.startswith(f"| {name} |")]
    assert len(rows) == 1 and f"| {megabytes} MB |" in rows[0], f"{name}, {megabytes} MB"


def test_sources_print_plain_ascii_and_know_no_machine():
    """Sources are ASCII but for phonemes and test data, and hold no path of somebody's home."""
    allowed = {"frontend.py", "test_starter.py", "engine_models.py"}  # phonemes
    offenders = []
    for path in tracked("*.py"):
        text = path.read_text(encoding="utf-8")
        if re.search(r"(?<![\w.])/(home|root|Users)/\w+", text) and path.name != Path(__file__).name:
            offenders.append(f"{path.relative_to(ROOT)}: a home folder")
        if not text.isascii() and path.name not in allowed:
            line = next(n for n, part in enumerate(text.splitlines(), 1) if not part.isascii())
            offenders.append(f"{path.relative_to(ROOT)}:{line}: not ASCII")
    assert not offenders


def test_ruff_and_mypy_are_content():
    for tool in (["ruff", "check", "--quiet"], ["mypy"]):
        done = subprocess.run([sys.executable, "-m", *tool], cwd=ROOT, capture_output=True, text=True, timeout=500)
        assert done.returncode == 0, done.stdout[-3000:]
