"""The last line of every command. Solved."""

from collections.abc import Callable, Sequence


class UserError(Exception):
    """Something the user can put right."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def run_command(work: Callable[[Sequence[str]], int | None], arguments: Sequence[str]) -> tuple[int, str]:
    try:
        return work(arguments) or 0, ""
    except UserError as problem:
        advice = f"HINT: {problem.hint}\n" if problem.hint else ""
        return 2, f"ERROR: {problem}\n{advice}"
    except KeyboardInterrupt:
        return 130, "Stopped by Ctrl-C.\n"
    except OSError as problem:
        return 2, f"ERROR: {problem}\n"
