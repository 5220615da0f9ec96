r"""The last line of every command

Whatever happens inside a command, its user gets a sentence and its caller an exit code. Write
`run_command(work, arguments)`: it calls `work(arguments)` and returns (exit code, text for the error stream).

    work returns None                       (0, "")
    work returns a number                   (that number, ""), for example 1: done, and something is not as it should be
    work raises UserError("m", hint="h")    (2, "ERROR: m\nHINT: h\n"); without a hint only "ERROR: m\n"
    the user presses Ctrl-C                 (130, and a text that says "Stopped")
    the disk or a file fails (OSError)      (2, "ERROR: ...\n" with the file's name in it, where the error has one)
    anything else                           a mistake in the program: let it through, its traceback is for the developer

After: 03_logging_and_errors.py
Concepts: errors a user can act on
Kind: exercise
Time: 15 min
"""

from collections.abc import Callable, Sequence


class UserError(Exception):
    """Something the user can put right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def run_command(work: Callable[[Sequence[str]], int | None], arguments: Sequence[str]) -> tuple[int, str]:
    # TODO: try, and one except for each kind of failure that is not a mistake of the program
    raise NotImplementedError("run_command")
