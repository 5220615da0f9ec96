"""Settings from four places. Solved."""

from typing import Any

PREFIX = "MYVOICE_"
TRUTH = {"1": True, "true": True, "0": False, "false": False}


def merge_settings(
    defaults: dict[str, Any], file: dict[str, Any], environment: dict[str, str], arguments: dict[str, Any]
) -> dict[str, Any]:
    ours = {key.removeprefix(PREFIX).lower(): text for key, text in environment.items() if key.startswith(PREFIX)}
    for place in (file, ours, arguments):
        if strangers := place.keys() - defaults.keys():
            raise ValueError(f"unknown settings: {', '.join(sorted(strangers))}")
    if secrets_in_file := [setting for setting in file if setting.endswith("_key")]:
        raise ValueError(f"a secret stands in the file: {', '.join(secrets_in_file)}")
    for setting, text in ours.items():
        kind = type(defaults[setting])
        ours[setting] = TRUTH[text.lower()] if kind is bool else kind(text)
    return {**defaults, **file, **ours, **arguments}
