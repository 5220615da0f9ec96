"""Checks merge_settings(): the order, the types, unknown names, secrets."""

from coursekit.course import Wrong

DEFAULTS = {"workers": 1, "loudness": -23.0, "watermark": True, "voice": "me", "api_key": ""}


def refused(answer, file, environment, arguments):
    try:
        answer.merge_settings(dict(DEFAULTS), file, environment, arguments)
    except ValueError as error:
        return str(error)
    return None


def check(answer) -> None:
    order = [
        ({}, {}, {}, 1, "the default"),
        ({"workers": 2}, {}, {}, 2, "the file"),
        ({"workers": 2}, {"MYVOICE_WORKERS": "4", "HOME": "/x"}, {}, 4, "the environment"),
        ({"workers": 2}, {"MYVOICE_WORKERS": "4"}, {"workers": 8}, 8, "the arguments"),
    ]
    for file, environment, arguments, wanted, place in order:
        got = answer.merge_settings(dict(DEFAULTS), file, environment, arguments)
        if set(got) != set(DEFAULTS):
            raise Wrong(f"The result has the names {sorted(got)}, expected one value for each default.")
        if str(got["workers"]) != str(wanted):
            raise Wrong(
                f"workers is {got['workers']!r}, expected {wanted!r}: {place} must win. Who starts a program knows "
                "more than who wrote the file, so the environment is stronger than the file."
            )
    got = answer.merge_settings(dict(DEFAULTS), {}, {"MYVOICE_WORKERS": "4", "MYVOICE_LOUDNESS": "-20"}, {})
    if type(got["workers"]) is not int or type(got["loudness"]) is not float:
        raise Wrong(
            f"Got {got['workers']!r} and {got['loudness']!r}: variables are text, make them the default's type."
        )
    for text, wanted in (("false", False), ("0", False), ("False", False), ("true", True), ("1", True), ("TRUE", True)):
        got = answer.merge_settings(dict(DEFAULTS), {}, {"MYVOICE_WATERMARK": text}, {})["watermark"]
        if got is not wanted:
            raise Wrong(f'MYVOICE_WATERMARK={text} gave {got!r}: bool("false") is True, any text but the empty one is.')
    for place in range(3):
        values = [{}, {}, {}]
        values[place] = {"MYVOICE_WORKRES": "4"} if place == 1 else {"workres": 4}
        said = refused(answer, *values)
        if said is None:
            raise Wrong(
                f"A misspelt name was taken ({values}): a setting that is passed over in silence seems to work."
            )
        if "workres" not in said.lower():
            raise Wrong(f"The refusal {said!r} does not say which name is unknown.")
    said = refused(answer, {"api_key": "k-Zx81Qw"}, {}, {})
    if said is None:
        raise Wrong("A key in the file was taken: files end up in the history, and stay there.")
    if "k-Zx81Qw" in said:
        raise Wrong("The refusal repeats the key: error messages are logged, mailed and pasted.")
    if "api_key" not in said:
        raise Wrong(f"The refusal {said!r} does not say which setting holds the secret.")
    if answer.merge_settings(dict(DEFAULTS), {}, {"MYVOICE_API_KEY": "k1"}, {})["api_key"] != "k1":
        raise Wrong("A key in the environment must be taken.")
    defaults = dict(DEFAULTS)
    answer.merge_settings(defaults, {"workers": 2}, {}, {})
    if defaults != DEFAULTS:
        raise Wrong("The defaults were changed: the next call begins with this one's values. Copy them first.")
