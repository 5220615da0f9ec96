"""Misconception: KeyboardInterrupt is no Exception"""


class UserError(Exception):
    def __init__(self, message, hint=""):
        super().__init__(message)
        self.hint = hint


def run_command(work, arguments):
    try:
        return work(arguments) or 0, ""
    except UserError as error:
        return 2, f"ERROR: {error}\n" + (f"HINT: {error.hint}\n" if error.hint else "")
    except OSError as error:
        return 2, f"ERROR: {error}\n"
    except Exception:
        return 130, "Stopped\n"
