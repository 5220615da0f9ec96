"""The `course` command: what it can do, and how its words find the function that does it."""

import os
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from coursekit.cli import run_main
from coursekit.course import (
    concept_command,
    exercise_commands,
    quiz_command,
    script_commands,
    status_commands,
)
from coursekit.course.modules import ROOT, modules
from coursekit.course.names import suggestion
from coursekit.course.parser import CommandParser
from coursekit.errors import CourseError

HELP = """The course at your side: what comes next, exercises, quizzes, concepts.

    course next                    the next thing to do, in reading order
    course status                  your journey: what is done, what is due
    course run 02/03 --quick       run a script (module 02, script 03); flags go to the script
    course check 02/03             did its last run measure what it should?
    course exercise 02/gradients   begin an exercise; once begun: check your answer
    course hint 02/gradients       the next hint for it
    course solution 02/gradients   the solution, explained
    course reset 02/gradients      begin it anew; your answer is kept aside
    course quiz 02                 the quiz of a module; course quiz --due repeats what is due
    course concept learning rate   where a term is explained, and where it lives
    course doctor                  is this machine ready? what repairs it?

Add --help to a command for more. Nothing is locked: any order is fine."""


HELP_WORDS = ("help", "-h", "--help")
PLACEHOLDER = re.compile(r"\b(NN|[A-Z]{4,})\b")


@dataclass(frozen=True)
class Command:
    """One word of `course`.

    Attributes:
        parse: Its words to settings; raises CourseError when they do not fit.
        resolve: Settings to what they name; raises CourseError when there is no such thing. It changes nothing.
        run: Does it and returns the exit code.
    """

    parse: Callable[[list[str]], Namespace]
    resolve: Callable[[Namespace, Path], object]
    run: Callable[[Namespace, Path], int]


def _parse(parser: Callable[[], CommandParser]) -> Callable[[list[str]], Namespace]:
    return lambda words: parser().parse_args(words)


def _nothing(settings: Namespace, root: Path) -> None:
    del settings, root


def _doctor(settings: Namespace, root: Path) -> int:
    del root
    from coursekit import doctor

    return doctor.main(settings.words)


COMMANDS = {
    "next": Command(_parse(status_commands.next_parser), _nothing, status_commands.run_next),
    "status": Command(
        _parse(status_commands.status_parser), status_commands.resolve_status, status_commands.run_status
    ),
    "run": Command(script_commands.split_run, script_commands.resolve_run, script_commands.run_run),
    "check": Command(_parse(script_commands.check_parser), script_commands.resolve_check, script_commands.run_check),
    "exercise": Command(
        _parse(exercise_commands.exercise_parser), exercise_commands.resolve_exercise, exercise_commands.run_exercise
    ),
    "hint": Command(_parse(exercise_commands.hint_parser), exercise_commands.resolve, exercise_commands.run_hint),
    "solution": Command(
        _parse(exercise_commands.solution_parser), exercise_commands.resolve, exercise_commands.run_solution
    ),
    "reset": Command(_parse(exercise_commands.reset_parser), exercise_commands.resolve, exercise_commands.run_reset),
    "quiz": Command(_parse(quiz_command.parser), quiz_command.resolve, quiz_command.run),
    "concept": Command(_parse(concept_command.parser), concept_command.resolve, concept_command.run),
    "doctor": Command(lambda words: Namespace(words=words), _nothing, _doctor),
}


def main(words: Sequence[str], root: Path = ROOT) -> int:
    """Run `course` with these words and return its exit code.

    Raises:
        CourseError: The words name a command or a thing that does not exist, or it cannot be done.
    """
    name, *rest = words or ["help"]
    if name in HELP_WORDS:
        print(HELP)
        return 0
    command = _command(name)
    if name != "doctor" and not modules(root):
        raise CourseError(
            f"no modules of the course are in {root}.", hint="install coursekit from the repository's folder"
        )
    return command.run(command.parse(rest), root)


def line_problems(line: str, root: Path = ROOT) -> list[str]:
    """Return what is wrong with a `course ...` line of a document; an empty list is a pass.

    Words in capitals (NAME, TERM, NN) stand for anything.
    """
    try:
        name, *rest = shlex.split(line)[1:] or ["help"]
        if name in HELP_WORDS:
            return []
        command = _command(name)
        if any(PLACEHOLDER.search(word) for word in rest):
            return []
        command.resolve(command.parse(rest), root)
    except (CourseError, ValueError) as error:
        return [f"{line.strip()}: {error}"]
    except SystemExit:
        pass  # --help
    return []


def console() -> NoReturn:
    """The entry point of the `course` command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # what a learner's code prints may not fit the console
    try:
        run_main(lambda: main(sys.argv[1:]))
    except BrokenPipeError:  # course status | head -1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _command(name: str) -> Command:
    if name not in COMMANDS:
        raise CourseError(f"course knows no {name!r}.{suggestion(name, COMMANDS)}", hint="course lists its commands")
    return COMMANDS[name]
