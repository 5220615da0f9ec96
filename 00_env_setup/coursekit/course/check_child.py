"""Runs one check: `python -m coursekit.course.check_child CHECK MODULE SECONDS ANSWER FOLDER [ANSWER FOLDER ...]`.

Writes FOLDER/verdict.json, or FOLDER/late.txt (where the answer was at work when its time was up). Several answers are
asked in processes forked from this one, so that the check's libraries are loaded once; how one of them ended when it
wrote no verdict stands in FOLDER/code.txt. The learner never sees a line of this file: of every error only the lines
of the answer count.
"""

import faulthandler
import importlib
import importlib.util
import json
import linecache
import os
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NoReturn

from coursekit.course.errors import Wrong

Verdict = dict[str, Any]


def main(check: Path, module: Path, seconds: float, answers: list[tuple[Path, Path]]) -> None:
    """Import the check, then each answer, and ask the one about the other."""
    sys.path[:0] = [str(module)]
    checker = load(check, "check")
    if len(answers) == 1:
        judge(checker, *answers[0], seconds)
        return
    if "torch" in sys.modules:
        importlib.import_module("torch._dynamo")  # it takes seconds, and an optimizer's first step would load it
    for answer, folder in answers:
        pid = os.fork()
        if not pid:
            os.chdir(folder)
            judge(checker, answer, folder, seconds)
            leave()
        _, status = os.waitpid(pid, 0)
        if status:
            (folder / "code.txt").write_text(str(os.waitstatus_to_exitcode(status)), encoding="utf-8")


def judge(checker: ModuleType, answer: Path, folder: Path, seconds: float) -> None:
    """Ask about one answer, and write down what came out."""
    sys.path.append(str(answer.parent))  # last, so that an answer named like a library hides nothing
    with open(folder / "late.txt", "w", encoding="utf-8") as late:
        faulthandler.dump_traceback_later(seconds, exit=True, file=late)
        verdict = ask(checker, answer)
        faulthandler.cancel_dump_traceback_later()
    (folder / "verdict.json").write_text(json.dumps(verdict), encoding="utf-8")


def ask(checker: ModuleType, answer: Path) -> Verdict:
    try:
        checker.check(load(answer, answer.stem))
    except Wrong as wrong:
        return {"passed": False, "kind": "wrong", "message": str(wrong)}
    except BaseException as error:
        return explain(error, answer)
    return {"passed": True, "kind": "passed"}


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def explain(error: BaseException, answer: Path) -> Verdict:
    """Say what stopped the check, at the learner's own line."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == answer:
        pointer = " " * max((error.offset or 1) - 1, 0) + "^"
        text = (error.text or "").rstrip("\n").expandtabs(1)
        name = "the indentation is wrong" if isinstance(error, IndentationError) else "Python cannot read this line"
        return failure("syntax", f"{name}: {error.msg}", error.lineno, f"{text}\n{pointer}" if text.strip() else "")
    line = last_line(error.__traceback__, answer)
    source = linecache.getline(str(answer), line).strip() if line else ""
    if isinstance(error, NotImplementedError):
        return failure("unfinished", f"this part is not written yet{colon(error)}", line, source)
    if isinstance(error, AttributeError) and getattr(error.obj, "__file__", None) == str(answer):
        return failure("error", f"your file has no {error.name!r}; the check needs it by that name.", line, source)
    if isinstance(error, SystemExit):
        return failure("error", "your code ended the whole program (exit); let it return instead.", line, source)
    if isinstance(error, AssertionError) and not line:
        return failure("wrong", str(error) or f"this does not hold: {check_line(error)}", line, source)
    what = f"{type(error).__name__}{colon(error)}"
    if line:
        return failure("error", f"your code stopped with {what}", line, source)
    if isinstance(error, TypeError) and re.search(r"\) (missing|takes|got) ", str(error)):
        return failure("error", f"the check could not call your function: {error}", line, source)
    message = f"the check cannot work with what your code gave it: {what}, at: {check_line(error)}"
    return failure("error", message, line, source)


def failure(kind: str, message: str, line: int | None, source: str) -> Verdict:
    return {"passed": False, "kind": kind, "message": message, "line": line, "source": source}


def colon(error: BaseException) -> str:
    text = str(error).strip()
    return f": {text}" if text else ""


def last_line(trace: TracebackType | None, answer: Path) -> int | None:
    """The deepest line of the answer that was at work."""
    lines = [line for frame, line in traceback.walk_tb(trace) if frame.f_code.co_filename == str(answer)]
    return lines[-1] if lines else None


def check_line(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).name == "check.py"]
    return (frames[-1].line or "").strip() if frames else "its start"


def leave() -> NoReturn:
    """End at once: threads that the answer left running do not hold up the verdict."""
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _paths = [Path(word) for word in sys.argv[4:]]
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), list(zip(_paths[::2], _paths[1::2], strict=True)))
    leave()
