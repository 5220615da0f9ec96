"""Misconception: catching everything hides the program's own mistakes"""


class UserError(Exception):
    def __init__(self, message, hint=""):
        super().__init__(message)
        self.hint = hint


def run_command(work, arguments):
    try:
        return work(arguments) or 0, ""
    except KeyboardInterrupt:
        return 130, "Stopped\n"
    except Exception as error:
        hint = getattr(error, "hint", "")
        return 2, f"ERROR: {error}\n" + (f"HINT: {hint}\n" if hint else "")
