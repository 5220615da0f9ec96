"""Errors, logging and tests: take in a folder of recordings of which most are broken, and miss nothing.

What you will learn
    - exceptions: raise one with a reason, catch only what you can deal with, keep the cause
    - why `except: pass` is the most expensive line in a data set
    - logging: one call, and a file keeps the details while the console shows what matters
    - tests: what a good one looks like, and how to find out that a test can never fail
How to run it
    python 06_errors_logging_testing.py --quick     nine files, about 1 s
    python 06_errors_logging_testing.py             the same nine files and 200 random inputs to the tests, about 1 s
Time and memory on 2 CPU cores: quick 1 s, full 1 s; 0.1 GB.
Writes outputs/: inbox/ (the recordings), inbox.log, rejected.csv
Concepts: PYTHON_CONCEPTS_EXPLAINED.md (exceptions, logging, tests)
"""

import csv
import logging
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import numpy as np
from py_utils import SAMPLE_RATE, hum, peak_dbfs, read_wav, rms_dbfs, silence, write_wav

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import atomic_path

# ----------------------------------------------------------------------------------------------------------------------
# settings: what a recording must be. The capstone's ledger has the same rules, with more of them

MIN_SECONDS = 1.0  # shorter clips teach a voice no melody
MIN_PEAK_DB = -50.0  # below, amplifying would bring up the noise of the recorder
MAX_CLIPPED = 0.005  # share of samples at full scale; half a percent is heard as crackle

log = logging.getLogger("inbox")  # a logger has a name; how loud it is, and where to, is decided in one place (below)

# ----------------------------------------------------------------------------------------------------------------------
# 1. exceptions of our own


class Rejected(CourseError):
    """A recording that cannot be used. The kinds below tell why; code that wants all of them catches this one."""


class Unreadable(Rejected): ...  # "..." is an empty body: the name is all that is new


class TooShort(Rejected): ...


class Silent(Rejected): ...


class Clipped(Rejected): ...


def check_recording(path: Path) -> float:
    """Return a recording's length in seconds, or raise the reason why it cannot be used.

    Raises:
        Unreadable, TooShort, Silent, Clipped: as their names say.
    """
    try:
        waveform, sample_rate = read_wav(path)
    except CourseError as error:
        # `from error` keeps the first exception as the cause of the second: a log can show both.
        raise Unreadable(str(error), hint=error.hint) from error  # concept: exceptions
    seconds = len(waveform) / sample_rate
    if seconds < MIN_SECONDS:
        raise TooShort(f"{seconds:.2f} s is shorter than {MIN_SECONDS} s.", hint="record the whole sentence")
    if peak_dbfs(waveform) < MIN_PEAK_DB:
        raise Silent(f"the peak is {peak_dbfs(waveform):.0f} dB.", hint="is the microphone muted?")
    clipped = float(np.mean(np.abs(waveform) > 0.999))
    if clipped > MAX_CLIPPED:
        raise Clipped(f"{100 * clipped:.1f} % of the samples are at full scale.", hint="turn the level down")
    log.debug("%s: %.2f s, mean level %.1f dB", path.name, seconds, rms_dbfs(waveform))
    return seconds


# ----------------------------------------------------------------------------------------------------------------------
# 2. a folder of recordings, most of them broken the way real ones are


def make_inbox(folder: Path) -> list[Path]:
    """Write nine files, three of them good; return the paths in order."""
    folder.mkdir(parents=True, exist_ok=True)
    voice = hum("Oh dear! Oh dear! I shall be late!")
    write_wav(folder / "1_good_low.wav", voice)
    write_wav(folder / "2_good_high.wav", hum("I shall be late, and what will the Duchess say?", f0=210))
    write_wav(folder / "3_good_other_rate.wav", hum("Down, down, down.", sample_rate=16_000), sample_rate=16_000)
    write_wav(folder / "4_too_short.wav", voice[: SAMPLE_RATE // 2])
    write_wav(folder / "5_silent.wav", silence(2.0))
    write_wav(folder / "6_clipped.wav", 8 * voice)  # write_wav cuts off what exceeds full scale, as a recorder does
    (folder / "7_text_not_sound.wav").write_text("these are my notes", encoding="utf-8")
    (folder / "8_empty.wav").write_bytes(b"")
    whole = (folder / "1_good_low.wav").read_bytes()
    (folder / "9_cut_off.wav").write_bytes(whole[: len(whole) // 2])  # an upload that broke off
    return sorted(folder.glob("*.wav"))


def take_in_silently(paths: list[Path]) -> int:
    """Take in all recordings the bad way; return how many it believes to be fine. It never says what happened."""
    count = 0
    for path in paths:
        try:
            check_recordng(path)  # noqa: F821  a slip of the pen, left in to see what becomes of it
            count += 1
        except Exception:  # noqa: S110  too wide: it swallows the misspelt name as well
            pass
    return count


def take_in(paths: list[Path]) -> tuple[list[Path], list[tuple[Path, Rejected]]]:
    """Take in all recordings; return (accepted, rejected with the reason). One bad file never stops the others."""
    accepted, rejected = [], []
    for path in paths:
        try:
            seconds = check_recording(path)
        except Rejected as reason:  # only this family: a mistake in our own code still stops the program
            rejected.append((path, reason))
            log.warning("%s rejected, %s: %s", path.name, type(reason).__name__, reason)
        else:  # no exception came
            accepted.append(path)
            log.info("%s accepted, %.2f s", path.name, seconds)
        finally:  # in any case
            log.debug("%s done", path.name)
    return accepted, rejected


# ----------------------------------------------------------------------------------------------------------------------
# 3. logging


def start_logging(path: Path) -> list[logging.Handler]:
    """Send everything to a file and warnings to the console; return the handlers, to close them at the end.

    The levels, from fine to grave: DEBUG, INFO, WARNING, ERROR, CRITICAL.
    """
    file = logging.FileHandler(path, mode="w", encoding="utf-8")
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    console = logging.StreamHandler(sys.stdout)
    console.setLevel(logging.WARNING)
    console.setFormatter(logging.Formatter("  %(levelname)s %(message)s"))
    log.setLevel(logging.DEBUG)
    log.propagate = False  # do not hand the lines on to other loggers, which would print them once more
    for handler in (file, console):
        log.addHandler(handler)  # concept: logging
    return [file, console]


def stop_logging(handlers: list[logging.Handler]) -> None:
    """Take the handlers off and close them: Windows deletes no file that is still open."""
    for handler in handlers:
        log.removeHandler(handler)
        handler.close()


def write_rejected(path: Path, rejected: list[tuple[Path, Rejected]]) -> None:
    """Write what was rejected, why, and what to do about it."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "reason", "what", "repair"])
        writer.writerows([p.name, type(reason).__name__, str(reason), reason.hint] for p, reason in rejected)


# ----------------------------------------------------------------------------------------------------------------------
# 4. tests. The function under test, three ways to get it wrong, and tests that are themselves put to the test

Count = Callable[[int, int, int], int]


def frame_count(samples: int, frame: int, hop: int) -> int:
    """Return how many whole frames of `frame` samples, `hop` apart, fit into a waveform."""
    return 0 if samples < frame else 1 + (samples - frame) // hop


VERSIONS: dict[str, Count] = {
    "right": frame_count,
    "off by one": lambda samples, frame, hop: max(0, samples - frame) // hop,  # forgets the frame at 0
    "ignores hop": lambda samples, frame, hop: samples // frame,  # right when frames do not overlap
    "short = 1": lambda samples, frame, hop: 1 + max(0, samples - frame) // hop,  # makes a frame of nothing
}


def test_exactly_one_frame(count: Count, rng: np.random.Generator, repeats: int) -> None:
    # concept: tests
    assert count(480, 480, 240) == 1  # an edge: one sample less would be none


def test_one_sample_too_few(count: Count, rng: np.random.Generator, repeats: int) -> None:
    assert count(479, 480, 240) == 0


def test_against_counting(count: Count, rng: np.random.Generator, repeats: int) -> None:
    """Random inputs against the slow way that is obviously right: walk along, and count."""
    for samples, frame, hop in rng.integers(1, 50, (repeats, 3)).tolist():
        assert count(samples, frame, hop) == sum(start + frame <= samples for start in range(0, samples, hop))


def test_that_cannot_fail(count: Count, rng: np.random.Generator, repeats: int) -> None:
    assert count(1000, 480, 240) is not None  # true of any number: it looks like a test, and guards nothing


TESTS = [test_exactly_one_frame, test_one_sample_too_few, test_against_counting, test_that_cannot_fail]


def run_tests(seed: int, repeats: int) -> dict[str, list[bool]]:
    """Run each test on each version; return, by test, which versions failed it. pytest does this, and much more."""
    caught: dict[str, list[bool]] = {}
    for test in TESTS:
        caught[test.__name__] = []
        for version in VERSIONS.values():
            try:
                test(version, np.random.default_rng(seed), repeats)
                failed = False
            except AssertionError:
                failed = True
            caught[test.__name__].append(failed)
    return caught


def print_tests(caught: dict[str, list[bool]]) -> None:
    """Print the table: a test is worth something when it passes the right version and fails a wrong one."""
    print("  " + " " * 26 + "".join(f"{name:>13}" for name in VERSIONS))
    for test, failures in caught.items():
        print(f"  {test:26}" + "".join(f"{'FAILED' if failed else 'passed':>13}" for failed in failures))


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Take in the recordings, log it, and test the tests."""
    paths = make_inbox(settings.out / "inbox")

    print(f"1. {len(paths)} recordings, taken in with `except: pass`")
    believed = take_in_silently(paths)
    print(f"  {believed} accepted, and not a word why: a misspelt function name was swallowed {len(paths)} times")

    print("2. The same recordings, with reasons")
    handlers = start_logging(settings.out / "inbox.log")
    try:
        accepted, rejected = take_in(paths)
    finally:
        stop_logging(handlers)
    write_rejected(settings.out / "rejected.csv", rejected)
    lines = (settings.out / "inbox.log").read_text(encoding="utf-8").splitlines()
    print(f"  {len(accepted)} accepted, {len(rejected)} rejected; inbox.log has {len(lines)} lines, among them:")
    print("  " + next(line for line in lines if "accepted" in line))
    cause = next(reason for _, reason in rejected if isinstance(reason, Unreadable)).__cause__
    print(f"  an Unreadable keeps its cause, a {type(cause).__name__}, whose cause is: {cause.__cause__!r}")

    print("3. Tests, on a right function and on three wrong ones")
    caught = run_tests(settings.seed, repeats=20 if settings.quick else 200)
    print_tests(caught)
    bugs_caught = sum(any(column) for column in list(zip(*caught.values(), strict=True))[1:])
    print(f"  {bugs_caught} of {len(VERSIONS) - 1} bugs caught; the last test caught {sum(caught[TESTS[-1].__name__])}")
    return {
        "recordings": len(paths),
        "accepted_silently": believed,
        "accepted": len(accepted),
        "rejected": len(rejected),
        "kinds_of_reason": len({type(reason) for _, reason in rejected}),
        "log_lines": len(lines),
        "right_version_failed": sum(failures[0] for failures in caught.values()),
        "bugs_caught": bugs_caught,
        "caught_by_the_test_that_cannot_fail": sum(caught[TESTS[-1].__name__]),
    }


EXPECTED = {
    "recordings": Expected((9, 9), (9, 9)),
    "accepted_silently": Expected((0, 0), (0, 0)),
    "accepted": Expected((3, 3), (3, 3)),
    "rejected": Expected((6, 6), (6, 6)),
    "kinds_of_reason": Expected((4, 4), (4, 4)),
    "log_lines": Expected((21, 21), (21, 21)),  # 9 times "done", 9 verdicts, 3 levels of those that were read
    "right_version_failed": Expected((0, 0), (0, 0)),
    "bugs_caught": Expected((3, 3), (3, 3)),
    "caught_by_the_test_that_cannot_fail": Expected((0, 0), (0, 0)),
}

PARSER = script_parser(__doc__)

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="07_concurrency.py")
