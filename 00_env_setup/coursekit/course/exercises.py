"""Exercises: the stub, the learner's copy of it, hints and solution, and the check in a process of its own."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO

from coursekit.course.modules import Module, docstring, module_of
from coursekit.errors import CourseError
from coursekit.files import write_bytes_atomic

FIELDS = ("After", "Concepts", "Kind", "Time")
DEFAULT_SECONDS = 60.0  # ten times what a check may take, for slow or busy machines
SECONDS_TO_START = 120.0  # for the libraries a check imports, on a slow disk; the learner's own time comes on top
MOST_PRINTED = 4000  # characters of the learner's prints that are kept


@dataclass(frozen=True)
class Exercise:
    """One exercise, by its stub `NN_*/exercises/NAME.py`.

    The properties that read the docstring raise CourseError, naming the field, when it is not as it should be.
    """

    stub: Path

    @property
    def module(self) -> Module:
        return Module(self.stub.parents[1])

    @property
    def name(self) -> str:
        """For example "02/gradients"."""
        return f"{self.module.number}/{self.stub.stem}"

    @property
    def answers(self) -> Path:
        """The folder with check.py, hints.md, the solution and typical wrong answers."""
        return self.stub.parent / f"{self.stub.stem}.answers"

    @property
    def copy(self) -> Path:
        """The learner's own file."""
        return self.module.answers / self.stub.name

    @cached_property
    def _docstring(self) -> list[str]:
        return docstring(self.stub).splitlines()

    @property
    def title(self) -> str:
        return self._docstring[0].strip()

    @property
    def task(self) -> str:
        """The docstring without its title and fields."""
        field = re.compile(rf"({'|'.join(FIELDS)}): ")
        return "\n".join(line for line in self._docstring[1:] if not field.match(line)).strip()

    @property
    def after(self) -> str:
        """The file name of the script it follows."""
        return self._field("After")

    @property
    def concepts(self) -> str:
        """Section titles, comma separated."""
        return self._field("Concepts")

    @property
    def kind(self) -> str:
        """ "exercise" or "lab"."""
        return self._field("Kind")

    @property
    def time(self) -> str:
        return self._field("Time")

    @property
    def hints(self) -> list[str]:
        """The texts below "## 1", "## 2", ... of hints.md."""
        path = self.answers / "hints.md"
        if not path.is_file():
            return []
        parts = re.split(r"^## \d+.*$", path.read_text(encoding="utf-8"), flags=re.M)
        return [part.strip() for part in parts[1:]]

    @property
    def wrong_answers(self) -> list[Path]:
        return sorted(self.answers.glob("wrong_*.py"))

    def hand_out(self) -> bool:
        """Copy the stub for the learner, unless there is a copy; return whether it was made now."""
        if self.copy.exists():
            return False
        try:
            write_bytes_atomic(self.copy, self.stub.read_bytes())
        except OSError as error:
            raise CourseError(
                f"cannot write your copy {self.copy}: {error.strerror or error}.", hint="the folder must be writable"
            ) from error
        return True

    def is_untouched(self) -> bool:
        """Whether the learner's copy is still word for word the stub."""
        return self.copy.read_bytes().split() == self.stub.read_bytes().split()

    def set_aside(self) -> Path:
        """Move the learner's copy to NAME.1.py, NAME.2.py, ... and return where it went."""
        if not self.copy.exists():
            raise CourseError(f"there is no copy of {self.name} to set aside.", hint=f"course exercise {self.name}")
        number = 1
        while (target := self.copy.with_name(f"{self.stub.stem}.{number}.py")).exists():
            number += 1
        try:
            shutil.move(self.copy, target)
        except OSError as error:
            raise CourseError(f"cannot move {self.copy}: {error.strerror or error}.") from error
        return target

    def _field(self, name: str) -> str:
        for line in self._docstring:
            if line.startswith(f"{name}: ") and line.removeprefix(f"{name}: ").strip():
                return line.removeprefix(f"{name}: ").strip()
        raise CourseError(f'{self.name}: "{name}:" is missing in the docstring of {self.stub.name}.')


@dataclass(frozen=True)
class Verdict:
    """What a check said.

    Attributes:
        passed: Whether the answer is right.
        kind: "passed", "wrong", "unfinished", "syntax", "error" (the learner's code stopped), "timeout", "died".
        message: What went wrong, for the learner.
        line: The line of the answer it is about; None when there is none.
        source: That line's text.
        printed: What the answer printed, cut after some thousand characters.
    """

    passed: bool
    kind: str
    message: str = ""
    line: int | None = None
    source: str = ""
    printed: str = ""


def find_exercises(module: Module) -> list[Exercise]:
    """Return the exercises of a module, by name."""
    return [Exercise(stub) for stub in module.exercises]


def exercise_of(stub: str | Path) -> Exercise:
    """Return the exercise of a stub's path."""
    path = Path(stub).resolve()
    if module_of(path) is None or path.parent.name != "exercises" or not path.is_file():
        raise CourseError(f"{path} is no exercise; those are NN_*/exercises/NAME.py.")
    return Exercise(path)


def check_answer(exercise: Exercise, answer: Path, seconds: float = DEFAULT_SECONDS) -> Verdict:
    """Check an answer in a process of its own, so that whatever it does ends there.

    Args:
        exercise: Which exercise.
        answer: The learner's file, the solution, or a wrong answer.
        seconds: Time limit, from when the check's own libraries are loaded.
    """
    return check_answers(exercise, [answer], seconds)[0]


def check_answers(exercise: Exercise, answers: list[Path], seconds: float = DEFAULT_SECONDS) -> list[Verdict]:
    """Check several answers, each in a process of its own; the check's libraries are loaded once where the system can
    fork. What they printed is kept together.

    The arguments are those of `check_answer`.
    """
    if len(answers) > 1 and not hasattr(os, "fork"):
        return [check_answer(exercise, answer, seconds) for answer in answers]
    answers = [answer.resolve() for answer in answers]  # the check runs in another folder
    with tempfile.TemporaryDirectory(prefix="course_") as name:
        folders = [Path(name, str(number)) for number in range(len(answers))]
        for folder in folders:
            folder.mkdir()
        words: list[object] = [exercise.answers / "check.py", exercise.module.folder, seconds]
        words += [word for pair in zip(answers, folders, strict=True) for word in pair]
        process = subprocess.Popen(
            [sys.executable, "-m", "coursekit.course.check_child", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folders[0],
            env={**os.environ, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert process.stdout is not None
        kept: list[bytes] = []
        reader = threading.Thread(target=_keep_beginning, args=(process.stdout, kept), daemon=True)
        reader.start()
        try:
            process.wait(timeout=SECONDS_TO_START + seconds * len(answers))
        except subprocess.TimeoutExpired:
            pass  # it could not even be asked where it is; what it has written says the rest
        finally:
            process.kill()
            process.wait()
            reader.join(timeout=5)
        printed = b"".join(kept)[:MOST_PRINTED].decode("utf-8", "replace").replace("\r\n", "\n")
        return [
            _verdict(folder, answer, _exit_code(folder, process.returncode), seconds, printed)
            for folder, answer in zip(folders, answers, strict=True)
        ]


def _exit_code(folder: Path, otherwise: int) -> int:
    told = folder / "code.txt"
    return int(told.read_text(encoding="utf-8")) if told.is_file() else otherwise


def _verdict(folder: Path, answer: Path, code: int, seconds: float, printed: str) -> Verdict:
    with contextlib.suppress(OSError, ValueError):
        return Verdict(**json.loads((folder / "verdict.json").read_text(encoding="utf-8")), printed=printed)
    late = folder / "late.txt"
    trace = late.read_text(encoding="utf-8", errors="replace") if late.exists() else ""
    if trace:
        place = re.search(rf'[/\\]{re.escape(answer.name)}", line (\d+)', trace)
        line = int(place.group(1)) if place else None
        message = f"your code was still running after {seconds:g} s. Is there a loop that never ends?"
        return Verdict(False, "timeout", message, line, _source(answer, line), printed)
    said = (printed.strip().splitlines() or ["nothing"])[-1]
    message = f"the check ended before it had a verdict, exit code {code}. The last it said: {said}"
    return Verdict(False, "died", message, printed=printed)


def _source(path: Path, line: int | None) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[line - 1].strip() if line and line <= len(lines) else ""


def _keep_beginning(stream: IO[bytes], kept: list[bytes]) -> None:
    """Read a pipe to its end, so that its writer never waits, and keep only what comes first."""
    size = 0
    while block := stream.read(65536):
        if size < MOST_PRINTED:
            kept.append(block)
        size += len(block)
