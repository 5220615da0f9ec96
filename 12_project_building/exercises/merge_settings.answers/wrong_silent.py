"""Misconception: a setting that is passed over in silence seems to work"""

PREFIX = "MYVOICE_"


def merge_settings(defaults, file, environment, arguments):
    found = dict(defaults)
    for name, default in defaults.items():
        variable = PREFIX + name.upper()
        if name in file:
            found[name] = file[name]
        if variable in environment:
            text = environment[variable]
            found[name] = text.lower() in ("1", "true") if isinstance(default, bool) else type(default)(text)
        if name in arguments:
            found[name] = arguments[name]
    return found
