"""The doctor's command line: `course doctor`, `python -m coursekit.doctor`, 00_env_setup/01_check_environment.py."""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from coursekit.cli import print_error
from coursekit.doctor.checks import ABSENT_TOOLS, examine
from coursekit.doctor.facts import Facts, gather
from coursekit.doctor.findings import FAIL, WARN, Finding
from coursekit.errors import CourseError

GUIDE = Path("00_env_setup") / "TROUBLESHOOTING.md"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print_error(CourseError(f"{message}.", hint=f"{self.prog} --help lists every setting"))
        raise SystemExit(2)


def main(argv: Sequence[str]) -> int:
    """Examine this machine and print the findings.

    Args:
        argv: `--json`, `--network`, `--need ffmpeg` or `--need espeak-ng`.

    Returns:
        0 when nothing failed, 1 when something did, 2 for an unknown setting.
    """
    parser = _Parser(prog="course doctor", description="Look at everything the course needs on this machine.")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument("--network", action="store_true", help="also try the hosts that scripts download from")
    parser.add_argument(
        "--need", action="append", default=[], choices=list(ABSENT_TOOLS), help="insist on this program"
    )
    try:
        settings = parser.parse_args(list(argv))
    except SystemExit as stopped:
        return int(stopped.code or 0)
    facts = gather(network=settings.network)
    findings = examine(facts, settings.need)
    if settings.json:
        print(json.dumps({"failed": count(findings, FAIL), "findings": [asdict(one) for one in findings]}, indent=2))
    else:
        for line in report_lines(facts, findings):
            print(line)
    return 1 if count(findings, FAIL) else 0


def count(findings: Iterable[Finding], status: str) -> int:
    """How many findings have this status."""
    return sum(finding.status == status for finding in findings)


def report_lines(facts: Facts, findings: Sequence[Finding]) -> list[str]:
    """The findings as lines of plain ASCII: one each, the repair below those that are not ok, the verdict last."""
    width = shutil.get_terminal_size((120, 24)).columns
    lines = []
    for finding in findings:
        lines += finding_lines(finding, width)
    failed, warned = count(findings, FAIL), count(findings, WARN)
    if failed + warned and facts.cwd != facts.root:
        lines.append(f'The commands are for the top of the repository: cd "{facts.root}"')
    lines.append(f"{len(findings)} checks: {failed} failed, {warned} to look at.")
    return [line.encode("ascii", "replace").decode() for line in lines]


def finding_lines(finding: Finding, width: int = 120) -> list[str]:
    """One finding: what was seen, why it matters (below where it does not fit beside), and its repair."""
    seen = f"{finding.status:<5} {finding.name:<12} {finding.value}"
    lines = [f"{seen:<52}  {finding.why}"]
    if len(lines[0]) >= width:
        lines = [seen, f"{'':<18} {finding.why}"]
    lines += [f"{'':<6}-> {line}" for line in finding.repair]
    if finding.anchor:
        lines.append(f"{'':<6}   more: {GUIDE.as_posix().replace('/', os.sep)}#{finding.anchor}")
    return lines
