"""Documents hold: links lead somewhere, commands exist and know their flags, nothing of one machine leaks in."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
COMMAND = re.compile(r"^\s*(?:\S*/)?python3?\s+(\S+\.py)(.*)$")
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
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(target)
    return broken


def commands(document: Path) -> list[tuple[str, str]]:
    """(script, rest of the line) of every command in code blocks, continuation lines joined."""
    text = document.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.S | re.M)
    lines = [line.split("#")[0] for block in blocks for line in block.splitlines()]
    return [match.groups() for line in lines if (match := COMMAND.match(line))]


def find_script(document: Path, name: str) -> Path | None:
    places = (document.parent, ROOT, ROOT / "capstone_voice_replication_pipeline")
    return next((place / name for place in places if (place / name).is_file()), None)


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
            unknown = [flag for flag in FLAG.findall(rest) if flag not in help_of(script)]
            assert not unknown, f"{name} does not know {unknown}"


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
