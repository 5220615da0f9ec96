"""The learner's progress: a readable text file to which each event adds one line.

2026-11-23 10:05  script    02/03_train_mnist  full  passed
2026-11-23 10:20  quiz      02  7/9  right: batches-per-epoch, ...  missed: why-zero-grad
"""

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from coursekit.course.modules import ROOT, module_of
from coursekit.errors import CourseError

KINDS = ("script", "exercise", "quiz")
SECONDS_TO_WAIT = 5.0
LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d)  (\w+) +(\S.*)")


@dataclass(frozen=True)
class Event:
    """One line of the file."""

    when: datetime
    kind: str
    name: str
    details: tuple[str, ...]


def progress_path(root: Path = ROOT) -> Path:
    """Return where progress is kept: `.progress` in the repository, or what COURSE_PROGRESS names."""
    setting = os.environ.get("COURSE_PROGRESS")
    return Path(setting) if setting else root / ".progress"


def record(kind: str, name: str, *details: str, root: Path = ROOT) -> bool:
    """Add an event; when it cannot be written, say so on stderr and go on.

    Args:
        kind: "script", "exercise" or "quiz".
        name: What it was, for example "02/03_train_mnist".
        details: How it went, for example "full", "passed".

    Returns:
        Whether it was written.
    """
    if kind not in KINDS:
        raise ValueError(f"kind is {kind!r}, expected one of {', '.join(KINDS)}")
    words = [" ".join(detail.split()) for detail in (name, *details)]
    line = f"{datetime.now():%Y-%m-%d %H:%M}  {kind:8}  {'  '.join(words)}\n"
    path = progress_path(root)
    try:
        with _alone(path):
            _append(path, line)
    except OSError as error:
        reason = error.strerror or error
        print(f"Note: this could not be noted in {path} ({reason}). Nothing else is lost.", file=sys.stderr)
        return False
    return True


def record_script(script: str | Path, quick: bool) -> bool:
    """Record that a lesson script's expectations hold; a script outside the course's modules is not recorded."""
    path = Path(script).resolve()
    module = module_of(path)
    if module is None or path.parent != module.folder:
        return False
    mode = "quick" if quick else "full"
    return record("script", f"{module.number}/{path.stem}", mode, "passed", root=module.folder.parent)


def events(root: Path = ROOT) -> list[Event]:
    """Return all events in the order they were written; `spoilt_lines` tells which lines are none."""
    return [event for _, _, event in _lines(root) if event]


def spoilt_lines(root: Path = ROOT) -> list[int]:
    """Return the numbers of the lines that are no events (edited by hand, or cut off)."""
    return [number for number, text, event in _lines(root) if text.strip() and not event]


def _lines(root: Path) -> list[tuple[int, str, Event | None]]:
    try:
        text = progress_path(root).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise CourseError(
            f"your progress in {progress_path(root)} cannot be read: {error.strerror or error}.",
            hint="make it readable, or name another file with the environment variable COURSE_PROGRESS",
        ) from error
    return [(number, line, _event(line)) for number, line in enumerate(text.splitlines(), 1)]


def _event(line: str) -> Event | None:
    matched = LINE.fullmatch(line.rstrip())
    if not matched or matched.group(2) not in KINDS:
        return None
    try:
        when = datetime.strptime(matched.group(1), "%Y-%m-%d %H:%M")
    except ValueError:
        return None
    name, *details = re.split(r" {2,}", matched.group(3))
    return Event(when, matched.group(2), name, tuple(details))


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold the file's lock; one that somebody keeps for seconds is not waited for, since an event is worth more."""
    from filelock import FileLock, Timeout  # here, so that `course doctor` works where packages are broken

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(path.name + ".lock"))
    with contextlib.suppress(Timeout, NotImplementedError):  # the latter: a network disk without locks
        lock.acquire(timeout=SECONDS_TO_WAIT)
    try:
        yield
    finally:
        lock.release()


def _append(path: Path, line: str) -> None:
    """Write one whole line at the end, on a line of its own also after one that was cut off."""
    with open(path, "ab+") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = "\n" + line
        file.write(line.encode("utf-8"))
