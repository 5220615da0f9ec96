"""Misconception: bool("false") is True"""

PREFIX = "MYVOICE_"


def merge_settings(defaults, file, environment, arguments):
    ours = {name[len(PREFIX) :].lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    ours = {name: type(defaults[name])(value) for name, value in ours.items()}
    return {**defaults, **file, **ours, **arguments}
