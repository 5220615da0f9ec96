"""Code review: a change with eleven planted defects. What tools find, what tests find, and what only you can find.

What you will learn
    - to read a change as a difference, with questions: units, ends, errors, secrets, who calls it
    - what a linter and a type checker find in a second, and why they find no wrong formula
    - that the tests which come with a change show what its author thought of, and nothing else
    - to score a review: defects found, and remarks that were none
How to run it (needs the tools: python3 00_env_setup/bootstrap.py extra tools)
    python 07_code_review.py --quick                      writes the change to review, about 4 s
    python 07_code_review.py                              the same, with each defect repaired in turn
    python 07_code_review.py --findings my_findings.txt   scores your review
Time and memory on 2 CPU cores: quick 4 s, full 12 s; 0.1 GB.
Writes outputs/: change.diff, findings.txt, review.png
Concepts: PROJECT_CONCEPTS_EXPLAINED.md (code review)
"""

import difflib
import json
import re
import tempfile
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from project_utils import CHECKS, PYTEST, Answers, ascii_only, make_project, prepare, python, save_figure, subplots

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import check_name

# ----------------------------------------------------------------------------------------------------------------------
# settings

REVIEW = Path(__file__).resolve().parent / "review"  # defects.json holds the solution: look into it afterwards
NEAR = 1  # a finding counts when it is at most so many lines away
TEMPLATE = """\
# Your findings in change.diff: a line number of the NEW file, then what is wrong. One finding a line.
# Then: python 07_code_review.py --findings THIS_FILE
# Example:
# 12  the unit is seconds here and milliseconds there
"""


@dataclass(frozen=True)
class Defect:
    """One planted mistake: where it stands in the new file, the question that finds it, and why it is one."""

    line: int
    name: str
    question: str
    why: str


# ----------------------------------------------------------------------------------------------------------------------
# 1. the change


def change_as_diff() -> str:
    """Return the change the way a reviewer sees it, with the line numbers of the new file."""
    before, after = ((REVIEW / f"{name}.py.txt").read_text(encoding="utf-8") for name in ("before", "after"))
    lines, number = [], 0
    for line in difflib.unified_diff(
        before.splitlines(), after.splitlines(), "a/export.py", "b/export.py", lineterm="", n=99
    ):
        if line.startswith(("+++", "---", "@@")):
            lines.append(line)
        else:
            number += line[:1] != "-"
            lines.append(f"{number if line[:1] != '-' else '':>4} {line}")
    return "\n".join(lines) + "\n"


# ----------------------------------------------------------------------------------------------------------------------
# 2. what tools and tests say


def lines_of(text: str, file: str) -> set[int]:
    """Return the line numbers that a tool names for a file, in the usual form `file.py:12:`."""
    return {int(number) for number in re.findall(rf"{re.escape(file)}:(\d+)", text)}


def by_tools(project: Path, package: str) -> dict[str, set[int]]:
    """Run linter and type checker on the change; return the lines each complains about."""
    file = f"src/{package}/export.py"
    ruff = python("-m", "ruff", "check", "--no-cache", "--output-format", "concise", file, cwd=project)
    mypy = python(*CHECKS["mypy"], cwd=project)
    for name, done in (("ruff", ruff), ("mypy", mypy)):
        for line in done.output.splitlines():
            if "export.py:" in line:
                print(f"  {name}: {ascii_only(line.replace(file, 'export.py'))[:110]}")
    return {"ruff": lines_of(ruff.output, "export.py"), "mypy": lines_of(mypy.output, "export.py")}


def by_tests(project: Path, defects: list[Defect]) -> tuple[int, set[int]]:
    """Run the tests of the change, then a reviewer's; return (failures of the former, lines the latter point at).

    A reviewer's test is named after the defect it looks for, so a failing one names its line.
    """
    own = python(*PYTEST, "tests/test_export.py", cwd=project)
    reviewers = python(*PYTEST, "tests/test_reviewers.py", cwd=project)
    failing = set(re.findall(r"^FAILED \S+::test_(\w+)", reviewers.output, flags=re.M))
    print(f"  tests that came with it: {ascii_only(own.last)}")
    print(f"  three tests a reviewer wrote: {ascii_only(reviewers.last)}")
    return int(own.code != 0), {d.line for d in defects if d.name.replace(" ", "_") in failing}


# ----------------------------------------------------------------------------------------------------------------------
# 3. scoring a review


def hits(findings: set[int], defects: list[Defect]) -> dict[int, Defect]:
    """Return the defect that each finding points at: the nearest one, where it is near enough."""
    nearest = {line: min(defects, key=lambda defect: abs(defect.line - line)) for line in findings}
    return {line: defect for line, defect in nearest.items() if abs(defect.line - line) <= NEAR}


def score(findings: set[int], defects: list[Defect]) -> tuple[float, float, list[Defect]]:
    """Return (precision, recall, defects missed) of a review.

    Args:
        findings: Line numbers of the new file.
        defects: What is really wrong.
    """
    found = hits(findings, defects)
    missed = [defect for defect in defects if defect not in found.values()]
    precision = len(found) / len(findings) if findings else 0.0  # of your remarks, how many were worth a stop
    return precision, 1 - len(missed) / len(defects), missed  # concept: code review


def read_findings(path: Path) -> set[int]:
    """Return the line numbers in a learner's file.

    Raises:
        CourseError: It cannot be read, or a line does not begin with a number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CourseError(
            f"{path} cannot be read: {error.strerror}.", hint="begin with outputs/findings.txt"
        ) from error
    kept = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    for line in kept:
        if not re.match(r"\d+\s+\S", line):
            raise CourseError(f"a finding is a line number and what is wrong, not {line!r}.", hint="12  wrong unit")
    return {int(line.split()[0]) for line in kept}


def show_learner(findings: set[int], defects: list[Defect]) -> None:
    """Print how a learner's review did, and for what was missed the question that finds it."""
    precision, recall, missed = score(findings, defects)
    print(f"Your review: {recall:.0%} of the defects found, {precision:.0%} of the remarks were defects")
    for defect in missed:
        print(f"  missed. Ask of every function: {defect.question}")
    if not missed:
        for defect in defects:
            print(f"  line {defect.line}, {defect.name}: {defect.why}")


# ----------------------------------------------------------------------------------------------------------------------
# 4. repaired, one at a time: a finding is believed when repairing it makes the check that found it silent

REPAIRS = {
    "milliseconds": ("PAUSE_MS * sample_rate)", "PAUSE_MS * sample_rate // 1000)"),
    "last piece": ("range(0, len(samples) - size, size)", "range(0, len(samples), size)"),
    "comparison": ("< QUIETEST_DB", ">= QUIETEST_DB"),
    "type": ('f"{sum(clip.seconds for clip in clips):.1f}"', "sum(clip.seconds for clip in clips)"),
    "names drift": ("zip(names, clips)", "zip(names, clips, strict=True)"),
}


def repair(project: Path, package: str, defects: list[Defect]) -> int:
    """Make each of five repairs alone; return how many silence exactly the finding they belong to."""
    path = project / "src" / package / "export.py"
    original, silenced = path.read_text(encoding="utf-8"), 0
    for name, (old, new) in REPAIRS.items():
        [line] = [d.line for d in defects if d.name == name]
        assert original.count(old) == 1
        path.write_text(original.replace(old, new), encoding="utf-8")
        if name in ("type", "names drift"):
            now = {line for found in by_tools(project, package).values() for line in found}
        else:
            now = by_tests(project, defects)[1]
        path.write_text(original, encoding="utf-8")
        silenced += line not in now
        print(f"  -> repaired: {name}; its finding is {'gone' if line not in now else 'STILL THERE'}")
    return silenced


def capstone_refuses() -> int:
    """Give the capstone names that are paths; return how many it refuses."""
    refused = 0
    for name in ("../other/secret", "/etc/passwd", "a\\b", "..", ""):
        try:
            check_name(name)
        except PipelineError:
            refused += 1
    return refused


def plot(defects: list[Defect], found: dict[str, set[int]], path: Path) -> None:
    """Draw which defect was found by what."""
    columns = [set(hits(lines, defects).values()) for lines in found.values()]
    table = np.array([[float(defect in column) for column in columns] for defect in defects])
    figure, axis = subplots(1, size=(7, 5))
    axis.imshow(table, cmap="Blues", aspect="auto", vmin=0, vmax=1.4)
    for row, column in np.argwhere(table):
        axis.text(column, row, "found", ha="center", va="center")
    axis.set_xticks(range(len(found)), list(found))
    axis.set_yticks(range(len(defects)), [f"defect {n}" for n in range(1, len(defects) + 1)])
    axis.set(
        title="What finds what; an empty row is left to a person", xlabel="way of looking", ylabel="planted defect"
    )
    save_figure(figure, path)


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Show the change, let tools and tests look at it, and score reviews."""
    prepare(settings, needs=("ruff", "mypy", "pytest", "hypothesis"))
    defects = [Defect(**row) for row in json.loads((REVIEW / "defects.json").read_text(encoding="utf-8"))]
    mine = read_findings(settings.findings) if settings.findings else None
    write_text_atomic(settings.out / "change.diff", change_as_diff())
    if not (settings.out / "findings.txt").exists():  # never over what you wrote
        write_text_atomic(settings.out / "findings.txt", TEMPLATE)
    print("1. The change is in change.diff. Stop here, review it, and write findings.txt, before you read on.")
    answers, repaired = Answers(), 0
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / answers.name
        make_project(project, answers)
        places = {"after": f"src/{answers.package}/export.py", "tests_of_the_change": "tests/test_export.py",
                  "reviewers_tests": "tests/test_reviewers.py"}  # fmt: skip
        for source, target in places.items():
            write_text_atomic(project / target, (REVIEW / f"{source}.py.txt").read_text(encoding="utf-8"))
        print("2. What runs by itself")
        tools = by_tools(project, answers.package)
        own_failed, tests = by_tests(project, defects)
        if not settings.quick:
            print("3. Repaired, one at a time")
            repaired = repair(project, answers.package, defects)

    found = {**tools, "reviewer's tests": tests}
    plot(defects, found, settings.out / "review.png")
    by_machine = set().union(*found.values())
    last = len((REVIEW / "after.py.txt").read_text(encoding="utf-8").splitlines())
    reviews = {"ruff and mypy": tools["ruff"] | tools["mypy"], "and a reviewer's tests": by_machine,
               "every line": set(range(1, last + 1)), "nothing (looks good to me)": set()}  # fmt: skip
    print("4. Reviews, scored\n  review                        precision   recall")
    scores = {}
    for name, findings in reviews.items():
        scores[name] = score(findings, defects)
        print(f"  {name:28} {scores[name][0]:>10.0%} {scores[name][1]:>8.0%}")
    left = scores["and a reviewer's tests"][2]
    print(f"  {len(left)} of {len(defects)} defects are left to a person: no tool here looks for what was meant.")
    refused = capstone_refuses()
    print(f"  One of them is a path that comes in as a name: the capstone refuses {refused} of 5 such names.")
    if mine is not None:
        show_learner(mine, defects)
    return {
        "defects": len(defects),
        "found_by_ruff": sum(d.line in tools["ruff"] for d in defects),
        "found_by_mypy": sum(d.line in tools["mypy"] for d in defects),
        "found_by_reviewers_tests": len(tests),
        "own_tests_failing": own_failed,
        "left_to_a_person": len(left),
        "precision_of_tools": scores["ruff and mypy"][0],
        "precision_of_every_line": scores["every line"][0],
        "repairs_that_silence": repaired,
        "paths_refused_by_the_capstone": refused,
    }


EXPECTED = {
    "defects": Expected((11, 11), (11, 11)),
    "found_by_ruff": Expected((3, 3), (3, 3)),
    "found_by_mypy": Expected((1, 1), (1, 1)),
    "found_by_reviewers_tests": Expected((3, 3), (3, 3)),
    "own_tests_failing": Expected((0, 0), (0, 0)),
    "left_to_a_person": Expected((4, 4), (4, 4)),
    "precision_of_tools": Expected((1, 1), (1, 1)),
    "precision_of_every_line": Expected((0.3, 0.7), (0.3, 0.7)),
    "repairs_that_silence": Expected(None, (5, 5)),
    "paths_refused_by_the_capstone": Expected((5, 5), (5, 5)),
}

PARSER = script_parser(__doc__)
PARSER.add_argument("--findings", type=Path, metavar="FILE", help="your review, to be scored")

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="08_plan_the_capstone.py")
