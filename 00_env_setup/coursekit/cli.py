"""What all scripts have in common at the command line: flags, errors, the final check."""

import argparse
import difflib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from coursekit.course.progress_file import record_script
from coursekit.device import DEVICES
from coursekit.errors import CourseError
from coursekit.expectations import Expected, check, write_report
from coursekit.outputs import output_folder


class ScriptParser(argparse.ArgumentParser):
    """An argument parser whose refusals name the flag, the value and the fix."""

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(f"unknown setting {' '.join(unknown)!r}.{self._suggestion(unknown[0])}")
        return parsed

    def error(self, message: str) -> NoReturn:
        print_error(CourseError(message, hint=f"python {self.prog} --help lists every setting"))
        sys.exit(2)

    def _suggestion(self, flag: str) -> str:
        close = difflib.get_close_matches(flag.split("=")[0], self._option_string_actions, n=1)
        return f" Did you mean {close[0]}?" if close else ""


def script_parser(description: str | None, *, seed: int = 0, prog: str | None = None) -> ScriptParser:
    """Return a parser with the flags every script has; add a script's own to it.

    Args:
        description: The script's `__doc__`, shown by `--help` as it stands.
        seed: Default of `--seed`.
        prog: Name of the script, when it is not `sys.argv[0]`.
    """
    parser = ScriptParser(
        prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help="small and fast: under 30 s on 2 CPU cores, no network")
    parser.add_argument("--seed", type=int, default=seed, metavar="N", help=f"random seed (default {seed})")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where to compute (default auto)")
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where to write (default: outputs/ beside the script)"
    )
    return parser


def print_error(error: CourseError) -> None:
    """Print a CourseError the way every command of the course does, on stderr."""
    print(f"ERROR: {error}", file=sys.stderr)
    if error.hint:
        print(f"HINT: {error.hint}", file=sys.stderr)


def run_main(main: Callable[[], int | None]) -> NoReturn:
    """Run a script's entry and exit with its code: 2 after a CourseError, 130 after Ctrl-C."""
    try:
        code = main() or 0
    except CourseError as error:
        print_error(error)
        code = 2
    except KeyboardInterrupt:
        print("Stopped by Ctrl-C. Run the same command again to continue.", file=sys.stderr)
        code = 130
    sys.exit(code)


def run_script(
    main: Callable[[Any], Mapping[str, Any]],
    script: str,
    expected: Mapping[str, Expected],
    *,
    parser: ScriptParser,
    next_script: str = "",
) -> NoReturn:
    """Run a lesson script: flags, work, expectations, report, next step. The last line of every lesson.

    Args:
        main: Does the work with the parsed settings (`settings.out` is a folder that exists) and returns the
            measured values by name.
        script: The script's `__file__`; the report goes to `<out>/<script name>.json`.
        expected: The script's `EXPECTED`. A value out of its range makes the exit code 1; when all hold, the learner's
            progress is noted (see coursekit.course.progress_file).
        parser: From `script_parser(__doc__)`.
        next_script: What to run next, for example "02_load_mnist.py".
    """

    def entry() -> int:
        settings = parser.parse_args()
        settings.out = output_folder(script, settings.out)
        started = time.perf_counter()
        values = main(settings)
        outcomes = check(values, expected, settings.quick)
        report = settings.out / f"{Path(script).stem}.json"
        write_report(report, values, outcomes, settings.quick, time.perf_counter() - started)
        for outcome in outcomes:
            print(outcome.describe())
        passed = all(outcome.passed for outcome in outcomes)
        if passed:
            record_script(script, settings.quick)
        if next_script:
            print(f"Next: {next_script}")
        return 0 if passed else 1

    run_main(entry)
