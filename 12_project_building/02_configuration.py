"""Configuration: settings with types, from four places in a fixed order, and secrets that no file and no print shows.

What you will learn
    - one settings class: name, type, range, default and meaning of everything that may be chosen (pydantic-settings)
    - which place wins: arguments, then environment, then file, then default
    - errors that name the setting, the value and the repair; and misspelt names, which are ignored unless you look
    - secrets: refused in files, never printed, not even by the error about them
How to run it
    python 02_configuration.py --quick     all of it, about 3 s
    python 02_configuration.py             the same with 2,000 made-up settings
    MYVOICE_WORKERS=3 python 02_configuration.py     your own environment counts in part 1
Time and memory on 2 CPU cores: quick 3 s, full 3 s; 0.1 GB.
Writes outputs/: settings.yaml, leaky_*.yaml
Concepts: PROJECT_CONCEPTS_EXPLAINED.md (configuration, secrets)
"""

import difflib
import io
import json
import logging
import math
import os
import re
import traceback
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal
from unittest.mock import patch

import yaml
from project_utils import prepare
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, InitSettingsSource, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic
from voice_pipeline.api.settings import ApiSettings  # the capstone's own: it refuses the same things
from voice_pipeline.errors import PipelineError

# ----------------------------------------------------------------------------------------------------------------------
# settings of this script: the file that a project would keep in its repository

PREFIX = "MYVOICE_"
FILE = """\
# No secret stands here: this file is in the history for good.
sample_rate: 24000     # Hz
workers: 2             # syntheses at the same time
voices: recordings     # folder
formats: [wav, flac]
"""
SECRET = "sk-3f9aQx71Lm20vZpR8tWc"  # invented; looks like what a speech service hands out

# ----------------------------------------------------------------------------------------------------------------------
# 1. the class: everything that can be chosen, in one place


class VoiceSettings(BaseSettings):
    """What an operator may choose. Unknown names in a file or an argument are refused (`extra="forbid"`)."""

    # hide_input_in_errors: without it, an error about the key would print the key. See part 3.
    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", hide_input_in_errors=True, frozen=True)

    sample_rate: Literal[16_000, 22_050, 24_000, 44_100, 48_000] = 24_000  # Hz, of all clips
    workers: int = Field(default=1, ge=1, le=64)  # syntheses at the same time; more need more memory
    voices: Path = Path("voices")  # folder
    formats: tuple[Literal["wav", "flac", "mp3", "opus"], ...] = ("wav",)  # handed out
    loudness: float = Field(default=-23.0, ge=-40, le=-10)  # LUFS that clips are brought to
    log_level: Literal["debug", "info", "warning"] = "info"
    api_key: SecretStr | None = Field(default=None, min_length=16)  # from the environment only

    @classmethod
    def settings_customise_sources(  # pydantic-settings asks the class itself for the places, and their order
        cls, settings_cls: type[BaseSettings], init_settings: Source, env_settings: Source, **others: Source
    ) -> tuple[Source, ...]:
        """The first place that knows a setting wins. The file stands behind the environment."""
        return init_settings, env_settings, InitSettingsSource(settings_cls, read_file())  # concept: configuration


def read_file() -> dict[str, Any]:
    """Return what the file named by MYVOICE_FILE says; raise CourseError for one that is broken or holds a secret."""
    if not os.environ.get(f"{PREFIX}FILE"):  # the environment knows where a program runs; the code does not
        return {}
    path = Path(os.environ[f"{PREFIX}FILE"])
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as error:  # YAML's own message quotes the line, and a key could stand in it
        reason = getattr(error, "problem", None) or type(error).__name__
        raise CourseError(f"the settings file {path.name} cannot be read: {reason}.", hint="see MYVOICE_FILE") from None
    refuse_secrets(found, path.name)
    return found


def load(arguments: Mapping[str, Any]) -> VoiceSettings:
    """Return the settings, or raise a CourseError that names each bad one, the place it came from and the repair."""
    misspelt = unknown_variables()
    if misspelt:
        raise CourseError(*misspelt)
    try:
        return VoiceSettings(**arguments)
    except ValidationError as error:
        lines, hints = [], []
        for problem in error.errors(include_url=False):
            name = str(problem["loc"][0])
            variable = f"{PREFIX}{name.upper()}"
            place = "argument" if name in arguments else variable if variable in os.environ else "settings file"
            seen = "" if is_secret(name) else f", not {problem['input']!r}"
            lines.append(f"{name} ({place}): {problem['msg']}{seen}")
            close = difflib.get_close_matches(name, VoiceSettings.model_fields, n=1)
            known = name in VoiceSettings.model_fields or not close
            hints.append(f"change {name}" if known else f"did you mean {close[0]}?")
        raise CourseError("; ".join(lines), hint="; ".join(hints)) from None  # the cause would bring the value with it


def unknown_variables() -> tuple[str, str] | None:
    """Return (what, hint) about a variable that begins like ours and is none: pydantic-settings passes over it."""
    known = {f"{PREFIX}{name.upper()}" for name in VoiceSettings.model_fields} | {f"{PREFIX}FILE"}
    for name in os.environ:
        if name.startswith(PREFIX) and name.upper() not in known:
            close = difflib.get_close_matches(name, known, n=1) or ["nothing; unset it"]
            return f"the variable {name} is no setting.", f"did you mean {close[0]}?"
    return None


# ----------------------------------------------------------------------------------------------------------------------
# 2. secrets

KNOWN_KEYS = re.compile(r"(sk-|ghp_|hf_|AKIA|xox[bp]-|-----BEGIN )\w*")  # how well-known services begin theirs


def entropy(text: str) -> float:
    """Return the bits per character of a text: 0 for "aaaa", about 4 for a random key of 20, about 3 for words."""
    counts = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())


def looks_secret(value: object) -> bool:
    """Guess whether a value is a key: a known beginning, or a long word of letters and digits that nobody could say."""
    text = str(value)
    random_looking = re.fullmatch(r"(?=.*\d)(?=.*[a-zA-Z])[\w+/=-]{20,}", text) is not None and entropy(text) > 3.7
    return bool(KNOWN_KEYS.match(text)) or random_looking


def is_secret(name: str) -> bool:
    """Return whether a setting is declared as a secret."""
    return name in VoiceSettings.model_fields and "SecretStr" in str(VoiceSettings.model_fields[name].annotation)


def refuse_secrets(found: Mapping[str, Any], file: str) -> None:
    """Raise a CourseError for a file that sets a secret or holds what looks like one, without repeating it."""
    for name, value in found.items():
        if is_secret(name) or looks_secret(value):  # concept: secrets
            raise CourseError(
                f"a secret stands in {file}, under {name}. Whoever has the file has the key.",
                hint=f"take it out, have a new key made, and: export {PREFIX}API_KEY=...",
            )


def ways_out(settings: Any) -> dict[str, str]:
    """Return what leaves on each of the ways on which settings reach a terminal, a log or a bug report."""
    stream, log = io.StringIO(), logging.getLogger("settings")
    log.propagate = False
    log.handlers = [logging.StreamHandler(stream)]
    log.warning("started with %s", settings)
    try:
        raise RuntimeError(f"no answer, settings were {settings}")
    except RuntimeError:
        crash = traceback.format_exc()
    return {
        "print": str(settings),
        "repr": repr(settings),
        "f-string of the field": f"{settings.api_key}",
        "vars": str(vars(settings)),
        "JSON": settings.model_dump_json() if isinstance(settings, BaseSettings) else json.dumps(vars(settings)),
        "log line": stream.getvalue(),
        "traceback": crash,
    }


def leaks(settings: Any) -> list[str]:
    """Return the ways on which the secret leaves, of seven."""
    return [name for name, text in ways_out(settings).items() if SECRET in text]


def error_leaks(hide: bool) -> bool:
    """Return whether pydantic's own error about a key prints the key."""

    class Strict(BaseSettings):
        model_config = SettingsConfigDict(hide_input_in_errors=hide)
        api_key: str = Field(max_length=8)

    try:
        Strict(api_key=SECRET)
    except ValidationError as error:
        return SECRET in str(error)
    return False


# ----------------------------------------------------------------------------------------------------------------------
# the parts

BAD = [  # (arguments, environment)
    ({"workers": 0}, {}),
    ({}, {"WORKERS": "many"}),
    ({}, {"SAMPLE_RATE": "24001"}),
    ({"log_level": "loud"}, {}),
    ({"loudness": 3}, {}),
    ({}, {"FORMATS": '["wav", "ogg"]'}),
    ({"worker": 2}, {}),  # misspelt argument
    ({}, {"SAMPEL_RATE": "16000"}),  # misspelt variable
    ({}, {"API_KEY": "short"}),
]
LEAKY = {
    "leaky_field.yaml": f"api_key: {SECRET}\n",
    "leaky_elsewhere.yaml": f"voices: {SECRET}\n",
    "leaky_random.yaml": "loudness: -23\nvoices: q8Zt3LmXw0Rk7VbN2yHc\n",
}


def environment(**values: str) -> Any:
    """Set variables of ours for a while: `with environment(WORKERS="4"): ...`"""
    return patch.dict(os.environ, {f"{PREFIX}{name}": value for name, value in values.items()})


def precedence(file: Path) -> list[int]:
    """Set `workers` in ever more places; return what it is each time."""
    rows = [("file", {"FILE": str(file)}, {}), ("file, environment", {"FILE": str(file), "WORKERS": "4"}, {}),
            ("file, environment, argument", {"FILE": str(file), "WORKERS": "4"}, {"workers": 8})]  # fmt: skip
    found = []
    for name, variables, arguments in rows:
        with environment(**variables):
            settings = load(arguments)
        found.append(settings.workers)
        print(f"  workers set in {name:28} -> {settings.workers!r}")
    return found


def refusals() -> int:
    """Try what cannot work; return how much of it is refused with a repair."""
    refused = 0
    for arguments, variables in BAD:
        with environment(**variables):
            try:
                load(arguments)
                print(f"  taken: {arguments or variables}")
            except CourseError as error:
                refused += bool(error.hint)
                print(f"  {error} HINT: {error.hint}")
    return refused


def leaky_files(out: Path) -> int:
    """Write files with secrets in them; return how many are refused without the secret being repeated."""
    refused = 0
    for name, text in LEAKY.items():
        write_text_atomic(out / name, text)
        with environment(FILE=str(out / name)):
            try:
                load({})
                print(f"  {name} was taken")
            except CourseError as error:
                refused += SECRET not in f"{error} {error.hint}"
                print(f"  {error}")
    return refused


def false_alarms(random: Any, n: int) -> tuple[float, float]:
    """Return the shares of random keys found and of harmless settings suspected."""
    signs = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    keys = ["".join(random.choice(signs, 24)) for _ in range(n)]
    words = ["recordings", "voice", "take", "evening", "studio", "clips", "24000", "2026", "final", "mono"]
    harmless = ["_".join(random.choice(words, 3)) for _ in range(n)]
    return sum(map(looks_secret, keys)) / n, sum(map(looks_secret, harmless)) / n


def capstone() -> int:
    """Give the capstone's settings what they must refuse; return how often they do."""
    refused = 0
    for values in ({"port": 99_999}, {"device": "toaster"}, {"host": "0.0.0.0"}, {"host": "0.0.0.0", "key": "short"}):
        try:
            ApiSettings(**values).check()
            print(f"  taken: {values}")
        except (ValidationError, PipelineError) as error:
            refused += 1
            print(f"  {values}: {error.errors()[0]['msg'] if isinstance(error, ValidationError) else error}")
    return refused


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Load settings from everywhere, refuse bad ones, and look for secrets that leave."""
    random = prepare(settings)
    file = settings.out / "settings.yaml"
    write_text_atomic(file, FILE)
    print(f"1. Which place wins (your environment: {load({}).workers} workers)")
    order = precedence(file)
    print("2. What cannot be used, and the repair")
    refused = refusals()
    print("3. Secrets")
    plain = leaks(SimpleNamespace(api_key=SECRET))  # as most first versions have it
    with environment(API_KEY=SECRET):
        kept = leaks(load({}))
    print(f"  as text, the key leaves on {len(plain)} of 7 ways: {', '.join(plain)}")
    print(f"  as SecretStr, on {len(kept)}; the program itself asks for it: settings.api_key.get_secret_value()")
    by_default, hidden = error_leaks(False), error_leaks(True)
    print(f"  pydantic's error about a key prints it: {by_default}; with hide_input_in_errors: {hidden}")
    files_refused = leaky_files(settings.out)
    found, suspected = false_alarms(random, 200 if settings.quick else 2000)
    print(f"  of random keys {found:.1%} are recognised, of harmless names {suspected:.1%} are suspected")
    print("4. The capstone's settings, on the same kind of mistakes")
    capstone_refused = capstone()
    return {
        "places_in_order": float(order == [2, 4, 8]),
        "bad_settings_refused": refused,
        "ways_out_as_text": len(plain),
        "ways_out_as_secret": len(kept),
        "error_leaks_by_default": float(by_default),
        "error_leaks_hidden": float(hidden),
        "files_refused": files_refused,
        "keys_recognised": found,
        "harmless_suspected": suspected,
        "capstone_refused": capstone_refused,
    }


EXPECTED = {
    "places_in_order": Expected((1, 1), (1, 1)),
    "bad_settings_refused": Expected((9, 9), (9, 9)),
    "ways_out_as_text": Expected((7, 7), (7, 7)),
    "ways_out_as_secret": Expected((0, 0), (0, 0)),
    "error_leaks_by_default": Expected((1, 1), (1, 1)),
    "error_leaks_hidden": Expected((0, 0), (0, 0)),
    "files_refused": Expected((3, 3), (3, 3)),
    "keys_recognised": Expected((0.9, 1), (0.93, 1)),
    "harmless_suspected": Expected((0, 0.12), (0, 0.08)),
    "capstone_refused": Expected((4, 4), (4, 4)),
}

PARSER = script_parser(__doc__)

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_logging_and_errors.py")
