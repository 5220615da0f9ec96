"""What a check has found."""

from __future__ import annotations

from dataclasses import dataclass

OK, WARN, FAIL = "ok", "warn", "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report.

    Attributes:
        status: "ok"; "warn", the course runs but something is amiss; "FAIL", some script will not run.
        name: What was looked at, one word or two.
        value: What was seen.
        why: Why it matters to the course.
        repair: Commands or actions for this operating system, one a line, to be run from the top of the repository.
        anchor: Heading in TROUBLESHOOTING.md that explains it.
    """

    status: str
    name: str
    value: str
    why: str
    repair: tuple[str, ...] = ()
    anchor: str = ""
