"""Run the Dockerfile's steps in a bare folder, where no container engine is: its files, its settings, its command.

Run:
    python deploy/rehearse.py --into /tmp/image --installed .venv           (a minute: packages are taken from .venv)
    python deploy/rehearse.py --into /tmp/image --build-arg TORCH_BACKEND=  (installs them all, as a build would)

It is no build: there is no base image and no other user. An absolute path becomes one below the folder; COPY sees only
what Dockerfile.dockerignore lets through; RUN steps that need root are left out and named. Then the image's command is
started with nothing but the image's environment, its health check is run, and it is stopped.
Needs a POSIX shell and the extra: python3 00_env_setup/bootstrap.py extra deploy

Writes: the folder named by --into, which must be new or empty
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from coursekit.cli import ScriptParser, run_main
from voice_pipeline.errors import PipelineError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_NEEDS_ROOT = re.compile(r"\b(useradd|groupadd|adduser|addgroup|chown|apt-get|apk|install -d -o)\b")
_INSTALLS = re.compile(r"\bpip (un)?install\b|\bpython -m venv\b")


@dataclass
class Stage:
    """One FROM of the Dockerfile.

    Attributes:
        root: the folder that stands for "/".
        name: after AS.
        env: what its processes see.
        args: build arguments.
        workdir: below `root`.
        command: CMD.
        health: the command of HEALTHCHECK.
        user: USER.
        volumes: VOLUME.
    """

    root: Path
    name: str
    env: dict[str, str]
    args: dict[str, str] = field(default_factory=dict)
    workdir: Path = Path()
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    user: str = ""
    volumes: list[str] = field(default_factory=list)

    def here(self, path: str) -> Path:
        """A path of the image as a path of this machine."""
        return self.root / path.lstrip("/") if path.startswith("/") else self.workdir / path


class Rehearsal:
    """Goes through a Dockerfile step by step.

    Args:
        into: an empty folder.
        dockerfile: its text.
        ignore: text of its .dockerignore.
        build_args: by name.
        installed: a virtual environment that stands for the packages; None installs them.
        context: the build's context.
    """

    def __init__(
        self,
        into: Path,
        dockerfile: str,
        ignore: str,
        build_args: Mapping[str, str] | None = None,
        installed: Path | None = None,
        context: Path = ROOT,
    ) -> None:
        self.into, self.installed, self.context = into, installed, context
        self.given = dict(build_args or {})
        self.visible = visible_files(context, ignore)
        self.steps = parse(dockerfile)
        self.stages: list[Stage] = []
        self.left_out: list[str] = []
        self._globals: dict[str, str] = {}

    def run(self) -> Stage:
        """Do every step; return the last stage, which is the image.

        Raises:
            PipelineError: a step fails, or copies what is not there.
        """
        for instruction, value in self.steps:
            step = getattr(self, f"_{instruction.lower()}", None)
            if step is None:
                raise PipelineError(f"no step {instruction} is known here", hint=f"add it to {Path(__file__).name}")
            step(value)
        return self.stages[-1]

    @property
    def _stage(self) -> Stage:
        return self.stages[-1]

    def _from(self, value: str) -> None:
        name = value.split()[-1] if " AS " in value else f"stage{len(self.stages)}"
        root = self.into / name
        (root / "tmp").mkdir(parents=True)
        base = root / "base-image" / "bin"  # stands for the python and pip of python:slim
        base.mkdir(parents=True)
        (base / "python").symlink_to(getattr(sys, "_base_executable", sys.executable))
        self.stages.append(Stage(root, name, {"PATH": f"{base}:/usr/bin:/bin"}, workdir=root))

    def _arg(self, value: str) -> None:
        name, _, default = value.partition("=")
        where = self._stage.args if self.stages else self._globals
        where[name] = self.given.get(name, default)

    def _env(self, value: str) -> None:
        for part in shlex.split(value):
            name, _, text = part.partition("=")
            self._stage.env[name] = ":".join(self._placed(piece) for piece in text.split(":"))

    def _placed(self, piece: str) -> str:
        if piece.startswith("/"):
            return str(self._stage.here(piece))
        return re.sub(r"\$\{?(\w+)\}?", lambda found: self._stage.env.get(found[1], ""), piece)

    def _workdir(self, value: str) -> None:
        self._stage.workdir = self._stage.here(value)
        self._stage.workdir.mkdir(parents=True, exist_ok=True)

    def _copy(self, value: str) -> None:
        words = shlex.split(value)
        flags = dict(word.lstrip("-").split("=", 1) for word in words if word.startswith("--"))
        *sources, target = [word for word in words if not word.startswith("--")]
        to = self._stage.here(target)
        if "from" in flags:
            stage = next(stage for stage in self.stages if stage.name == flags["from"])
            for source in sources:
                shutil.copytree(stage.here(source), to, symlinks=True) if not self.installed else self._link(to)
            return
        for source in sources:
            self._copy_visible(source, to, target.endswith("/"))

    def _copy_visible(self, source: str, to: Path, into_folder: bool) -> None:
        inside = [path for path in self.visible if path == source or path.startswith(f"{source}/")]
        if not inside:
            raise PipelineError(f"COPY {source}: .dockerignore lets nothing of it through", hint=f"add !{source}")
        for path in inside:
            rest = path[len(source) :].lstrip("/")
            file = to / rest if rest else (to / Path(path).name if into_folder or to.is_dir() else to)
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.context / path, file)

    def _link(self, to: Path) -> None:
        to.parent.mkdir(parents=True, exist_ok=True)
        to.symlink_to(Path(str(self.installed)).resolve(), target_is_directory=True)

    def _run(self, value: str) -> None:
        reason = "needs root" if _NEEDS_ROOT.search(value) else ""
        if self.installed and _INSTALLS.search(value):
            reason = f"packages are taken from {self.installed}"
        if reason:
            self.left_out.append(f"RUN {value}: {reason}")
            return
        environment = {**self._globals, **self._stage.args, **self._stage.env}
        done = subprocess.run(["/bin/sh", "-c", value], cwd=self._stage.workdir, env=environment)
        if done.returncode != 0:
            raise PipelineError(f"RUN {value}: exit code {done.returncode}", hint="see what it printed above")

    def _volume(self, value: str) -> None:
        self._stage.volumes.append(value)
        self._stage.here(value).mkdir(parents=True, exist_ok=True)

    def _healthcheck(self, value: str) -> None:
        self._stage.health = json.loads(value.partition("CMD")[2])

    def _cmd(self, value: str) -> None:
        self._stage.command = json.loads(value)

    def _user(self, value: str) -> None:
        self._stage.user = value

    def _nothing(self, value: str) -> None:
        """Has no effect outside an engine."""

    _label = _expose = _stopsignal = _nothing


def parse(dockerfile: str) -> list[tuple[str, str]]:
    """(instruction, value) of every step, comments left out, continued lines joined."""
    parser = _needed("dockerfile_parse").DockerfileParser(fileobj=io.BytesIO(dockerfile.encode()))
    steps = [(step["instruction"], step["value"]) for step in parser.structure]
    return [(name, value) for name, value in steps if name != "COMMENT"]


def visible_files(context: Path, ignore: str) -> list[str]:
    """Files of the context that the build sees, with / between folders."""
    patterns = [line.strip() for line in ignore.splitlines() if line.strip() and not line.startswith("#")]
    found = _needed("docker.utils.build").exclude_paths(str(context), patterns)
    return sorted(name.replace(os.sep, "/") for name in found if (context / name).is_file())


def _needed(module: str):  # type: ignore[no-untyped-def]
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError:
        raise PipelineError(
            f"{module} is not installed", hint="python3 00_env_setup/bootstrap.py extra deploy"
        ) from None


@contextmanager
def started(stage: Stage, **more: str) -> Iterator[subprocess.Popen[str]]:
    """The image's command with the image's environment and `more`; killed at the end if it still runs."""
    environment = {**stage.env, **more}
    process = subprocess.Popen(
        stage.command, cwd=stage.workdir, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def healthy(stage: Stage, process: subprocess.Popen[str], seconds: float, **more: str) -> bool:
    """Whether the image's health check passes within `seconds`; False at once when the process has ended."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        check = subprocess.run(stage.health, cwd=stage.workdir, env={**stage.env, **more}, capture_output=True)
        if check.returncode == 0:
            return True
        time.sleep(1)
    return False


def read(name: str) -> str:
    """A file beside this one."""
    return (HERE / name).read_text(encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", required=True, type=Path, metavar="DIR", help="a new folder; stands for the image")
    parser.add_argument("--installed", type=Path, metavar="VENV", help="take the packages from there")
    parser.add_argument("--build-arg", action="append", default=[], metavar="NAME=VALUE", help="as docker build has it")
    parser.add_argument("--port", default="8000", metavar="P", help="where the service listens meanwhile")
    arguments = parser.parse_args(argv)
    into = arguments.into.resolve()
    if into.exists() and any(into.iterdir()):
        raise PipelineError(f"{into} is not empty", hint=f"rm -r {into}")
    build_args = dict(item.split("=", 1) for item in arguments.build_arg)
    rehearsal = Rehearsal(into, read("Dockerfile"), read("Dockerfile.dockerignore"), build_args, arguments.installed)
    stage = rehearsal.run()
    for line in rehearsal.left_out:
        print(f"left out: {line}")
    own = {"VOICE_API_HOST": "127.0.0.1", "VOICE_API_PORT": arguments.port, "VOICE_API_KEY": secrets.token_urlsafe(40)}
    with started(stage, **own) as process:
        if not healthy(stage, process, 300, **own):
            raise PipelineError("the image's command does not become healthy", hint=f"in {into}: {stage.command}")
        print(f"healthy: {' '.join(stage.command)}")
        process.send_signal(signal.SIGTERM)
        code = process.wait(120)
    print(f"stopped by SIGTERM with exit code {code}")
    return code


if __name__ == "__main__":
    run_main(main)
