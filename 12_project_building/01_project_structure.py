"""Project structure: make a clean project of your own, know why each file is there, and see every check go red once.

What you will learn
    - the files of a small Python project: package, tests, pyproject.toml, CI, README, licence, changelog
    - why the package lies in src/, and what is named in one place only
    - the four checks that run before every commit: tests, style, format, types
    - a check that never failed proves nothing: break the project on purpose, one fault for each check
How to run it (needs the tools: python3 00_env_setup/bootstrap.py extra tools)
    python 01_project_structure.py --quick     make it and check it, about 7 s
    python 01_project_structure.py             the same, with two licences and a long name
    python 01_project_structure.py --name my-voice-tools --author "Ada Byron" --target FOLDER    to keep it
Time and memory on 2 CPU cores: quick 7 s, full 10 s; 0.1 GB.
Writes outputs/: my-clips/ (the project), structure.txt
Concepts: PROJECT_CONCEPTS_EXPLAINED.md (project structure, continuous integration)
"""

import shutil
import tempfile
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import yaml
from project_utils import CHECKS, LICENCES, Answers, Done, ascii_only, make_project, prepare, python

from coursekit.cli import run_script, script_parser
from coursekit.course.modules import ROOT
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

# Why each file is there. A file that has no reason is one more file to keep right.
REASONS = {
    ".github/workflows/ci.yml": "runs the checks on every push, on three systems: yours is not the only one",
    ".gitignore": "what is made, private or secret stays out of the history, for good",
    "CHANGELOG.md": "what changed, for those who use it; the history of commits is for those who write it",
    "LICENSE": "without one nobody may use it, however public it is",
    "README.md": "the first two minutes: what it does, how to install it, one example that is tested",
    "pyproject.toml": "name, needs, build, and the settings of every tool: one file, read by all of them",
    "src/PACKAGE/__init__.py": "the public names and the version, once",
    "src/PACKAGE/__main__.py": "python -m works where the command is not on the path",
    "src/PACKAGE/cli.py": "parse, call, print: nothing else, so that the rest can be used without it",
    "src/PACKAGE/errors.py": "one error with a hint: what the user sees instead of a traceback",
    "src/PACKAGE/levels.py": "peak, RMS, dB",
    "src/PACKAGE/py.typed": "empty; tells type checkers that the hints can be trusted",
    "src/PACKAGE/rules.json": "limits as data: can be read and changed without reading code",
    "src/PACKAGE/rules.py": "what is wrong with a clip, in words",
    "src/PACKAGE/trim.py": "where the speech begins and ends",
    "src/PACKAGE/wav.py": "files in and out; the only module that touches the disk",
    "tests/conftest.py": "what the tests share",
    "tests/golden/sentence.wav": "a recording whose right result is known",
    "tests/golden/sentence_expected.wav": "that result, made by other code",
    "tests/test_end_to_end.py": "the command, as a user runs it",
    "tests/test_golden.py": "the whole chain on the golden recording",
    "tests/test_properties.py": "what must hold for every clip",
    "tests/test_unit.py": "one function, one known answer",
}

# One fault for each check. (name, the check that must notice, file, what stands there, what is put there instead)
FAULTS = [
    ("a wrong constant", "pytest", "src/PACKAGE/levels.py", "20 * math.log10", "10 * math.log10"),
    ("a data file is lost", "pytest", "src/PACKAGE/rules.json", None, None),
    ("an unused import", "ruff check", "src/PACKAGE/trim.py", "from collections", "import os\nfrom collections"),
    ("an error swallowed", "ruff check", "src/PACKAGE/wav.py", "except OSError as error:",
     "except Exception:\n        pass\n    except OSError as error:"),
    ("ragged spaces", "ruff format", "src/PACKAGE/rules.py", "found = []", "found=[ ]"),
    ("text where a number is promised", "mypy", "src/PACKAGE/wav.py", "return len(self.samples) / self.sample_rate",
     "return str(len(self.samples) / self.sample_rate)"),
]  # fmt: skip
BAD_NAMES = ("7clips", "My Clips", "json", "numpy", "../elsewhere", "clips-")  # none of them can become a project

# ----------------------------------------------------------------------------------------------------------------------
# 1. the project


def show_files(target: Path, files: list[Path], answers: Answers) -> str:
    """Return the table of files with the reason of each.

    Raises:
        CourseError: The template has a file without a reason, or a reason is left over.
    """
    names = [path.relative_to(target).as_posix() for path in files]
    roles = [name.replace(f"src/{answers.package}/", "src/PACKAGE/") for name in names]
    if set(roles) != set(REASONS):
        raise CourseError(f"files and reasons differ: {sorted(set(roles) ^ set(REASONS))}.", hint="complete REASONS")
    lines = []
    for name, role, path in zip(names, roles, files, strict=True):
        size = len(path.read_bytes().splitlines()) if path.suffix != ".wav" else 0
        lines.append(f"{name:38} {size or '-':>4}  {REASONS[role]}")  # concept: project structure
    return "\n".join([f"{'file':38} {'lines':>4}  why it is there", *lines]) + "\n"


def refused_names() -> int:
    """Try names that cannot work; return how many are refused, each before a file is written."""
    refused = 0
    for name in BAD_NAMES:
        try:
            Answers(name=name).check()
            print(f"  {name!r} was taken")
        except CourseError as error:
            refused += 1
            print(f"  {error} {error.hint}")
    return refused


# ----------------------------------------------------------------------------------------------------------------------
# 2. the checks, green and red


def check(target: Path, name: str) -> Done:
    """Run one of the four checks in a project."""
    return python(*CHECKS[name], cwd=target)


def green(target: Path) -> list[str]:
    """Run every check; return those that pass."""
    passed = []
    for name in CHECKS:
        done = check(target, name)
        passed += [] if done.code else [name]
        verdict = "FAILED" if done.code else "passed"
        print(f"  {name:12} {verdict} {done.seconds:5.1f} s  {ascii_only(done.last)[:70]}")
        if done.code:
            print(ascii_only(done.output + done.errors)[-1500:])
    return passed


def red(target: Path, answers: Answers, passed: list[str]) -> int:
    """Plant one fault at a time; return how many turn the check beside them from passed to failed."""
    noticed = 0
    for fault, name, file, before, after in FAULTS:
        path = target / file.replace("PACKAGE", answers.package)
        original = path.read_bytes()
        if before is None:
            path.unlink()
        else:
            text = original.decode("utf-8")
            assert text.count(before) == 1, f"{file} no longer holds {before!r} once"
            path.write_text(text.replace(before, after), encoding="utf-8")
        code = check(target, name).code
        path.write_bytes(original)  # as it was
        noticed += code != 0 and name in passed
        print(f"  {fault:34} {name:12} {'noticed' if code else 'NOT noticed'}")
    return noticed


def ci_differs(target: Path) -> list[str]:
    """Return which local checks CI does not run, and what else is not as it should be in the workflow.

    A workflow is YAML: it can be read like any other data. GitHub's own reading of it is not tried here.
    """
    workflow = yaml.safe_load((target / ".github/workflows/ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    commands = " && ".join(step.get("run", "") for step in job["steps"])  # concept: continuous integration
    problems = [f"CI does not run {name}" for name in CHECKS if name not in commands]
    if workflow["permissions"] != {"contents": "read"}:
        problems.append("CI may write to the repository, and needs only to read it")
    if "timeout-minutes" not in job:
        problems.append("a job that hangs would run for six hours")
    if not any(str(step.get("uses", "")).startswith("actions/checkout@") for step in job["steps"]):
        problems.append("CI never gets the files")
    return problems


# ----------------------------------------------------------------------------------------------------------------------
# 3. the same roles in a grown project: this course

ROLES: dict[str, Callable[[Path], bool]] = {
    "README.md": Path.is_file,
    "LICENSE": Path.is_file,
    "pyproject.toml": Path.is_file,
    ".gitignore": Path.is_file,
    ".github/workflows/ci.yml": Path.is_file,
    "tests": Path.is_dir,
    "00_env_setup/requirements.lock": Path.is_file,  # a course, as any application, also pins every version
    "capstone_voice_replication_pipeline/pyproject.toml": Path.is_file,
    "capstone_voice_replication_pipeline/voice_pipeline/errors.py": Path.is_file,
}

# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Make the project, check it, break it, and look at the course with the same eyes."""
    prepare(settings, needs=("pytest", "hypothesis", "ruff", "mypy"))
    answers = Answers(settings.name, settings.author, settings.licence).check()
    target = settings.target or settings.out / answers.name
    if settings.target and settings.target.exists() and any(settings.target.iterdir()):
        raise CourseError(f"{settings.target} is not empty.", hint="choose a new folder; yours is kept")

    print(f"1. A project called {answers.name}, made from template/")
    if not settings.target:
        shutil.rmtree(target, ignore_errors=True)  # outputs/ is a scratch pad; your own folder is never emptied
    files = make_project(target, answers)
    table = show_files(target, files, answers)
    write_text_atomic(settings.out / "structure.txt", table)
    print(table, end="")
    print("  names that cannot work:")
    refused = refused_names()

    print("2. The four checks")
    passed = green(target)
    problems = ci_differs(target)
    print(f"  CI runs the same four: {'; '.join(problems) or 'yes'}")

    print("3. One fault at a time")
    noticed = red(target, answers, passed)

    variants = 0
    if not settings.quick:
        print("4. Other answers: the other licence, a name that makes lines longer")
        with tempfile.TemporaryDirectory() as folder:
            for licence in LICENCES:
                other = Answers("the-recordings-of-a-rather-long-evening", "Ada Byron", licence)
                make_project(Path(folder, licence), other)
                variants += len(green(Path(folder, licence)))

    present = sum(kind(ROOT / role) for role, kind in ROLES.items())
    print(f"The course itself has {present} of {len(ROLES)} such roles filled: {', '.join(ROLES)}")
    print(f"Yours is in {target.name}/: open it, read pyproject.toml first.")
    return {
        "files": len(files),
        "bad_names_refused": refused,
        "checks_passed": len(passed),
        "ci_problems": len(problems),
        "faults_noticed": noticed,
        "checks_passed_by_variants": variants,
        "roles_in_the_course": present,
    }


EXPECTED = {
    "files": Expected((23, 23), (23, 23)),
    "bad_names_refused": Expected((6, 6), (6, 6)),
    "checks_passed": Expected((4, 4), (4, 4)),
    "ci_problems": Expected((0, 0), (0, 0)),
    "faults_noticed": Expected((6, 6), (6, 6)),
    "checks_passed_by_variants": Expected(None, (8, 8)),
    "roles_in_the_course": Expected((9, 9), (9, 9)),
}

PARSER = script_parser(__doc__)
PARSER.add_argument("--name", default="my-clips", help="name of the project (default my-clips)")
PARSER.add_argument("--author", default="A Learner", help="who holds the copyright")
PARSER.add_argument("--licence", choices=LICENCES, default="MIT", help="licence of the code (default MIT)")
PARSER.add_argument("--target", type=Path, metavar="FOLDER", help="a new folder for it (default: in outputs/)")

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_configuration.py")
