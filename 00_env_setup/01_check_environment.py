"""Examine this machine: everything the course needs, why it needs it, and the command that repairs what is wrong.

What you will learn
    - what a Python program finds around it: an interpreter, an environment, packages, a console, folders
    - how to tell which of them is at fault when something does not work
    - how a check is written: look at one thing, compare it with what is needed, name the repair
How to run it
    python 01_check_environment.py --quick     every check but the network, about 10 s
    python 01_check_environment.py             and tries the hosts that data comes from, about 10 s
    python 01_check_environment.py --brief     the findings alone; `course doctor` prints the same
Time and memory on 2 CPU cores: quick 10 s, full 10 s; 0.1 GB.
Writes: nothing but the report
Concepts: ENVIRONMENT_CONCEPTS_EXPLAINED.md (command line, virtual environment, lock file, character encoding)
"""

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from coursekit.cli import run_script, script_parser
from coursekit.doctor import Finding, examine, gather
from coursekit.doctor.report import count, finding_lines
from coursekit.expectations import Expected

PARSER = script_parser(__doc__)
PARSER.add_argument("--brief", action="store_true", help="print the findings without the explanations")

EXPECTED = {
    "checks": Expected(quick=(17, 17), full=(17, 17)),
    "failed": Expected(quick=(0, 0), full=(0, 0)),  # warnings are allowed: a machine without a microphone is all right
}

# ----------------------------------------------------------------------------------------------------------------------
# what is checked, in the order in which one thing rests on the other, and why


@dataclass(frozen=True)
class Layer:
    """A few checks that belong together.

    Attributes:
        title: The question they answer.
        why: What a beginner should know about it.
        checks: Names of the findings, as the doctor calls them.
    """

    title: str
    why: str
    checks: Sequence[str]


LAYERS = (
    Layer(
        "1. Which program runs your Python files?",
        "A computer can hold several Pythons, each with packages of its own. Most of the trouble that beginners meet\n"
        "comes from typing `python` and getting another one than they think. These are the facts about this one.",
        ("python", "machine", "environment", "variables", "names"),
    ),
    Layer(
        "2. Are its packages those that the course was tested with?",
        "A virtual environment (.venv) keeps the course's packages apart from all others. requirements.lock names\n"
        "each with its exact version. This compares the two, package by package, file by file.",
        ("packages",),
    ),
    Layer(
        "3. Do the large libraries really start?",
        "Being installed is not enough: PyTorch is compiled code, and needs the right processor, driver and system\n"
        "libraries. So it is started in a process of its own and multiplies two small matrices.",
        ("torch", "device", "microphone", "tools"),
    ),
    Layer(
        "4. Is there room to work, and may we write?",
        "Scripts write below outputs/, the capstone below voices/, downloads go to .data/.",
        ("disk", "memory", "folder", "writable", "data", "network"),
    ),
    Layer(
        "5. Can this console show what we print?",
        "A console turns bytes into letters with an encoding. The course prints plain ASCII, which nearly all share.",
        ("console",),
    ),
)


# ----------------------------------------------------------------------------------------------------------------------
# a check of our own, to see how little it takes


def check_recursion() -> Finding:
    """Look at one thing, compare it with what is needed, name the repair: that is all a check is.

    Python stops a function that calls itself too often. 1,000 calls deep is the usual limit; spaCy and PyTorch need a
    few hundred. Nothing in the course changes it, so this check passes unless something very odd is going on.
    """
    seen, needed = sys.getrecursionlimit(), 500
    if seen >= needed:
        return Finding("ok", "recursion", f"{seen} calls deep", "libraries call themselves a few hundred deep")
    return Finding(
        "FAIL", "recursion", f"{seen} calls deep", "libraries go deeper", ("find what calls setrecursionlimit",)
    )


# ----------------------------------------------------------------------------------------------------------------------


def main(settings):
    """Gather the facts once, make every check, print them layer by layer, and count."""
    print(f"This is Python {platform.python_version()}, started as {sys.executable}")  # concept: virtual environment
    facts = gather(network=not settings.quick)  # starts child processes with a time limit, so that a crash hurts nobody
    findings = {finding.name: finding for finding in examine(facts)}  # concept: lock file
    for layer in LAYERS:
        if not settings.brief:
            print(f"\n{layer.title}\n{layer.why}\n")
        for name in layer.checks:
            print_finding(findings[name])
    if not settings.brief:
        print("\nA check of our own, written in this file:\n")
        print_finding(check_recursion())

    failed, warned = (count(findings.values(), status) for status in ("FAIL", "warn"))
    print(f"\n{len(findings)} checks: {failed} failed, {warned} to look at.")
    if failed:  # the lines that start with -> are commands for the command line  # concept: command line
        print(f'Run the commands behind "->" from the top of the repository ({facts.root}), then this script again.')
    shown = sum(len(layer.checks) for layer in LAYERS)
    return {"checks": len(findings), "failed": failed, "warnings": warned, "shown": shown, "console": facts.console}


def print_finding(finding):
    """Print one finding and, where it is not ok, the commands that repair it."""
    for line in finding_lines(finding):
        # A name from this machine (a folder, a microphone) may hold any letter, and the console may not know it. A
        # question mark is better than a crash.
        print(line.encode("ascii", "replace").decode())  # concept: character encoding


if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_check_device.py")
