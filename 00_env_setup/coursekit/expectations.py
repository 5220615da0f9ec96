"""What a script should measure, checked against what it did measure."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.files import write_json_atomic

Range = tuple[float, float]


@dataclass(frozen=True)
class Expected:
    """The range (lowest, highest, both allowed) a value lay in when the course was written.

    Attributes:
        quick: Range with `--quick`; None where the quick run does not measure it.
        full: Range of the full run; None where it is not checked.
    """

    quick: Range | None
    full: Range | None

    def range(self, quick: bool) -> Range | None:
        return self.quick if quick else self.full


@dataclass(frozen=True)
class Outcome:
    """One measured value beside its range."""

    name: str
    value: float | None
    low: float
    high: float

    @property
    def passed(self) -> bool:
        return self.value is not None and self.low <= self.value <= self.high

    def describe(self) -> str:
        """Return for example "test accuracy 0.978, expected 0.970 to 0.985: ok"."""
        value = "missing" if self.value is None else _figures(self.value, self.low, self.high)
        low, high = (_figures(bound, self.low, self.high) for bound in (self.low, self.high))
        verdict = "ok" if self.passed else "NOT as expected"
        return f"{self.name.replace('_', ' ')} {value}, expected {low} to {high}: {verdict}"


def check(values: Mapping[str, Any], expected: Mapping[str, Expected], quick: bool) -> list[Outcome]:
    """Compare measured values with their ranges; an expected value that was not measured fails."""
    ranges = {name: entry.range(quick) for name, entry in expected.items()}
    return [Outcome(name, values.get(name), *bounds) for name, bounds in ranges.items() if bounds is not None]


def write_report(
    path: Path, values: Mapping[str, Any], outcomes: Sequence[Outcome], quick: bool, seconds: float
) -> None:
    """Write a script's measured values as JSON; a value JSON cannot hold (NaN, infinity) is written as null."""
    write_json_atomic(
        path,
        {
            "quick": quick,
            "values": {name: _finite_or_none(value) for name, value in values.items()},
            "expected": {outcome.name: [outcome.low, outcome.high] for outcome in outcomes},
            "passed": all(outcome.passed for outcome in outcomes),
            "seconds": round(seconds, 2),
            "peak_mb": round(peak_memory_mb(), 1),
        },
    )


def peak_memory_mb() -> float:
    """Return the most memory this process has held at once, in MB of 2**20 bytes."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset) / 2**20
    status = Path("/proc/self/status")
    if status.is_file():  # Linux; what getrusage says there counts the program that started this one, too
        peaks = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        if peaks:
            return int(peaks[0]) / 2**10
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _figures(value: float, low: float, high: float) -> str:
    if all(float(number).is_integer() for number in (value, low, high) if math.isfinite(number)):
        return f"{value:.0f}"
    return f"{value:.3f}" if max(abs(low), abs(high)) < 100 else f"{value:.1f}"


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
