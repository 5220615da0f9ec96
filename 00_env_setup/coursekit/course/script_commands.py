"""`course run` and `course check`."""

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.course.journey import done
from coursekit.course.modules import load_script, modules
from coursekit.course.names import find_module, find_script
from coursekit.course.parser import CommandParser
from coursekit.course.progress_file import events, record_script
from coursekit.errors import CourseError
from coursekit.expectations import Outcome, check

RUN = """Run a script of the course. All flags go to the script.

    course run 02/03              the third script of module 02
    course run 02/03 --quick      small and fast: under 30 s on 2 CPU cores, no network
    course run 02/03 --help       what the script teaches, and its flags"""
CHECK = """Check what your last runs measured against what they should have measured, without running them again.

    course check 02/03    one script, every value
    course check 02       every script of module 02
    course check          every script of the course"""


# --------------------------------------------------------------------------------------------------------------- run


def run_parser() -> CommandParser:
    made = CommandParser("run", RUN)
    made.add_argument("script", metavar="NN/NN")
    made.add_argument("flags", nargs="*", metavar="FLAG", help="for the script")
    return made


def split_run(words: list[str]) -> Namespace:
    """Tell the script from the flags that go to it, wherever it stands among them."""
    if words in (["-h"], ["--help"]):
        run_parser().parse_args(words)
    place = next((i for i, word in enumerate(words) if not word.startswith("-")), None)
    place = next((i for i, word in enumerate(words) if "/" in word and word[:1].isdigit()), place)
    if place is None:
        raise CourseError("course run: which script?", hint="course run 02/03, for example; course status lists them")
    return Namespace(script=words[place], flags=words[:place] + words[place + 1 :])


def resolve_run(settings: Namespace, root: Path) -> Path:
    return find_script(settings.script, root)


def run_run(settings: Namespace, root: Path) -> int:
    """Hand over to the script in a process of its own; Ctrl-C reaches the script too, so wait for it to end."""
    script = resolve_run(settings, root)
    sys.stdout.flush()
    process = subprocess.Popen([sys.executable, str(script), *settings.flags])
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            continue
        return code if code >= 0 else 128 - code


# ------------------------------------------------------------------------------------------------------------- check


@dataclass(frozen=True)
class Checked:
    """What the last report of a script says by its expectations of now.

    Attributes:
        state: "ok", "NOT as expected", "not run yet", "run elsewhere", "cannot be checked".
        quick: Whether the report is of a quick run.
        outcomes: Every value with its range.
        note: What else is to say.
    """

    script: Path
    state: str
    quick: bool = False
    outcomes: tuple[Outcome, ...] = ()
    note: str = ""


def check_parser() -> CommandParser:
    made = CommandParser("check", CHECK)
    made.add_argument("name", nargs="?", metavar="NN[/NN]", help="a script or a module")
    return made


def resolve_check(settings: Namespace, root: Path) -> list[Path]:
    """Return the scripts that are meant."""
    if not settings.name:
        return [script for module in modules(root) for script in module.lessons]
    if "/" in settings.name.strip("/\\").replace("\\", "/"):
        return [find_script(settings.name, root)]
    return find_module(settings.name, root).lessons


def run_check(settings: Namespace, root: Path) -> int:
    scripts = resolve_check(settings, root)
    single = len(scripts) == 1 and settings.name and "/" in settings.name.replace("\\", "/")
    results = [check_script(script) for script in scripts]
    known = done(events(root))
    for result in results:
        name = f"{result.script.parent.name[:2]}/{result.script.stem}"
        if result.state == "ok" and not _is_recorded(known, name, result.quick):
            record_script(result.script, result.quick)
        (show_details if single else show_row)(result, name)
    if not scripts:
        print("There is no script to check.")
    bad = any(result.state in ("NOT as expected", "cannot be checked") for result in results)
    return 1 if bad or (single and results[0].state != "ok") else 0


def check_script(script: Path) -> Checked:
    """Compare a script's last report with its EXPECTED of now, without running it."""
    report_path = script.parent / "outputs" / f"{script.stem}.json"
    try:
        report = json.loads(report_path.read_text(encoding="utf-8"))
        values: Mapping[str, Any] = dict(report["values"])
        quick = bool(report["quick"])
    except FileNotFoundError:
        return Checked(script, "not run yet")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Checked(
            script, "cannot be checked", note=f"its report {report_path.name} is spoilt ({error}); run it again"
        )
    try:
        expected = load_script(script).EXPECTED
    except Exception as error:
        reason = str(error) or type(error).__name__
        return Checked(script, "cannot be checked", quick, note=f"it cannot be imported: {reason}")
    outcomes = tuple(check(values, expected, quick))
    state = "ok" if all(outcome.passed for outcome in outcomes) else "NOT as expected"
    return Checked(script, state, quick, outcomes)


def show_row(result: Checked, name: str) -> None:
    mode = {True: "quick run", False: "full run"}[result.quick] if result.outcomes else ""
    bad = ", ".join(outcome.name for outcome in result.outcomes if not outcome.passed)
    print(f"{name:40} {result.state:18} {mode:10} {bad or result.note}".rstrip())


def show_details(result: Checked, name: str) -> None:
    command = f"course run {name[:5]}"
    if result.state == "not run yet":
        print(f"{name} was not run yet. Run it: {command} (or {command} --quick)")
        return
    if result.note:
        print(f"{name}: {result.state}: {result.note}")
        return
    print(f"{name}, the last {'quick' if result.quick else 'full'} run:")
    for outcome in result.outcomes:
        print(f"  {outcome.describe()}")
    if not result.outcomes:
        print("  it ended well; it measures nothing that is checked")
    if result.quick:
        print(f"This was a quick run; the full one measures more: {command}")
    if result.state != "ok":
        print("What can be wrong stands in the module's LEARNING_GUIDE.md.")


def _is_recorded(known: Mapping[tuple[str, str], Any], name: str, quick: bool) -> bool:
    entry = known.get(("script", name))
    return entry is not None and (quick or entry.how == "full")
