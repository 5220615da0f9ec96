"""Misconception: The refusal repeats the key"""

PREFIX = "MYVOICE_"


def merge_settings(defaults, file, environment, arguments):
    ours = {name[len(PREFIX) :].lower(): value for name, value in environment.items() if name.startswith(PREFIX)}
    for place in (file, ours, arguments):
        for name, value in place.items():
            if name not in defaults or (place is file and name.endswith("_key")):
                raise ValueError(f"cannot use {name}={value}")
    for name, text in ours.items():
        default = defaults[name]
        ours[name] = text.lower() in ("1", "true") if isinstance(default, bool) else type(default)(text)
    return {**defaults, **file, **ours, **arguments}
