"""Every numbered script, run as a learner with a difficult machine would run it: quick, twice, from another folder.

A script whose first run takes long is run once, so that all of them fit into CI's time; COURSE_THOROUGH=1 runs every
script twice. Which ones were run once is seen in the table after the tests.
"""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

import pytest

from . import gates
from .conftest import QUICK_RUNS

SCRIPTS = [path.relative_to(gates.ROOT).as_posix() for path in gates.numbered_scripts()]
CHECKED = [name for name in SCRIPTS if not gates.exception(name)]
ONE_OF_EACH = sorted({name.split("/")[0]: name for name in reversed(CHECKED)}.values())
LONG = 25.0  # seconds of a first run, after which there is no second one


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> gates.Sandbox:
    return gates.Sandbox(tmp_path_factory.mktemp("scripts"))


def test_every_exception_is_a_script_and_has_a_reason() -> None:
    assert all(fnmatch.filter(SCRIPTS, pattern) and reason for pattern, reason in gates.EXCEPTIONS.items())


@pytest.mark.parametrize("name", CHECKED)
def test_the_source_reads_like_every_other(name: str) -> None:
    script = gates.ROOT / name
    report(gates.header_problems(script) + gates.source_problems(script))


@pytest.mark.parametrize("name", CHECKED)
def test_quick_runs_twice_offline_from_another_folder(
    name: str, sandbox: gates.Sandbox, request: pytest.FixtureRequest
) -> None:
    script = sandbox.root / name
    first = run_with_what_it_needs(script, sandbox)
    if reason := gates.missing_extra(first):
        pytest.skip(reason)
    between = gates.snapshot(first.out)
    problems = gates.run_problems(first) + gates.report_problems(first) + gates.written_problems(first)
    if not problems and first.report()["seconds"] > LONG and not os.environ.get("COURSE_THOROUGH"):
        request.config.stash[QUICK_RUNS].append((name, first.report(), None))
        return
    second = sandbox.run(script, "--quick")
    again = gates.run_problems(second) + gates.report_problems(second)
    again += gates.second_run_problems(second, between)
    report(problems + [f"second run: {problem}" for problem in again if problem not in problems])
    request.config.stash[QUICK_RUNS].append((name, first.report(), second.report()))


def report(problems: list[str]) -> None:
    if problems:
        pytest.fail("\n".join(["", *problems]), pytrace=False)


def run_with_what_it_needs(script: Path, sandbox: gates.Sandbox) -> gates.Run:
    """Run a script; where its hint says so, run an earlier one first (that has its own test, too)."""
    run = sandbox.run(script, "--quick")
    if earlier := gates.wanted_first(run):
        sandbox.run(earlier, "--quick")
        run = sandbox.run(script, "--quick")
    return run


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_an_unknown_flag_is_refused_with_a_hint(name: str, sandbox: gates.Sandbox) -> None:
    """One script of each module: that all of them leave it to the same parser, their sources say."""
    report(gates.refusal_problems(sandbox.run(sandbox.root / name, "--quik")))
