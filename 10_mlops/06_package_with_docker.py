"""Package the service with Docker: layers and their cache, a size budget, a user without rights, a check of health.

What you will learn
    - an image is a stack of layers, each the files that one step adds; what a step costs is measured here
    - the cache: a changed file makes its step and all below it again, so the order decides how long you wait
    - why the service has no scikit-learn in it, and how many megabytes that saves
    - what a linter finds in a careless Dockerfile, and what it cannot find
    - to rehearse a Dockerfile on a machine without Docker: its steps in a bare folder, its command, its health check
How to run it
    python 06_package_with_docker.py --quick    about 8 s, no network
    python 06_package_with_docker.py            the capstone's image beside it
Time and memory on 2 CPU cores: quick 8 s, full 11 s; 0.3 GB. Without data it first makes its speech.
Writes outputs/: layers.png, models/, clips.npz (first run), stand_in/ (first run without data)
Concepts: MLOPS_CONCEPTS_EXPLAINED.md (container images, layer cache, health and readiness)
"""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

import httpx
from matplotlib.figure import Figure
from mlops_utils import (
    BLUE,
    GREY,
    HERE,
    ORANGE,
    Data,
    as_course_error,
    free_port,
    load_data,
    prepare,
    ready_models,
    save_figure,
    wav_bytes,
)

from coursekit.cli import run_script, script_parser
from coursekit.course.modules import load_script
from coursekit.errors import CourseError
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--budget", type=float, default=200, metavar="MB", help="what the layers may add to the base (200)")
ROOT = HERE.parent
DEPLOY = HERE / "deploy"
CAPSTONE = ROOT / "capstone_voice_replication_pipeline" / "deploy"
MB = 1e6
TRAINING_TOO = ("scikit-learn", "matplotlib")  # what a lazy image would carry: everything the scripts import

CARELESS = """FROM python:latest
COPY . /app
WORKDIR /app
RUN pip install numpy fastapi uvicorn
RUN apt-get update && apt-get install curl
ENV API_KEY=sk-1234567890
EXPOSE 8000
CMD python clip_service.py
"""

# ----------------------------------------------------------------------------------------------------------------------
# size


def installed_bytes() -> dict[str, int]:
    """Return the size of each installed package, from the list of files that each one keeps."""
    sizes = {}
    for package in distributions():
        name = re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()
        sizes[name] = sum(file.size or 0 for file in package.files or [])
    return sizes


def megabytes(lines: list[str], sizes: dict[str, int]) -> float:
    """Return what the packages of lock lines take, MB."""
    names = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines if "==" in line}
    return sum(sizes.get(name, 0) for name in names) / MB


def layers(steps: list[tuple[str, str]], visible: list[str], packages_mb: float) -> list[tuple[str, float]]:
    """Return (step, MB) for each step of the last stage that adds files. Steps before it leave nothing behind."""
    last = max(place for place, (name, _) in enumerate(steps) if name == "FROM")
    found = []
    for name, value in steps[last + 1 :]:
        if name != "COPY":
            continue
        # concept: container images
        sources = [word for word in value.split()[:-1] if not word.startswith("--")]
        size = sum((ROOT / path).stat().st_size for path in visible for source in sources if inside(path, source)) / MB
        found.append((value, packages_mb if "--from=" in value else size))
    return found


def inside(path: str, source: str) -> bool:
    return path == source or path.startswith(f"{source}/") or source == "."


# ----------------------------------------------------------------------------------------------------------------------
# the cache


def made_again(steps: list[tuple[str, str]], visible: list[str], changed: str) -> list[str]:
    """Return the steps that a build makes again after one file changed.

    Docker gives every step a key: the key of the step before, the step's text, and the content of what it copies. Equal
    key, old layer. So a change travels down to the end of its stage, and into every stage that copies from it.
    """
    # concept: layer cache
    keys: dict[str, list[str]] = {"before": [], "after": []}
    for when in keys:
        stages, key = {}, ""
        for name, value in steps:
            material = f"{key} {name} {value}"
            if name == "FROM":
                stage = value.split()[-1]
                material = f"FROM {value}"
            if name == "COPY":
                sources = [word for word in value.split()[:-1] if not word.startswith("--")]
                copied = [path for path in visible if any(inside(path, source) for source in sources)]
                material += " ".join(f"{path}{'!' if when == 'after' and path == changed else ''}" for path in copied)
                material += "".join(stages.get(part.removeprefix("--from="), "") for part in value.split())
            key = hashlib.sha256(material.encode()).hexdigest()
            stages[stage] = key
            keys[when].append(key)
    pairs = zip(steps, keys["before"], keys["after"], strict=True)
    return [f"{name} {value}" for (name, value), old, new in pairs if old != new]


def slow_steps(again: list[str]) -> int:
    """Return how many of the steps install packages, which is what one waits for."""
    return sum("pip install" in step for step in again)


# ----------------------------------------------------------------------------------------------------------------------
# linting


def lint(dockerfile: str) -> list[str]:
    """Return hadolint's findings, such as "DL3007 warning: Using latest is prone to errors".

    Raises:
        CourseError: The linter is not installed.
    """
    beside = Path(sys.executable).with_name("hadolint.exe" if os.name == "nt" else "hadolint")
    tool = str(beside) if beside.exists() else shutil.which("hadolint")
    if not tool:
        raise CourseError("hadolint is not installed.", hint="python3 00_env_setup/bootstrap.py extra deploy")
    done = subprocess.run([tool, "--no-color", "-"], input=dockerfile, capture_output=True, text=True, timeout=120)
    return [line.split(" ", 1)[1] for line in done.stdout.splitlines()]


def own_rules(steps: list[tuple[str, str]], ignore: str) -> list[str]:
    """Return what a linter of single lines does not ask: about the image as a whole, and about this service."""
    last = max(place for place, (name, _) in enumerate(steps) if name == "FROM")
    final = steps[last:]
    user = [value for name, value in final if name == "USER"]
    rules = {
        "no USER: it runs as root": bool(user),
        "USER is a name; a number can be checked from outside": not user or bool(re.match(r"\d+(:\d+)?$", user[-1])),
        "no HEALTHCHECK: an engine cannot tell a hanging process": any(name == "HEALTHCHECK" for name, _ in final),
        "a key in ENV or ARG stays readable in the image for ever": not any(
            name in ("ENV", "ARG") and re.search(r"(KEY|TOKEN|PASSWORD|SECRET)\w*=\S", value) for name, value in steps
        ),
        "CMD is no list: the stop signal goes to a shell": all(v.startswith("[") for n, v in final if n == "CMD"),
        ".dockerignore lets in what it does not name": "*" in ignore.splitlines(),
    }
    return [problem for problem, kept in rules.items() if not kept]


# ----------------------------------------------------------------------------------------------------------------------
# rehearsal


def rehearse(tool, dockerfile: str, ignore: str, models: Path, body: bytes) -> dict:
    """Do the Dockerfile's steps in a bare folder, start its command with its environment, ask it, stop it."""
    with tempfile.TemporaryDirectory(prefix="image-", ignore_cleanup_errors=True) as folder, as_course_error():
        made = tool.Rehearsal(Path(folder), dockerfile, ignore, installed=Path(sys.prefix))
        stage = made.run()
        inside_image = sorted(str(path.relative_to(stage.here("/app"))) for path in stage.here("/app").iterdir())
        own = {"CLIP_HOST": "127.0.0.1", "CLIP_PORT": str(free_port())}
        shutil.copytree(models, stage.here("/models"), dirs_exist_ok=True)  # stands for the mount
        with tool.started(stage, **own) as process:
            # concept: health and readiness
            if not tool.healthy(stage, process, 240, **own):
                process.kill()
                raise CourseError(
                    f"the image's command is not healthy: {process.stdout.read()[-800:]}", hint="see above"
                )
            url = f"http://127.0.0.1:{own['CLIP_PORT']}"
            answer = httpx.post(f"{url}/v1/clips", content=body, timeout=60, trust_env=False)
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
    return {
        "left_out": made.left_out,
        "app": inside_image,
        "user": stage.user,
        "status": answer.status_code,
        "code": code,
    }


def plot(found: list[tuple[str, float]], lazy: float, budget: float, path: Path) -> None:
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots()
    start = 0.0
    for (step, size), colour in zip(found, (BLUE, GREY, ORANGE, "black"), strict=False):
        axes.barh("this image", size, left=start, color=colour, label=f"{size:6.1f} MB  {step[:52]}")
        start += size
    axes.barh("with scikit-learn\nand matplotlib", lazy, color=BLUE, alpha=0.4)
    axes.axvline(budget, color="black", ls="--", lw=1)
    axes.text(budget, 1.45, " budget", fontsize=8)
    axes.set(xlabel="added to the base image (MB)")
    axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.45, -0.25))
    save_figure(figure, path)
    print("layers.png: nearly all of an image is packages; the code is the last sliver")


def main(settings) -> dict:
    prepare(settings)
    if os.name == "nt":
        raise CourseError(
            "the rehearsal runs the Dockerfile's steps in a POSIX shell.", hint="use WSL, or read the script"
        )
    tool = load_script(CAPSTONE / "rehearse.py")  # the capstone's; it knows nothing of this service
    dockerfile, ignore = (
        (DEPLOY / name).read_text(encoding="utf-8") for name in ("Dockerfile", "Dockerfile.dockerignore")
    )
    with as_course_error():
        steps, careless = tool.parse(dockerfile), tool.parse(CARELESS)
        visible = tool.visible_files(ROOT, ignore)
    image = load_script(DEPLOY / "image_requirements.py")
    sizes = installed_bytes()
    packages = megabytes(image.lines(), sizes)
    lazy = megabytes(image.lines((*image.DIRECT, *TRAINING_TOO)), sizes)

    found = layers(steps, visible, packages)
    total = sum(size for _, size in found)
    print(f"\nLayers that the Dockerfile adds to the base image ({len(visible)} files of the repository are visible)")
    for step, size in found:
        print(f"   {size:7.2f} MB  COPY {step[:84]}")
    print(f"   {total:7.2f} MB together, budget {settings.budget:g}; {lazy:.0f} with {' and '.join(TRAINING_TOO)}")

    print("\nThe cache: what is made again after a file changed")
    changes = ("10_mlops/clip_service.py", "00_env_setup/requirements.lock")
    again = {name: made_again(steps, visible, name) for name in changes}
    again["clip_service.py, careless order"] = made_again(careless, ["10_mlops/clip_service.py"], changes[0])
    for name, steps_again in again.items():
        print(f"   {name:<34} {len(steps_again)} steps, {slow_steps(steps_again)} of them install packages")

    findings, of_careless = lint(dockerfile), lint(CARELESS)
    print(f"\nhadolint on the Dockerfile: {len(findings)} findings; on a careless one {len(of_careless)}:")
    for finding in of_careless:
        print(f"   {finding[:110]}")
    rules, rules_careless = own_rules(steps, ignore), own_rules(careless, "")
    print(f"What no linter of single lines asks: {len(rules)} problems here, {len(rules_careless)} there:")
    for problem in rules_careless:
        print(f"   {problem}")

    data: Data = load_data(settings)
    models = ready_models(settings, data)
    print("\nRehearsal in a bare folder, with nothing but the image's files and environment")
    result = rehearse(tool, dockerfile, ignore, models, wav_bytes(data.sounds[0]))
    for line in result["left_out"]:
        print(f"   left out: {line[:100]}")
    print(f"   /app holds {', '.join(result['app'])}; user {result['user']}")
    print(f"   healthy; a clip was judged with status {result['status']}; SIGTERM ended it with code {result['code']}")
    if not settings.quick:
        grown = load_script(CAPSTONE / "image_requirements.py")
        print(f"\nThe capstone's image: {megabytes(grown.lines('cpu'), sizes):.0f} MB of packages, as installed here")
        print(f"   hadolint on its Dockerfile: {len(lint((CAPSTONE / 'Dockerfile').read_text('utf-8')))} findings")
    plot(found, lazy + total - packages, settings.budget, settings.out / "layers.png")
    return {
        "megabytes": total,
        "saved_without_training_packages": lazy - packages,
        "within_budget": int(total <= settings.budget),
        "findings": len(findings),
        "findings_careless": len(of_careless),
        "problems": len(rules),
        "problems_careless": len(rules_careless),
        "installs_after_code_change": slow_steps(again[changes[0]]),
        "installs_after_lock_change": slow_steps(again[changes[1]]),
        "installs_careless": slow_steps(again["clip_service.py, careless order"]),
        "judged_with_status": result["status"],
        "exit_code": result["code"],
        "steps_left_out": len(result["left_out"]),
    }


EXPECTED = {
    "megabytes": Expected(quick=(30, 200), full=(30, 200)),
    "saved_without_training_packages": Expected(quick=(60, 500), full=(60, 500)),
    "within_budget": Expected(quick=(1, 1), full=(1, 1)),
    "findings": Expected(quick=(0, 0), full=(0, 0)),
    "findings_careless": Expected(quick=(5, 20), full=(5, 20)),
    "problems": Expected(quick=(0, 0), full=(0, 0)),
    "problems_careless": Expected(quick=(5, 5), full=(5, 5)),
    "installs_after_code_change": Expected(quick=(0, 0), full=(0, 0)),
    "installs_after_lock_change": Expected(quick=(1, 1), full=(1, 1)),
    "installs_careless": Expected(quick=(1, 1), full=(1, 1)),
    "judged_with_status": Expected(quick=(200, 200), full=(200, 200)),
    "exit_code": Expected(quick=(0, 0), full=(0, 0)),
    "steps_left_out": Expected(quick=(3, 3), full=(3, 3)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="07_explain_ci.py")
