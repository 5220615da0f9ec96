"""How a command of `course` reads its words."""

import argparse
from typing import NoReturn

from coursekit.cli import ScriptParser
from coursekit.errors import CourseError


class CommandParser(ScriptParser):
    """A parser whose refusals are CourseErrors, so that documents' commands can be checked with it, too."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(
            prog=f"course {command}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        raise CourseError(f"{self.prog}: {message}", hint=f"{self.prog} --help")
