"""Testing strategies: five kinds of tests on one small package, and which mistakes each of them notices.

What you will learn
    - unit, property-based, golden and end-to-end tests: what each is good at, and what it costs
    - how Hypothesis finds the smallest input that breaks a promise
    - golden audio needs a tolerance: wide enough for another processor, narrow enough for every real mistake
    - mutation testing: mistakes made on purpose, one at a time, show which lines no test guards
How to run it (needs the tools: python3 00_env_setup/bootstrap.py extra tools)
    python 04_testing_strategies.py --quick     12 mutants, about 13 s
    python 04_testing_strategies.py             every mutant
Time and memory on 2 CPU cores: quick 13 s, full 39 s; 0.1 GB.
Writes outputs/: survivors.txt, tests_against_mutants.png, golden_tolerance.png
Concepts: PROJECT_CONCEPTS_EXPLAINED.md (unit tests, property-based tests, golden tests, end-to-end tests,
mutation testing)
"""

import json
import re
import tempfile
from argparse import Namespace
from collections import Counter
from pathlib import Path

import numpy as np
from mutate import Mutant, as_rows, mutants
from project_utils import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PYTEST,
    Answers,
    ascii_only,
    load_speech,
    make_project,
    prepare,
    python,
    save_figure,
    subplots,
)  # fmt: skip

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

KINDS = {"test_unit": "unit", "test_properties": "property", "test_golden": "golden", "test_end_to_end": "end-to-end"}
MODULES = ("levels.py", "trim.py", "rules.py")  # where the rules about sound are
QUICK_MUTANTS = 12  # spread over all of them
TOLERANCE_DB = -80.0  # of the golden test, relative to the sound: what may differ between processors

# ----------------------------------------------------------------------------------------------------------------------
# 1. the four kinds on the right program


def run_kinds(project: Path) -> dict[str, float]:
    """Run all tests once; return the seconds of each kind, without the start of Python and pytest."""
    done = python(*PYTEST, "--durations=0", "--durations-min=0", "-vv", cwd=project)
    if done.code:
        raise CourseError(f"the project's tests fail: {done.output[-800:]}", hint="run 01_project_structure.py")
    seconds = {}
    for file, kind in KINDS.items():
        took = re.findall(rf"^([\d.]+)s (?:setup|call|teardown)\s+tests/{file}\.py", done.output, flags=re.M)
        passed = len(re.findall(rf"^tests/{file}\.py::.* PASSED", done.output, flags=re.M))
        seconds[kind] = sum(map(float, took))  # concept: end-to-end tests
        print(f"  {kind:12} {passed:2} tests {1000 * seconds[kind] / passed:7.0f} ms each")
    return seconds


# ----------------------------------------------------------------------------------------------------------------------
# 2. a property, broken: Hypothesis looks for a counterexample and makes it small

BROKEN = "    found = sorted(samples)[-1] if samples else 0.0\n    return found\n"  # forgets that sound goes below zero


def smallest_counterexample(project: Path, package: str) -> str:
    """Put a mistake into `peak` that no known answer in the unit tests sees; return what Hypothesis shows for it."""
    path = project / "src" / package / "levels.py"
    original = path.read_text(encoding="utf-8")
    body = "    return max(map(abs, samples), default=0.0)\n"
    assert body in original
    path.write_text(original.replace(body, BROKEN), encoding="utf-8")
    # concept: property-based tests
    found = python(*PYTEST, "-k", "test_unit or mean_is_never", cwd=project)
    path.write_text(original, encoding="utf-8")
    by_unit = len(re.findall(r"^FAILED tests/test_unit", found.output, flags=re.M))  # concept: unit tests
    shown = [line.strip(" E,") for line in found.output.splitlines() if "samples=" in line]
    print(f"  eight unit tests and one property: {ascii_only(found.last)}; unit tests among the failed: {by_unit}")
    return shown[0] if shown and not by_unit else ""


# ----------------------------------------------------------------------------------------------------------------------
# 3. golden audio: how much difference is a mistake?


def differences(waveform: np.ndarray, rate: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the difference to the golden sound in dB, of harmless changes and of real mistakes.

    Args:
        waveform: The golden sound, `[S]`.
        rate: Hz.
    """
    x = waveform.astype(np.float64)
    fade = np.hanning(round(0.01 * rate) | 1)

    def against(other: np.ndarray) -> float:
        return float(10 * np.log10(max(np.mean((other - x) ** 2), 1e-20) / np.mean(x**2)))  # concept: golden tests

    gain = 10 ** (-3 / 20) / np.abs(x).max()
    harmless = {
        "summed in another order": np.float32(x * gain).astype(np.float64) / gain,
        "32-bit instead of 64-bit": np.float32(x).astype(np.float64),
        "24-bit file": np.rint(x * 2**23) / 2**23,
        "FFT and back": np.fft.irfft(np.fft.rfft(x), len(x)),
    }
    mistakes = {
        "cut instead of rounded to 16 bits": np.floor(x * 2**15 - 0.5) / 2**15,
        "gain off by 0.1 dB": x * 10 ** (0.1 / 20),
        "one sample late": np.roll(x, 1),
        "polarity": -x,
        "8 bits": np.rint(x * 127) / 127,
        "a click: 1 ms lost": np.where(np.abs(np.arange(len(x)) - len(x) // 2) < rate // 2000, 0.0, x),
        "smoothed over 10 ms": np.convolve(x, fade / fade.sum(), "same"),
    }
    return ({name: against(other) for name, other in harmless.items()},
            {name: against(other) for name, other in mistakes.items()})  # fmt: skip


def plot_tolerance(harmless: dict[str, float], mistakes: dict[str, float], path: Path) -> None:
    figure, axis = subplots(1, size=(9, 4.5))
    rows = sorted([*((v, k, BLUE) for k, v in harmless.items()), *((v, k, ORANGE) for k, v in mistakes.items())])
    axis.barh([name for _, name, _ in rows], [value + 220 for value, _, _ in rows], left=-220,
              color=[colour for _, _, colour in rows])  # fmt: skip
    axis.axvline(TOLERANCE_DB, color="black", linestyle="--")
    axis.set(xlabel="difference to the golden sound (dB, relative to it)", xlim=(-220, 15),
             title="blue: harmless, orange: mistakes; the dashed line is the tolerance")  # fmt: skip
    save_figure(figure, path)


# ----------------------------------------------------------------------------------------------------------------------
# 4. mutation


def test_mutants(project: Path, found: list[Mutant]) -> list[set[str]]:
    """Run all tests on every mutant; return, by mutant, the kinds of tests that noticed it."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder, "mutants.json")
        rows.write_text(as_rows(found), encoding="utf-8")
        few = {"HYPOTHESIS_PROFILE": "few"}
        done = python(Path(__file__).with_name("mutate.py"), project, rows, cwd=project, env=few, at_most=1800)
    if done.code:
        raise CourseError(f"the mutants could not be tested: {done.errors[-600:]}", hint="run it again")
    names = json.loads(done.output.splitlines()[-1])
    return [{KINDS.get(name, name) for name in row} for row in names]


def unchanged(project: Path, file: str) -> Mutant:
    """Return the program as it is: a test that notices this one notices nothing."""
    return Mutant(file, 0, "", "", (project / file).read_text(encoding="utf-8"))


def show_survivors(found: list[Mutant], noticed: list[set[str]]) -> str:
    """Return the mutants that no test noticed, as differences."""
    lines = []
    for mutant, kinds in zip(found, noticed, strict=True):
        if not kinds:
            place = f"{Path(mutant.file).name}:{mutant.line}"
            lines += [f"{place}\n    - {mutant.before}\n    + {mutant.after}"]
    return "\n".join(lines) + "\n"


# What the survivors tell: the limits themselves are never tried, only values far from them.
MISSING = '''"""What a run over mutants showed to be unguarded: exactly at the limit."""

import pytest

from {package} import Clip, Rules, complaints, speech_bounds
from {package}.levels import frame_levels

RULES = Rules(min_seconds=1.0, max_seconds=2.0, min_peak_db=-20.0, max_clipped_share=0.1)


@pytest.mark.parametrize(
    ("samples", "wrong"),
    [
        ([0.5] * 10, 0),  # exactly the shortest
        ([0.5] * 9, 1),
        ([0.5] * 20, 0),  # exactly the longest
        ([0.5] * 21, 1),
        ([0.1] * 10, 0),  # exactly the quietest
        ([0.09] * 10, 1),
        ([1.0] + [0.5] * 9, 0),  # exactly as many at full scale as may be
        ([1.0, -1.0] + [0.5] * 8, 1),
        ([0.999, -0.999] + [0.5] * 8, 0),  # just not full scale
    ],
)
def test_at_the_limit(samples: list[float], wrong: int) -> None:
    assert len(complaints(Clip(samples, 10), RULES)) == wrong


def test_an_empty_clip_is_only_short_and_silent() -> None:
    assert len(complaints(Clip([], 10), RULES)) == 2


def test_the_room_is_kept_on_both_sides_and_never_more_than_there_is() -> None:
    samples = [0.0] * 100 + [0.5] * 100 + [0.0] * 100
    assert speech_bounds(samples, 500, keep_seconds=0.1) == (50, 250)
    assert speech_bounds(samples, 500, keep_seconds=1.0) == (0, 300)
    assert speech_bounds([0.5] * 3, 10) == (0, 3)


def test_the_last_frame_counts_when_it_is_whole() -> None:
    assert len(frame_levels([0.5] * 4, 2)) == 2 and len(frame_levels([0.5] * 3, 2)) == 1
'''


def plot_mutants(noticed: list[set[str]], seconds: dict[str, float], path: Path) -> Counter:
    """Draw how many mutants each kind of test noticed, and how many only it; return the former."""
    total = Counter(kind for kinds in noticed for kind in kinds if kind in seconds)
    alone = Counter(next(iter(kinds)) for kinds in noticed if len(kinds) == 1)
    figure, axis = subplots(1, size=(9, 4.5))
    names = [f"{kind}\n{1000 * seconds[kind]:.0f} ms" for kind in seconds]
    axis.bar(names, [total[kind] for kind in seconds], color=BLUE, label="noticed")
    axis.bar(names, [alone[kind] for kind in seconds], color=GREEN, label="noticed by no other kind")
    axis.axhline(len(noticed), color=GREY, linestyle="--", label="all mutants")
    axis.set(xlabel="kind of test, and what all of it takes", ylabel="mutants", title="Who notices a planted mistake")
    axis.legend()
    save_figure(figure, path)
    return total


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Run the four kinds, break a property, measure a tolerance, and let mutants judge the tests."""
    prepare(settings, needs=("pytest", "hypothesis"))
    [(name, waveform, rate)] = load_speech(settings)
    answers = Answers()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder).resolve() / answers.name
        make_project(project, answers)
        print("1. Four kinds of tests, on a program that is right")
        seconds = run_kinds(project)
        print("2. A mistake that no unit test sees: the peak of the positive samples only")
        shown = smallest_counterexample(project, answers.package)
        print(f"  Hypothesis shows the smallest input: {shown}")

        print(f"3. Golden audio ({name}): how large is a mistake?")
        harmless, mistakes = differences(waveform[: 4 * rate], rate)
        for kind, values in (("harmless", harmless), ("mistake", mistakes)):
            for what, value in values.items():
                verdict = "passes" if value < TOLERANCE_DB else "fails"
                print(f"  {kind:9} {what:34} {value:7.1f} dB  {verdict} the golden test at {TOLERANCE_DB:g} dB")
        plot_tolerance(harmless, mistakes, settings.out / "golden_tolerance.png")

        print("4. Mutants")
        every = [m for file in MODULES for m in mutants(project, f"src/{answers.package}/{file}")]
        spread = np.linspace(0, len(every) - 1, QUICK_MUTANTS).round().astype(int)
        found = [every[number] for number in spread] if settings.quick else every
        control, *noticed = test_mutants(project, [unchanged(project, every[0].file), *found])
        survivors = show_survivors(found, noticed)
        write_text_atomic(settings.out / "survivors.txt", survivors)
        total = plot_mutants(noticed, seconds, settings.out / "tests_against_mutants.png")
        score = sum(map(bool, noticed)) / len(found)
        print(f"  {len(found)} of {len(every)} mutants: {dict(total)}; noticed by any: {score:.0%}. Survivors:")
        print("    " + ascii_only(survivors).replace("\n", "\n    ").rstrip())

        print("5. Tests for what survived: exactly at the limit")
        text = MISSING.format(package=answers.package)
        (project / "tests" / "test_limits.py").write_text(text, encoding="utf-8")
        left = [mutant for mutant, kinds in zip(found, noticed, strict=True) if not kinds]
        again = test_mutants(project, left) if left else []
        still = show_survivors(left, again)
        print(f"  {sum(map(bool, again))} of {len(left)} are noticed now. Still alive, perhaps the same program:")
        print("    " + ascii_only(still).replace("\n", "\n    ").rstrip())
    return {
        "counterexample_found": float("-" in shown),
        "harmless_that_pass": sum(value < TOLERANCE_DB for value in harmless.values()),
        "mistakes_that_fail": sum(value >= TOLERANCE_DB for value in mistakes.values()),
        "alarms_on_the_right_program": len(control),
        "mutants": len(found),
        "mutation_score": score,
        "noticed_by_unit": total["unit"] / len(found),
        "noticed_by_property": total["property"] / len(found),
        "noticed_by_golden": total["golden"] / len(found),
        "noticed_by_end_to_end": total["end-to-end"] / len(found),
        "score_with_limits": (sum(map(bool, noticed)) + sum(map(bool, again))) / len(found),
    }


EXPECTED = {
    "counterexample_found": Expected((1, 1), (1, 1)),
    "harmless_that_pass": Expected((4, 4), (4, 4)),
    "mistakes_that_fail": Expected((7, 7), (7, 7)),
    "alarms_on_the_right_program": Expected((0, 0), (0, 0)),
    "mutants": Expected((12, 12), (56, 56)),
    "mutation_score": Expected((0.5, 0.95), (0.6, 0.95)),
    "score_with_limits": Expected((0.85, 1), (0.85, 1)),
}

PARSER = script_parser(__doc__)

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_package_and_install.py")
