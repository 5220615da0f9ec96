"""CI and CD: this repository's own workflow line by line, checked by a schema and by rules, and a release run in part.

What you will learn
    - what each line of .github/workflows/ci.yml is for, and what would happen without it
    - that a workflow is a program without a compiler: a schema finds misspelt keys, rules find wrong meanings
    - eleven faults planted one by one, who finds each, and the famous one: Python 3.10 without quotes is 3.1
    - rights: what a workflow may do by default, and how a stranger's title of a pull request becomes a command
    - continuous delivery: jobs that wait for each other, and nothing released after a failure
How to run it
    python 07_explain_ci.py --quick    about 8 s, no network
    python 07_explain_ci.py            the same
Time and memory on 2 CPU cores: quick 8 s, full 10 s; 0.1 GB.
Writes outputs/: ci_explained.txt
Concepts: MLOPS_CONCEPTS_EXPLAINED.md (continuous integration)
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from mlops_utils import HERE, prepare

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
ROOT = HERE.parent
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"
RELEASE = HERE / "deploy" / "release.yml"

# What each key is for, by the end of its path. "*" stands for any name.
MEANINGS = {
    "name": "What people see in the list of runs.",
    "on": "What starts it. Nothing else does.",
    "on.push": "Commits that arrive ...",
    "on.push.branches": "... on this branch only; a branch is tested by its pull request, not twice.",
    "on.pull_request": "Every proposal, also from strangers. They get no secrets; pull_request_target would give them.",
    "permissions": "What its token may do. Without these lines that may be: write to everything.",
    "permissions.contents": "Read the code, and no more.",
    "concurrency": "Runs of one group do not run side by side.",
    "concurrency.group": "One group for each branch or proposal.",
    "concurrency.cancel-in-progress": "A newer commit ends the older run: nobody waits for yesterday's answer.",
    "jobs": "Jobs run side by side, each on a fresh machine.",
    "jobs.*": "One job. Its name is what branch rules require.",
    "jobs.*.strategy": "One job written, several run.",
    "jobs.*.strategy.fail-fast": "One that fails does not end the others: you want to know whether it is only Windows.",
    "jobs.*.strategy.matrix": "The combinations.",
    "jobs.*.strategy.matrix.include": "Named one by one instead of all with all: five machines instead of nine.",
    "jobs.*.strategy.matrix.include.*": "A combination. The quotes matter: 3.10 without them is the number 3.1.",
    "jobs.*.name": "Else the matrix is unreadable in the list.",
    "jobs.*.runs-on": "Which machine. Windows and macOS find what Linux forgives.",
    "jobs.*.timeout-minutes": "A hanging job is ended. The default is six hours.",
    "jobs.*.steps": "In order, in one folder; the first that fails ends the job.",
    "jobs.*.steps.*.uses": "Somebody else's action, at a version. It runs with this job's rights.",
    "jobs.*.steps.*.with": "Its settings.",
    "jobs.*.steps.*.with.*": "A setting of the action.",
    "jobs.*.steps.*.run": "A command. It is the one a person runs, so that a failure can be repeated on a desk.",
}

# ----------------------------------------------------------------------------------------------------------------------
# line by line


def paths_by_line(text: str) -> dict[int, str]:
    """Return for each line that begins a key or an entry its path, such as "jobs.test.steps.0.run"."""
    found: dict[int, str] = {}

    def walk(node: yaml.Node, path: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                place = f"{path}.{key.value}".lstrip(".")
                found.setdefault(key.start_mark.line, place)
                walk(value, place)
        elif isinstance(node, yaml.SequenceNode):
            for number, entry in enumerate(node.value):
                if isinstance(entry, yaml.ScalarNode) or entry.flow_style:
                    found.setdefault(entry.start_mark.line, f"{path}.{number}")
                walk(entry, f"{path}.{number}")

    walk(yaml.compose(text), "")
    return found


def meaning(path: str) -> str:
    """Return the explanation of a path; empty when there is none."""
    for pattern, text in MEANINGS.items():
        if re.fullmatch(re.escape(pattern).replace(r"\*", "[^.]+"), path):
            return text
    return ""


def explain(text: str) -> tuple[str, list[str]]:
    """Return the workflow with an explanation before each line, and the lines that nobody explains."""
    paths, lines, unexplained = paths_by_line(text), [], []
    for number, line in enumerate(text.splitlines()):
        if line.strip() and not line.strip().startswith("#"):
            told = meaning(paths.get(number, ""))
            indent = " " * (len(line) - len(line.lstrip()))
            lines.append(f"{indent}# {told}" if told else "")
            unexplained += [] if told else [line.strip()]
        lines.append(line)
    return "\n".join(line for line in lines if line) + "\n", unexplained


# ----------------------------------------------------------------------------------------------------------------------
# two kinds of checks


def schema_problems(workflow: str) -> list[str]:
    """Return what the schema of GitHub workflows says, the one that editors use."""
    with tempfile.TemporaryDirectory(prefix="workflow-") as folder:
        path = Path(folder) / "workflow.yml"
        path.write_text(workflow, encoding="utf-8")
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode == 0:
        return []
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if "::" in line or "rror" in line]
    return [lines[-1].split("::")[-1] if lines else "refused"]


def rule_problems(workflow: str) -> list[str]:
    """Return what no schema can know: names that lead nowhere, rights, versions, and commands a stranger can write."""
    # concept: continuous integration
    tree = yaml.load(workflow, Loader=yaml.BaseLoader)  # everything stays text, as GitHub shows it; `on` is no boolean
    typed = yaml.safe_load(workflow)
    problems = (
        [] if "permissions" in tree else ["no permissions: the token may do what the repository's default allows"]
    )
    if "pull_request_target" in tree.get("on", {}):
        problems.append("pull_request_target runs strangers' code with this repository's secrets")
    jobs = tree.get("jobs", {})
    for name, job in jobs.items():
        problems += (
            [f"{name}: no timeout-minutes, so it may hang for six hours"] if "timeout-minutes" not in job else []
        )
        needed = job.get("needs", [])
        for other in [needed] if isinstance(needed, str) else needed:
            problems += [] if other in jobs else [f"{name} needs {other}, which is no job"]
        problems += [f"{name}: {problem}" for problem in matrix_problems(job, typed["jobs"][name])]
        for step in job.get("steps", []):
            problems += [f"{name}: {problem}" for problem in step_problems(step)]
    return problems


def matrix_problems(job: dict[str, Any], typed: dict[str, Any]) -> list[str]:
    matrix = job.get("strategy", {}).get("matrix", {})
    keys = set(matrix) - {"include", "exclude"} | {key for entry in matrix.get("include", []) for key in entry}
    asked = set(re.findall(r"\$\{\{\s*matrix\.(\w+)", yaml.safe_dump(job)))
    problems = [f"matrix.{key} is asked for, and not in the matrix" for key in sorted(asked - keys)]
    for entry in typed.get("strategy", {}).get("matrix", {}).get("include", []):
        if any(isinstance(value, float) for value in entry.values()):
            problems.append(f"a version without quotes is a number: {entry}")
    return problems


def step_problems(step: dict[str, Any]) -> list[str]:
    problems, command = [], step.get("run", "")
    if (action := step.get("uses", "")) and not re.search(r"@(v\d|[0-9a-f]{40})", action):
        problems.append(f"{action} is not pinned to a version: tomorrow it is another program")
    if re.search(r"\$\{\{\s*github\.(event\.\S*(title|body|message|name|ref)|head_ref)", command):
        problems.append("a stranger's text is put into a command; hand it over in env instead")
    if re.search(r"echo.*\$\{\{\s*secrets\.", command):
        problems.append("a secret is printed")
    for word in re.findall(r"\S+\.py\b", command):
        problems += [] if (ROOT / word).is_file() else [f"{word} does not exist"]
    return problems


FAULTS = {  # what is spoilt: (text, its replacement)
    "a key misspelt": ("timeout-minutes", "timeout-minuts"),
    "a job without a machine": ("    runs-on: ${{ matrix.os }}\n", ""),
    "a value of the wrong kind": ("branches: [main]", "branches: 3"),
    "a version without quotes": ('python: "3.10"', "python: 3.10"),
    "a name that leads nowhere": ("python-version: ${{ matrix.python }}", "python-version: ${{ matrix.pyton }}"),
    "a script that moved": ("00_env_setup/bootstrap.py", "setup/bootstrap.py"),
    "an action without a version": ("actions/checkout@v4", "actions/checkout@main"),
    "all rights": ("permissions:\n  contents: read\n", ""),
    "strangers with secrets": ("pull_request:", "pull_request_target:"),
    "a stranger's title": ("- run: python", "- run: echo ${{ github.event.pull_request.title }} && python"),
    "a secret printed": ("- run: python", "- run: echo ${{ secrets.KEY }} && python"),
}

# ----------------------------------------------------------------------------------------------------------------------
# a release, as far as it runs here


def run_release(workflow: str, folder: Path) -> dict[str, str]:
    """Run the commands of a workflow's jobs in order of their needs; return how each job ended.

    Actions (`uses`) belong to GitHub, and kubectl to a cluster: neither is run here. A job whose needs did not end well
    is skipped, and so are those that need it: that is the whole of continuous delivery.
    """
    jobs, ended = yaml.load(workflow, Loader=yaml.BaseLoader)["jobs"], {}
    while len(ended) < len(jobs):
        name = next(n for n, job in jobs.items() if n not in ended and set(needs_of(job)) <= set(ended))
        if any(ended[other] != "passed" for other in needs_of(jobs[name])):
            ended[name] = "skipped"
            continue
        ended[name] = "passed"
        for step in jobs[name]["steps"]:
            command = step.get("run", "")
            if command.split()[:1] not in (["python"], ["grep"]):
                continue  # an action, or a command that would change the world (kubectl): named, not run
            here = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
            if subprocess.run(["bash", "-e", "-c", command], cwd=folder, env=here, capture_output=True).returncode:
                ended[name] = "failed"
                break
    return ended


def needs_of(job: dict[str, Any]) -> list[str]:
    needed = job.get("needs", [])
    return [needed] if isinstance(needed, str) else needed


def copy_for_release(folder: Path) -> None:
    """Copy what the release's commands read, as a checkout would."""
    for name in ("requirements.txt", "00_env_setup/requirements.lock", "00_env_setup/bootstrap_steps.py",
                 "10_mlops/clip_model.py", "10_mlops/clip_service.py",
                 "10_mlops/deploy/image_requirements.py"):  # fmt: skip
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)


def main(settings) -> dict:
    prepare(settings)
    if importlib.util.find_spec("check_jsonschema") is None:
        raise CourseError("check-jsonschema is not installed.", hint="python3 00_env_setup/bootstrap.py extra deploy")
    text = WORKFLOW.read_text(encoding="utf-8")
    explained, unexplained = explain(text)
    write_text_atomic(settings.out / "ci_explained.txt", explained)
    print(f"\n{WORKFLOW.relative_to(ROOT).as_posix()}, explained (ci_explained.txt):\n")
    print(explained)
    print(f"Lines without an explanation: {len(unexplained)} {unexplained or ''}")

    matrix = yaml.safe_load(text)["jobs"]["test"]["strategy"]["matrix"]["include"]
    print(f"The matrix makes {len(matrix)} jobs of one.")
    own = {path.name: schema_problems(path.read_text("utf-8")) + rule_problems(path.read_text("utf-8"))
           for path in (WORKFLOW, RELEASE)}  # fmt: skip
    print(f"Problems: {own}")

    print(f"\n{'planted fault':<32}{'schema':>10}{'rules':>8}")
    by_schema = by_rules = unseen = 0
    for name, (before, after) in FAULTS.items():
        spoilt = text.replace(before, after, 1)
        if spoilt == text:
            raise CourseError(
                f"the fault {name!r} does not fit the workflow any more.", hint="change FAULTS in this script"
            )
        schema, rules = schema_problems(spoilt), rule_problems(spoilt)
        by_schema += bool(schema)
        by_rules += bool(rules)
        unseen += not (schema or rules)
        said = (rules or schema or [""])[0]
        print(f"{name:<32}{'found' if schema else '-':>10}{'found' if rules else '-':>8}   {said[:70]}")
    print(
        "A schema knows which keys there are. What a name means, who may write it, and what 3.10 is, it does not know."
    )

    release = RELEASE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        copy_for_release(Path(folder))
        good = run_release(release, Path(folder))
        bad = run_release(release.replace("^fastapi==", "^flask=="), Path(folder))
    print(f"\nRelease, its commands run here: {good}")
    print(f"The same with a check that fails: {bad}. Nothing is built, nothing is deployed.")
    print("\nBefore you push, run what CI runs: .ci/run, or python3 00_env_setup/bootstrap.py test")
    return {
        "lines_unexplained": len(unexplained),
        "jobs_of_the_matrix": len(matrix),
        "problems": sum(map(len, own.values())),
        "found_by_schema": by_schema,
        "found_by_rules": by_rules,
        "found_by_nobody": unseen,
        "release_jobs_passed": sum(end == "passed" for end in good.values()),
        "skipped_after_a_failure": sum(end == "skipped" for end in bad.values()),
    }


EXPECTED = {
    "lines_unexplained": Expected(quick=(0, 0), full=(0, 0)),
    "jobs_of_the_matrix": Expected(quick=(1, 20), full=(1, 20)),
    "problems": Expected(quick=(0, 0), full=(0, 0)),
    "found_by_schema": Expected(quick=(3, 5), full=(3, 5)),
    "found_by_rules": Expected(quick=(8, 10), full=(8, 10)),
    "found_by_nobody": Expected(quick=(0, 0), full=(0, 0)),
    "release_jobs_passed": Expected(quick=(3, 3), full=(3, 3)),
    "skipped_after_a_failure": Expected(quick=(2, 2), full=(2, 2)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="08_close_the_loop.py")
