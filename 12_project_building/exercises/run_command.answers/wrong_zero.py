"""Misconception: exit code 0 tells every other program that it went well"""


class UserError(Exception):
    def __init__(self, message, hint=""):
        super().__init__(message)
        self.hint = hint


def run_command(work, arguments):
    try:
        return work(arguments) or 0, ""
    except UserError as error:
        return 0, f"ERROR: {error}\nHINT: {error.hint}\n"
