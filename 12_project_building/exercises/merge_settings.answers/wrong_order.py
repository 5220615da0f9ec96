"""Misconception: the environment is stronger than the file"""

PREFIX = "MYVOICE_"


def merge_settings(defaults, file, environment, arguments):
    ours = {name[len(PREFIX) :].lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    return {**defaults, **ours, **file, **arguments}
