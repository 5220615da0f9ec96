"""Write COSTS.md: what each script takes, quick and full, measured one after the other on this machine.

    python tests/write_costs.py                 every script of every module
    python tests/write_costs.py 01 02/03        only these; the other rows stay as they are

For maintainers, on a machine that does nothing else. Nothing asserts these numbers; they tell a learner what to expect.
Real data is used where it is at hand (COURSE_DATA_MIRROR or the cache); without it a full run is what it falls back to.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import gates

from coursekit.files import write_text_atomic

TABLE = gates.ROOT / "COSTS.md"
ROW = re.compile(r"^\| \[(\S+)\]\(\S+\) \| (.+) \| (.+) \| (.+) \| (.+) \|$")
TIME_LIMIT = 3600.0  # seconds
NOT_RUN = "-"


def main(wanted: list[str]) -> int:
    """Measure the scripts that `wanted` names (all when empty), and write the table."""
    rows = read_rows()
    names = [path.relative_to(gates.ROOT).as_posix() for path in gates.numbered_scripts()]
    rows = {name: cells for name, cells in rows.items() if name in names}
    failed = []
    with tempfile.TemporaryDirectory(prefix="costs-") as folder:
        for name in names:
            if gates.exception(name) or (wanted and not any(matches(name, one) for one in wanted)):
                continue
            print(f"-> {name}", flush=True)
            cells = [*measure(name, Path(folder), "--quick"), *measure(name, Path(folder))]
            if NOT_RUN in cells:
                failed.append(name)
            rows[name] = cells
            write_text_atomic(TABLE, table(rows))
    for name in failed:
        print(f"did not run to its end: {name}")
    return 1 if failed else 0


def matches(name: str, wanted: str) -> bool:
    """Whether "02" or "02/03" means this script."""
    module, _, script = wanted.partition("/")
    return name.startswith(f"{module}_") and name.split("/")[1].startswith(script)


def measure(name: str, folder: Path, *arguments: str) -> tuple[str, str]:
    """Run a script; return its time from start to end, imports included, and its peak memory."""
    script, out = gates.ROOT / name, folder / Path(name).parent / "-".join(["full", *arguments])
    environment = {**os.environ, "COURSE_PROGRESS": str(folder / "progress.txt")}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(script), *arguments, "--out", str(out)],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIME_LIMIT,
        check=False,
    )
    seconds = time.perf_counter() - started
    report = out / f"{script.stem}.json"
    if done.returncode or not report.exists():
        print(done.stderr[-1000:].decode("ascii", "replace"))
        return NOT_RUN, NOT_RUN
    peak = json.loads(report.read_text(encoding="utf-8"))["peak_mb"]
    return duration(seconds), f"{peak / 1000:.1f} GB" if peak >= 100 else "0.1 GB"


def duration(seconds: float) -> str:
    """Seconds as a reader takes them in."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1.0, seconds):.0f} s"


def read_rows() -> dict[str, list[str]]:
    """The table as it stands: script -> its four cells."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    return {row.group(1): list(row.groups()[1:]) for line in lines if (row := ROW.match(line))}


def table(rows: dict[str, list[str]]) -> str:
    """The whole page."""
    system = f"{platform.system()}, {os.cpu_count()} CPU cores, Python {platform.python_version()}"
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    remark = (
        ""
        if busy < 2 * (os.cpu_count() or 1)
        else "\nOther programs were at work meanwhile, so the times are too long.\n"
    )
    head = f"""# What each script costs

Time from start to end, imports included, and the most memory held at once. Measured with `tests/write_costs.py` on
{system}, one script after the other. Your machine will differ; the ratios mostly will not.
A dash: not measured yet.
{remark}
| script | quick | memory | full | memory |
|---|---|---|---|---|
"""
    return head + "".join(f"| [{name}]({name}) | {' | '.join(cells)} |\n" for name, cells in sorted(rows.items()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
