"""What every numbered script must keep. Each gate returns a list of problems in words; an empty list is a pass.

The scripts run in a sandbox: a copy of the repository with a home, a temporary folder and a current folder of its own.
Whatever a script leaves behind is found there, and nothing that anybody else does in the real repository is.
"""

from __future__ import annotations

import ast
import fnmatch
import json
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from coursekit.course.modules import header
from coursekit.errors import CourseError

ROOT = Path(__file__).resolve().parents[1]
MOST_LINES = 350
TIME_LIMIT = 300.0  # seconds; for scripts that hang. What a quick run may take is in COSTS.md, not here
REPORT_KEYS = {"quick", "values", "expected", "passed", "seconds", "peak_mb"}
MAY_RUN_ON_IMPORT = ("PARSER.", "matplotlib.use", "warnings.filterwarnings", "os.environ.setdefault")
LEFT_OUT = {"__pycache__", ".git", ".venv", ".progress"}

# Patterns of scripts that are not checked, each with its reason.
EXCEPTIONS = {
    "08_model_training_finetuning/*_train_starter_*.py": "hours of training; its lesson is 08_small_voice.py",
    "11_cloud_platforms/05_ray_batch.py": "Ray looks for a cloud around it, which the sandbox refuses; the capstone's "
    "test_deploy_ray.py starts it",
}

Snapshot = dict[str, tuple[int, int]]


def numbered_scripts(root: Path = ROOT) -> list[Path]:
    """Every numbered script of a numbered module, in the order of the course."""
    return sorted(path for path in root.glob("[0-9][0-9]_*/[0-9][0-9]_*.py") if path.is_file())


def exception(name: str) -> str:
    """Why a script is not checked; empty for those that are."""
    return next((reason for pattern, reason in EXCEPTIONS.items() if fnmatch.fnmatch(name, pattern)), "")


# ------------------------------------------------------------------------------------------------------- the sandbox


@dataclass(frozen=True)
class Run:
    """What one run of a script did.

    Attributes:
        code: Its exit code.
        written: Files made or changed below its --out, relative to it.
        strays: Files made, changed or removed anywhere else in the sandbox.
        network: What it tried to reach, whether or not it went on after the refusal.
        report_text: The report as this run left it; a later run writes over the file. None when there is none.
    """

    script: Path
    out: Path
    code: int
    stdout: bytes
    stderr: bytes
    written: frozenset[str]
    strays: tuple[str, ...]
    network: tuple[str, ...]
    report_text: str | None

    @property
    def error(self) -> str:
        return self.stderr.decode("ascii", "backslashreplace")

    def report(self) -> dict[str, object]:
        """The JSON report it wrote.

        Raises:
            ValueError: There is none, or it is no JSON object.
        """
        if self.report_text is None:
            raise ValueError("it was not written")
        found = json.loads(self.report_text)
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")
        return found


class Sandbox:
    """A place where scripts run, and every file they touch is seen."""

    def __init__(self, folder: Path, source: Path = ROOT) -> None:
        self.folder = folder
        self.root = folder / "course"
        self.settings = folder / "settings"  # caches of libraries; what they write there is not looked at
        self._blocked = self.settings / "blocked.txt"
        copy_repository(source, self.root)
        for name in ("elsewhere", "home", "temporary", "settings"):
            (folder / name).mkdir(exist_ok=True)

    def out(self, script: Path) -> Path:
        """One folder for the scripts of a module, as `outputs/` is: a later script reads what an earlier one wrote."""
        return self.folder / "out" / script.parent.name

    def run(self, script: Path, *arguments: str) -> Run:
        """Run `script` (a path inside the sandbox) from another folder, into its --out, with nothing to read."""
        out = self.out(script)
        before = snapshot(self.folder)
        self._blocked.unlink(missing_ok=True)
        try:
            done = subprocess.run(
                [sys.executable, str(script), *arguments, "--out", str(out)],
                cwd=self.folder / "elsewhere",
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TIME_LIMIT,
                check=False,
            )
            code, stdout, stderr = done.returncode, done.stdout, done.stderr
        except subprocess.TimeoutExpired as expired:
            code, stdout, stderr = -1, expired.stdout or b"", (expired.stderr or b"") + b"\nstopped: it took too long\n"
        changed = changes(before, snapshot(self.folder))
        inside = out.relative_to(self.folder).as_posix() + "/"
        report = out / f"{script.stem}.json"
        fresh = f"{inside}{report.name}" in changed and report.exists()
        return Run(
            script,
            out,
            code,
            stdout,
            stderr,
            frozenset(name[len(inside) :] for name in changed if name.startswith(inside)),
            tuple(name for name in changed if not name.startswith((inside, "settings/"))),
            tuple(self._blocked.read_text("utf-8").splitlines()) if self._blocked.exists() else (),
            report.read_text("utf-8") if fresh else None,
        )

    def environment(self) -> dict[str, str]:
        """A learner's environment at its worst: cp1252 console, no network, no data, an empty home."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COURSE_", "PYTHON"))}
        home, temporary = str(self.folder / "home"), str(self.folder / "temporary")
        packages = [self.root / "00_env_setup", self.root / "capstone_voice_replication_pipeline"]
        guard = self.root / "00_env_setup" / "coursekit" / "testing" / "child_guard"
        return {
            **kept,
            "PYTHONPATH": os.pathsep.join(str(path) for path in [guard, *packages]),
            "PYTHONIOENCODING": "cp1252",
            "PYTHONUTF8": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "COURSE_OFFLINE": "1",
            "COURSE_BLOCKED": str(self._blocked),
            "COURSE_PROGRESS": str(self.settings / "progress.txt"),
            "HF_HUB_OFFLINE": "1",
            "MPLCONFIGDIR": str(self.settings),
            "HOME": home,
            "USERPROFILE": home,
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary),
        }


def copy_repository(source: Path, target: Path) -> None:
    """Copy what git knows or would take in: no environment, no data, nobody's outputs."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=source, capture_output=True, check=True).stdout.decode("utf-8").split("\0")
    for name in filter(None, names):
        if (source / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target / name)


def snapshot(folder: Path) -> Snapshot:
    """Size and time of every file below `folder`, but for bytecode and the like."""
    found = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in LEFT_OUT]
        for name in set(files) - LEFT_OUT:
            path = Path(place, name)
            state = path.lstat()
            found[path.relative_to(folder).as_posix()] = (state.st_size, state.st_mtime_ns)
    return found


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """Names of the files that are new, changed or gone."""
    return sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))


# ------------------------------------------------------------------------------------------- gates on the source


def header_problems(script: Path) -> list[str]:
    """The docstring has the fields every script has."""
    try:
        header(script)
    except CourseError as error:
        return [str(error)]
    return []


def source_problems(script: Path) -> list[str]:
    """At most 350 lines, plain ASCII, nothing runs on import, and the last statement hands over to run_script."""
    text = script.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    problems = [f"{lines} lines; {MOST_LINES} are the most"] if lines > MOST_LINES else []
    problems += [f"line {n} is not plain ASCII" for n, line in enumerate(text.splitlines(), 1) if not line.isascii()]
    tree = ast.parse(text)
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func)
            if not called.startswith(MAY_RUN_ON_IMPORT):
                problems.append(f"line {node.lineno} runs on import: {called}(...)")
        elif isinstance(node, (ast.For, ast.While, ast.With)):
            problems.append(f"line {node.lineno} runs on import: a {type(node).__name__.lower()} block")
    return problems + _entry_problems(tree)


def _entry_problems(tree: ast.Module) -> list[str]:
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    problems = [f"{name} is missing at the top level" for name in ("main", "EXPECTED", "PARSER") if name not in names]
    if not re.search(r"PARSER = .*script_parser\(__doc__", ast.unparse(tree)):
        problems.append("PARSER is not script_parser(__doc__), or one made of it: that refuses what it does not know")
    last = ast.unparse(tree.body[-1]) if tree.body else ""
    if not (last.startswith("if __name__ == '__main__':") and "run_script(main, __file__, EXPECTED" in last):
        problems.append("does not end with: if __name__ == '__main__': run_script(main, __file__, EXPECTED, ...)")
    return problems


# ---------------------------------------------------------------------------------------------- gates on a quick run


def run_problems(run: Run) -> list[str]:
    """The run ended well, stayed inside its folder and away from the network, and said so in plain ASCII."""
    problems = []
    if run.code != 0:
        problems.append(f"exit code {run.code}:\n{run.stdout[-1500:].decode('ascii', 'replace')}\n{run.error[-1500:]}")
    problems += [f"tried the network: {what}" for what in run.network]
    problems += [f"wrote or removed {name}, which is not below --out" for name in run.strays]
    for name, printed in (("stdout", run.stdout), ("stderr", run.stderr)):
        if not printed.isascii():
            line = next(line for line in printed.splitlines() if not line.isascii())
            problems.append(f"{name} is not plain ASCII: {line[:100]!r}")
    problems += [f"a library warns: {line[:200]}" for line in run.error.splitlines() if re.search(r"\w+Warning:", line)]
    return problems + _next_step_problems(run)


def _next_step_problems(run: Run) -> list[str]:
    lines = run.stdout.decode("ascii", "replace").strip().splitlines()
    last = lines[-1] if lines else ""
    if not last.startswith("Next: "):
        return [f"the last line names no next step: {last[:100]!r}"]
    step = last.removeprefix("Next: ").strip()
    places = (run.script.parent, run.script.parents[1])
    if step.startswith("course ") or any((place / step.split()[0]).is_file() for place in places):
        return []
    return [f"the next step is neither a script that exists nor a course command: {step!r}"]


def report_problems(run: Run) -> list[str]:
    """The report is complete, and its expectations exist, can fail and hold."""
    try:
        report = run.report()
    except ValueError as error:
        return [f"no report {run.script.stem}.json: {error}"]
    if missing := REPORT_KEYS - report.keys():
        return [f"the report lacks {', '.join(sorted(missing))}"]
    problems = [] if report["quick"] is True else ["the report does not say quick"]
    if not report["expected"]:
        problems.append("EXPECTED has no range for --quick, so nothing is checked")
    for name, (low, high) in report["expected"].items():  # type: ignore[attr-defined]
        value = report["values"].get(name)  # type: ignore[attr-defined]
        if not (math.isfinite(low) or math.isfinite(high)):
            problems.append(f"{name}: the range {low} to {high} cannot fail")
        if not isinstance(value, (int, float)) or not low <= value <= high:
            problems.append(f"{name} is {value}, expected {low} to {high}")
    if report["passed"] is not True:
        problems.append("the report does not say passed")
    for name in ("seconds", "peak_mb"):
        if not isinstance(report[name], (int, float)) or report[name] < 0:  # type: ignore[operator]
            problems.append(f"{name} is {report[name]!r}")
    return problems


def written_problems(run: Run) -> list[str]:
    """The header's "Writes" names every file written; each was, but for those marked "(full run", "(first run" or
    "(where"."""
    try:
        writes = header(run.script).writes
    except CourseError:
        return []  # header_problems says it
    told = writes.split(":", 1)[-1]
    named = re.findall(r"([\w*-]+\.\w+|[\w-]+/(?=\s|,|$))(\s*\((?:full run|first run|where))?", told)
    promised = [pattern for pattern, _ in named]
    written = {name for name in run.written if name != f"{run.script.stem}.json"}
    problems = [
        f"wrote {name}, which the header's Writes does not name"
        for name in sorted(written)
        if not any(_promises(pattern, name) for pattern in promised)
    ]
    always = [pattern for pattern, only_full in named if not only_full]
    missing = [pattern for pattern in always if not any(_promises(pattern, name) for name in run.written)]
    return problems + [f"the header's Writes names {pattern}, which was not written" for pattern in missing]


def _promises(pattern: str, name: str) -> bool:
    """A folder (`clips/`) promises all it holds; a file stands for itself, `*` for any letters."""
    return name.startswith(pattern) if pattern.endswith("/") else fnmatch.fnmatch(Path(name).name, pattern)


def second_run_problems(second: Run, before: Snapshot) -> list[str]:
    """Running again writes the same files over, and piles up no new ones."""
    return [f"the second run made a new file: {name}" for name in sorted(second.written) if name not in before]


def refusal_problems(run: Run) -> list[str]:
    """An unknown flag (`--quik`) is refused by name with a hint, before anything is done."""
    problems = [] if run.code == 2 else [f"--quik ends with exit code {run.code}, not 2"]
    for wanted in ("--quik", "Did you mean --quick?", "HINT: "):
        if wanted not in run.error:
            problems.append(f"the refusal of --quik does not say {wanted!r}")
    if "Traceback" in run.error:
        problems.append("the refusal of --quik is a traceback")
    return problems + [f"refusing --quik wrote {name}" for name in [*sorted(run.written), *run.strays]]


def missing_extra(run: Run) -> str:
    """Return the reason when the script asks for one of the repository's extras, else an empty text."""
    asked = re.search(r"^HINT: .*bootstrap\.py extra ([\w-]+)", run.error, flags=re.MULTILINE)
    if run.code != 2 or not asked:
        return ""
    known = (run.script.parents[1]).glob(f"*/requirements-{asked.group(1)}.txt")  # a module's or the capstone's
    return run.error.strip() if any(known) else ""


def wanted_first(run: Run) -> Path | None:
    """Return the earlier script of the module that the hint tells to run first, where it does."""
    asked = re.search(r"^HINT: .*\bpython (\d\d_\w+\.py)", run.error, flags=re.MULTILINE)
    if run.code != 2 or not asked:
        return None
    earlier = run.script.parent / asked.group(1)
    return earlier if earlier.is_file() and earlier.name < run.script.name else None
