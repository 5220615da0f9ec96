"""The modules of the course as they stand in the repository: folders, scripts and what their docstrings promise."""

import ast
import importlib.util
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from coursekit.errors import CourseError

ROOT = Path(__file__).resolve().parents[3]
NUMBERED = re.compile(r"(\d\d)_")
HEADINGS = ("What you will learn", "How to run it", "Time and memory on 2 CPU cores:", "Writes", "Concepts:")
DURATION = r"(\d+(?:\.\d+)?) (s|min|h)\b"
SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Module:
    """One numbered folder of the course."""

    folder: Path

    @property
    def number(self) -> str:
        """Its two digits, for example "02"."""
        return self.folder.name[:2]

    @property
    def title(self) -> str:
        """The heading of its README without the number; until it has one, the folder's name in words."""
        readme = self.folder / "README.md"
        lines = readme.read_text(encoding="utf-8").splitlines() if readme.is_file() else []
        heading = next((line[2:] for line in lines if line.startswith("# ")), "")
        title = re.sub(r"^(module )?\d\d[ :_.-]*", "", heading, flags=re.I).strip() or self.folder.name[3:]
        return title[:1].upper() + title[1:].replace("_", " ")

    @property
    def scripts(self) -> list[Path]:
        """Its numbered scripts in order."""
        return sorted(path for path in self.folder.glob("[0-9][0-9]_*.py") if path.is_file())

    @property
    def lessons(self) -> list[Path]:
        """The scripts that end in `run_script`, so that passing them can be recorded."""
        return [path for path in self.scripts if "run_script(" in path.read_text(encoding="utf-8")]

    @property
    def documents(self) -> list[Path]:
        """Its concept documents."""
        return sorted(self.folder.glob("*_CONCEPTS_EXPLAINED.md"))

    @property
    def exercises(self) -> list[Path]:
        """The stubs of its exercises, by name; `coursekit.course.exercises.Exercise` reads them."""
        found = (self.folder / "exercises").glob("*.py")
        return sorted(path for path in found if path.stem.isidentifier() and not path.stem.startswith("_"))

    @property
    def quiz(self) -> Path | None:
        path = self.folder / "quiz.py"
        return path if path.is_file() else None

    @property
    def answers(self) -> Path:
        """Where the learner's copies of the exercises are."""
        return self.folder / "my_answers"


@dataclass(frozen=True)
class Header:
    """What a script's docstring promises.

    Attributes:
        title: Its first line.
        learn: The points of "What you will learn".
        commands: (command, what it does) of "How to run it".
        time: The whole text after "Time and memory on 2 CPU cores:".
        quick_seconds: The quick run's time in it; None where none is given.
        full_seconds: The full run's.
        writes: The whole "Writes ..." text.
        document: The file name in "Concepts:".
        concepts: The text between its brackets; `coursekit.course.concepts.split_terms` takes it apart.
    """

    title: str
    learn: tuple[str, ...]
    commands: tuple[tuple[str, str], ...]
    time: str
    quick_seconds: float | None
    full_seconds: float | None
    writes: str
    document: str
    concepts: str


def modules(root: Path = ROOT) -> list[Module]:
    """Return the numbered modules of the course in order."""
    return [Module(folder) for folder in sorted(root.glob("[0-9][0-9]_*")) if folder.is_dir()]


def module_of(path: Path) -> Module | None:
    """Return the module in whose folder a file stands; None outside of all."""
    for folder in path.resolve().parents:
        if NUMBERED.match(folder.name) and (folder.parent / "00_env_setup").is_dir():
            return Module(folder)
    return None


def docstring(path: Path) -> str:
    """Return a Python file's docstring without its indentation.

    Raises:
        CourseError: The file cannot be read, is not Python, or has none.
    """
    try:
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    except (OSError, SyntaxError, ValueError) as error:
        raise CourseError(f"{path.name} cannot be read: {error}") from error
    if not text:
        raise CourseError(f"{path.name} has no docstring.", hint="begin it with one line that says what it is")
    return inspect.cleandoc(text)


def header(path: Path) -> Header:
    """Return the parsed docstring of a numbered script.

    Raises:
        CourseError: A field is missing, empty or out of order; the message names it.
    """
    lines = docstring(path).splitlines()
    places = [_place(path, lines, heading) for heading in HEADINGS]
    for i in range(1, len(places)):
        if places[i] < places[i - 1]:
            raise CourseError(f'{path.name}: "{HEADINGS[i]}" must stand after "{HEADINGS[i - 1]}" in the docstring.')
    fields = [lines[start:end] for start, end in zip(places, [*places[1:], len(lines)], strict=True)]
    learn, run = _entries(fields[0], "- "), _entries(fields[1], "python ")
    time, writes, concepts = (" ".join(" ".join(field).split()) for field in fields[2:])
    for heading, found in zip(HEADINGS, (learn, run), strict=False):
        if not found:
            raise CourseError(f'{path.name}: nothing stands under "{heading}" in the docstring.')
    time = time.split(":", 1)[1].strip()
    duration, memory = re.search(DURATION, time), re.search(r"\d (GB|MB)\b", time)
    if not duration or not memory:
        raise CourseError(
            f'{path.name}: "{HEADINGS[2]}" needs a time and a memory, as in "quick 9 s, full 70 s; 0.6 GB".'
        )
    if not writes.split(":", 1)[-1].strip():
        raise CourseError(f'{path.name}: "Writes" names nothing; a script that writes nothing says so.')
    named = re.match(r"Concepts: (\S+\.md) \((.+)\)", concepts)
    if not named:
        raise CourseError(f'{path.name}: "Concepts:" must read like "Concepts: ML_CONCEPTS_EXPLAINED.md (gradients)".')
    return Header(
        title=lines[0].strip(),
        learn=tuple(learn),
        commands=tuple(_command(entry) for entry in run),
        time=time,
        quick_seconds=_seconds(time, "quick"),
        full_seconds=_seconds(time, "full"),
        writes=writes,
        document=named.group(1),
        concepts=named.group(2),
    )


def load_script(path: str | Path) -> ModuleType:
    """Import a lesson script by its path, with its folder first on `sys.path` while it is imported.

    Args:
        path: The script. It is imported anew at each call, under its name without `.py`.

    Raises:
        CourseError: There is no such file.
    """
    file = Path(path).resolve()
    if not file.is_file():
        raise CourseError(f"there is no script {file}.")
    _forget_namesakes(file.parent)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    sys.path.insert(0, str(file.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[file.stem]
        raise
    finally:
        sys.path.remove(str(file.parent))
    return module


def _forget_namesakes(folder: Path) -> None:
    """Let a script find the utils beside it, not those of the same name that were imported from another folder."""
    for beside in folder.glob("*.py"):
        known = getattr(sys.modules.get(beside.stem), "__file__", None)
        if known and Path(known).name == beside.name and Path(known).resolve() != beside:
            del sys.modules[beside.stem]


def _place(path: Path, lines: list[str], heading: str) -> int:
    for number, line in enumerate(lines):
        if line.strip().startswith(heading):
            return number
    raise CourseError(
        f'{path.name}: "{heading}" is missing in the docstring.',
        hint="every script begins with the same fields",
    )


def _entries(lines: list[str], start: str) -> list[str]:
    """The points of a field, each in one line; what does not begin with `start` goes on with the point before."""
    found: list[str] = []
    for line in (line.strip() for line in lines[1:]):
        if line.startswith(start):
            found.append(line.removeprefix("- "))
        elif line and found:
            found[-1] += f" {line}"
    return found


def _command(entry: str) -> tuple[str, str]:
    command, _, explanation = entry.partition("   ")
    return command.strip(), explanation.strip()


def _seconds(time: str, kind: str) -> float | None:
    found = re.search(rf"\b{kind} (?:about )?{DURATION}", time)
    return float(found.group(1)) * SECONDS[found.group(2)] if found else None
