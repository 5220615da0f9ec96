"""Documentation, versions, licences: three promises to people you will never meet, checked like code.

What you will learn
    - documentation that is run: examples in the README, and public names without an explanation
    - semantic versioning from what changed: the number says whether somebody else's program still works
    - a changelog that can be checked, and what belongs in it
    - licences of code, data and voices: SPDX names, what mixing does, and why a voice needs more than a licence
How to run it
    python 06_documentation_and_licences.py --quick     about 2 s
    python 06_documentation_and_licences.py             the same: nothing here is large
Time and memory on 2 CPU cores: quick 2 s, full 2 s; 0.1 GB.
Writes outputs/: licences.png, licences.csv, voice_agreement.md
Concepts: PROJECT_CONCEPTS_EXPLAINED.md (documentation, semantic versioning, changelog, licences)
"""

import ast
import csv
import io
import re
import tempfile
from argparse import Namespace
from collections import Counter
from datetime import date
from pathlib import Path

from licence_terms import installed_licences, spdx, verdict
from packaging.version import Version
from project_utils import BLUE, GREEN, GREY, ORANGE, Answers, make_project, prepare, python, save_figure, subplots

from coursekit.cli import run_script, script_parser
from coursekit.data import DATASETS
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# 1. documentation


def undocumented(package: Path) -> list[str]:
    """Return the public functions, classes and modules of a package that say nothing about themselves."""
    found = []
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            found.append(path.name)
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                if not ast.get_docstring(node):
                    found.append(f"{path.name}: {node.name}")
    return found


def examples_fail(project: Path) -> int:
    """Run the examples (>>>) in README.md against the package; return how many print something else than written."""
    done = python("-m", "doctest", "README.md", cwd=project, env={"PYTHONPATH": str(project / "src")})
    return len(re.findall(r"^Failed example:", done.output, flags=re.M))  # concept: documentation


# ----------------------------------------------------------------------------------------------------------------------
# 2. versions


def public_api(package: Path) -> dict[str, str]:
    """Return the public functions of a package with their arguments, as text: what other programs lean on."""
    found = {}
    for path in sorted(package.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found[f"{path.stem}.{node.name}"] = ast.unparse(node.args)
    return found


def needs_bump(before: dict[str, str], after: dict[str, str]) -> str:
    """Return which part of the version must rise: "major", "minor" or "patch".

    A function that is gone, or an old call that no longer fits, breaks programs: major. Something new: minor. That the
    arguments are the same does not prove that they mean the same: this finds the least, a person may know more.
    """
    if any(name not in after or not still_fits(args, after[name]) for name, args in before.items()):
        return "major"  # concept: semantic versioning
    return "minor" if after != before else "patch"


def still_fits(before: str, after: str) -> bool:
    """Whether every call that fitted the old arguments fits the new ones: same names in order, additions optional."""
    old, new = (ast.parse(f"def f({text}): ...").body[0].args for text in (before, after))  # type: ignore[attr-defined]
    old_names, new_names = [a.arg for a in old.args], [a.arg for a in new.args]
    required = len(new_names) - len(new.defaults)
    return new_names[: len(old_names)] == old_names and required <= len(old_names) - len(old.defaults)


def bumped(version: str, part: str) -> str:
    """Return the next version: of 1.4.2 and "minor" it is 1.5.0. Before 1.0.0 nothing is promised: major is minor."""
    major, minor, patch = Version(version).release
    if part == "major" and major > 0:
        return f"{major + 1}.0.0"
    return f"{major}.{minor + 1}.0" if part in ("major", "minor") else f"{major}.{minor}.{patch + 1}"


CHANGES = [  # (what somebody did, in which file, what stood there, what stands there now, what it asks for)
    ("a quicker loop inside", "levels.py", "math.fsum(x * x for x in samples)", "sum(x * x for x in samples)", "patch"),
    ("a new optional argument", "levels.py", "def peak(samples: Sequence[float])",
     "def peak(samples: Sequence[float], of_none: float = 0.0)", "minor"),
    ("an argument renamed", "trim.py", "range_db: float = 35.0, keep_seconds: float = 0.1\n) -> tuple",
     "range_decibels: float = 35.0, keep_seconds: float = 0.1\n) -> tuple", "major"),
    ("a default taken away", "levels.py", "peak_db: float = -3.0", "peak_db: float", "major"),
    ("a function made private", "levels.py", "def frame_levels(", "def _frame_levels(", "major"),
    ("a new function", "errors.py", "class ClipError", "def advice() -> str: ...\n\n\nclass ClipError", "minor"),
]  # fmt: skip


def judge_changes(package: Path, version: str) -> int:
    """Make each change, ask what version it needs, undo it; return how many are judged right."""
    before, right = public_api(package), 0
    for what, file, old, new, wanted in CHANGES:
        path = package / file
        original = path.read_text(encoding="utf-8")
        assert original.count(old) == 1, f"{file} no longer holds {old!r} once"
        path.write_text(original.replace(old, new), encoding="utf-8")
        part = needs_bump(before, public_api(package))
        path.write_text(original, encoding="utf-8")
        right += part == wanted
        print(f"  {what:28} {part:6} {version} -> {bumped(version, part)}   {'' if part == wanted else 'WRONG'}")
    return right


# ----------------------------------------------------------------------------------------------------------------------
# 3. the changelog

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
RELEASE = re.compile(r"## \[([^\]]+)\](?: - (\S+))?(.*)")


def changelog_problems(text: str, version: str) -> list[str]:
    """Return what is wrong with a changelog in the form of keepachangelog.com.

    Args:
        text: The whole file.
        version: What the package says it is.
    """
    problems, releases = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            match = RELEASE.fullmatch(line)
            releases.append((match.group(1), match.group(2) or "") if match else ("?", ""))
        elif line.startswith("### ") and line[4:] not in KINDS:
            problems.append(f"line {number}: {line[4:]!r} is no kind of change; use {', '.join(KINDS)}")
    if not releases or releases[0][0] != "Unreleased":
        return [*problems, "no [Unreleased] at the top: the next change has no place"]
    names = [name for name, _ in releases[1:]]
    if names[:1] != [version]:
        problems.append(f"the newest release is {names[:1]}, the package says {version}")  # concept: changelog
    for name, day in releases[1:]:
        try:
            Version(name), date.fromisoformat(day)
        except ValueError:
            problems.append(f"release {name!r} of {day!r}: a version, and a day like 2026-05-01")
            return problems
    if names != sorted(names, key=Version, reverse=True):
        problems.append("the releases are not in order, newest first")
    days = [day for _, day in releases[1:]]
    if days != sorted(days, reverse=True):
        problems.append("a newer release has an older day")
    return problems


def spoilt_changelogs(good: str) -> dict[str, str]:
    """Return changelogs with one mistake each, by what is wrong."""
    old = "\n## [0.0.9] - 2020-01-01\n\n### Fixed\n\n- Something.\n"
    return {
        "no place for the next change": good.replace("## [Unreleased]\n\n", ""),
        "a kind that is none": good.replace("### Added", "### Misc"),
        "a day that is none": re.sub(r"- \d{4}-\d\d-\d\d", "- last Tuesday", good),
        "forgotten for the release": good.replace("[0.1.0]", "[0.0.1]"),
        "sorted as text, not as versions": good + old.replace("0.0.9", "0.10.0"),
        "days in the wrong order": good + old.replace("2020-01-01", "2999-01-01"),
    }


# ----------------------------------------------------------------------------------------------------------------------
# 4. licences

MIXTURES = [  # (clips or code under these licences, what comes out)
    (["CC0-1.0"], "may be sold"),
    (["CC0-1.0", "CC-BY-4.0"], "may be sold, the authors are named"),
    (["CC-BY-4.0", "CC-BY-NC-4.0"], "must not be sold, the authors are named"),
    (["CC-BY-SA-3.0", "CC-BY-SA-4.0"], "may be sold, the authors are named, must itself be CC-BY-SA-4.0"),
    (["CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"], "cannot be: each asks for itself"),
    (["CC0-1.0", "CC-BY-ND-4.0"], "cannot be: one must not be changed"),
]

# A voice is more than data: copyright covers a recording, not the voice; the voice is protected as part of the person.
VOICE_AGREEMENT = """\
# What may be done with my voice

A licence of recordings says who may copy them. It does not say who may speak with the voice. So agree on this, in
words the speaker understands, before the first recording, and keep it beside the data.

- Speaker, day, and how to reach them:
- Made with it: recordings / a model / speech by the model (each yes or no)
- For what, and for what never:
- Who may have the recordings, who the model, who the speech:
- Until when; and it ends at once when the speaker says so
- Then: recordings, features, models and caches are deleted; what was published is marked or taken back
- Said aloud by the speaker, and kept: see the capstone's `01_collect_recordings.py --consent`
"""

# ----------------------------------------------------------------------------------------------------------------------
# main


def plot(kinds: Counter, path: Path) -> None:
    figure, axis = subplots(1, size=(8, 3.5))
    names = ["SPDX", "classifier", "free text", "nothing"]
    axis.barh(names[::-1], [kinds[name] for name in names[::-1]], color=[ORANGE, GREY, BLUE, GREEN])
    axis.set(xlabel="packages installed here", title="How packages say their licence")
    save_figure(figure, path)


def main(settings: Namespace) -> dict[str, float]:
    """Check the promises of the project, of the course's data and of what is installed."""
    prepare(settings)
    answers = Answers()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / answers.name
        make_project(project, answers)
        package = project / "src" / answers.package
        print("1. Documentation")
        silent, failing = undocumented(package), examples_fail(project)
        readme = (project / "README.md").read_text(encoding="utf-8")
        write_text_atomic(project / "README.md", readme.replace("-6.02", "-3.01"))  # an example that is out of date
        stale = examples_fail(project)
        print(
            f"  public names without a word: {len(silent)}; examples that fail: {failing}, of a stale README: {stale}"
        )

        print("2. What each change asks of the version")
        judged = judge_changes(package, "1.4.2")
        versions = ["1.10.0", "1.9.0", "1.10.0rc1", "1.10.0.dev3"]
        in_order = " < ".join(map(str, sorted(map(Version, versions))))
        print(f"  in order: {in_order}; sorted as text: {' < '.join(sorted(versions))}")

        print("3. Changelog")
        good = (project / "CHANGELOG.md").read_text(encoding="utf-8")
        clean = changelog_problems(good, "0.1.0")
        spoilt = {what: changelog_problems(text, "0.1.0") for what, text in spoilt_changelogs(good).items()}
        for what, problems in spoilt.items():
            print(f"  {what:34} {problems[0] if problems else 'NOT noticed'}")

    print("4. Licences of data")
    data = {name: spdx(entry.licence) for name, entry in DATASETS.items()}
    for name, licence in data.items():
        print(f"  {name:22} {licence:14} {verdict([licence])}")
    mixed = 0
    for names, wanted in MIXTURES:
        mixed += verdict(names) == wanted
        print(f"  {' with '.join(names):40} {verdict(names)}")
    print(f"  one voice model of all the course's speech: {verdict([data[n] for n in data if n != 'mnist'])}")

    print("5. Licences of what is installed")
    rows = installed_licences()
    kinds = Counter(kind for _, _, kind in rows)
    copyleft = [name for name, said, _ in rows if re.search(r"\b[AL]?GPL|General Public", said)]
    print(f"  {len(rows)} packages: {dict(kinds)}; copyleft of some kind: {', '.join(copyleft) or 'none'}")
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([("package", "says", "kind"), *rows])
    write_text_atomic(settings.out / "licences.csv", table.getvalue())
    write_text_atomic(settings.out / "voice_agreement.md", VOICE_AGREEMENT)
    plot(kinds, settings.out / "licences.png")
    print("  voice_agreement.md: what to agree on before the first recording. None of this is legal advice.")
    return {
        "undocumented": len(silent),
        "examples_failing": failing,
        "stale_examples_noticed": stale,
        "changes_judged_right": judged,
        "changelog_problems": len(clean),
        "spoilt_changelogs_noticed": sum(map(bool, spoilt.values())),
        "data_sets_with_spdx": sum(map(bool, data.values())),
        "mixtures_right": mixed,
        "share_with_spdx": kinds["SPDX"] / len(rows),
        "share_that_say_nothing": kinds["nothing"] / len(rows),
    }


EXPECTED = {
    "undocumented": Expected((0, 0), (0, 0)),
    "examples_failing": Expected((0, 0), (0, 0)),
    "stale_examples_noticed": Expected((1, 1), (1, 1)),
    "changes_judged_right": Expected((6, 6), (6, 6)),
    "changelog_problems": Expected((0, 0), (0, 0)),
    "spoilt_changelogs_noticed": Expected((6, 6), (6, 6)),
    "data_sets_with_spdx": Expected((4, 4), (4, 4)),
    "mixtures_right": Expected((6, 6), (6, 6)),
    "share_with_spdx": Expected((0.2, 0.9), (0.2, 0.9)),
    "share_that_say_nothing": Expected((0, 0.2), (0, 0.2)),
}

PARSER = script_parser(__doc__)

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="07_code_review.py")
