"""What the scripts of this module share: a small project made from a template, programs run on it, sound.

The project is a package of the learner's own that checks and trims recordings. Its files are in `template/`, one
`.jinja` for each; `01_project_structure.py` makes it to keep, the other scripts make one in a temporary folder.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from coursekit.course.modules import load_script
from coursekit.data import DataUnavailable, fetch
from coursekit.errors import CourseError
from coursekit.files import write_text_atomic

TEMPLATE = Path(__file__).resolve().parent / "template"
py_utils = load_script(Path(__file__).resolve().parents[1] / "01_python_programming" / "py_utils.py")
hum, write_wav, read_wav = py_utils.hum, py_utils.write_wav, py_utils.read_wav  # sung vowels, 16-bit mono WAV
subplots, save_figure = py_utils.subplots, py_utils.save_figure
BLUE, ORANGE, GREEN, GREY = py_utils.BLUE, py_utils.ORANGE, py_utils.GREEN, py_utils.GREY
LICENCES = ("MIT", "ISC")  # SPDX names of the licences whose text is in the template
TOOLS = ("hypothesis", "mypy", "pytest", "ruff", "uv")
INSTALL_TOOLS = "python3 00_env_setup/bootstrap.py extra tools"

# ----------------------------------------------------------------------------------------------------------------------
# what every script does first


def prepare(settings: Namespace, needs: Sequence[str] = ()) -> np.random.Generator:
    """Say where the numbers are computed and why; return the one generator of random numbers.

    Args:
        settings: The script's settings.
        needs: Tools without which it cannot go on, of `TOOLS`.

    Raises:
        CourseError: `--device cuda` or `mps`, or a tool is not installed.
    """
    if settings.device in ("cuda", "mps"):
        raise CourseError(
            f"--device {settings.device} cannot be used: this module runs programs, it computes nothing large.",
            hint="leave --device out",
        )
    missing = [name for name in needs if importlib.util.find_spec(name) is None]
    if missing:
        raise CourseError(f"not installed: {', '.join(missing)}. Most learners do without.", hint=INSTALL_TOOLS)
    print("device cpu, dtype float64: what runs here are tools and short sounds; there is nothing for a GPU to do")
    return np.random.default_rng(settings.seed)


# ----------------------------------------------------------------------------------------------------------------------
# the project


@dataclass(frozen=True)
class Answers:
    """What the template asks of the learner.

    Attributes:
        name: The project's, as in `pip install NAME`: lower-case letters, digits and hyphens.
        author: Who holds the copyright.
        licence: SPDX name, of `LICENCES`.
        description: One sentence.
        day: The day of the first release.
    """

    name: str = "my-clips"
    author: str = "A Learner"
    licence: str = "MIT"
    description: str = "Checks and trims recordings of a voice."
    day: str = date.today().isoformat()

    @property
    def package(self) -> str:
        """Its import name: hyphens are no part of a Python name."""
        return self.name.replace("-", "_")

    def check(self) -> Answers:
        """Return self when a project can be made of it.

        Raises:
            CourseError: The name is none, or taken by Python or an installed package; the licence is unknown.
        """
        if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", self.name) or len(self.name) > 40:
            raise CourseError(f"{self.name!r} is no project name.", hint="use letters, digits, hyphens: my-clips")
        if self.package in sys.stdlib_module_names or importlib.util.find_spec(self.package) is not None:
            raise CourseError(
                f"{self.name!r} is taken: `import {self.package}` finds another package here.",
                hint=f"choose another, for example my-{self.name}",
            )
        if self.licence not in LICENCES:
            raise CourseError(f"licence {self.licence!r} is unknown here.", hint=f"use one of: {', '.join(LICENCES)}")
        for field, text in (("author", self.author), ("description", self.description)):
            if not text.strip() or any(sign in text for sign in '"\\\n{}'):
                raise CourseError(f"the {field} {text!r} is empty or has a sign that breaks files.", hint="plain words")
        return self


def make_project(target: Path, answers: Answers) -> list[Path]:
    """Write the project below `target` and return its files in order; older files of the same names are written over.

    The golden recordings of its tests come from `golden_recordings`. `ruff format` then breaks the lines that the
    learner's own names made longer, where ruff is installed.
    """
    answers.check()
    values = {
        **{name: getattr(answers, name) for name in ("name", "author", "licence", "description", "package")},
        "date": answers.day,
        "year": answers.day[:4],
    }
    environment = Environment(loader=FileSystemLoader(TEMPLATE), undefined=StrictUndefined, keep_trailing_newline=True)
    made = []
    for source in sorted(TEMPLATE.rglob("*.jinja")):
        name = source.relative_to(TEMPLATE).as_posix()
        path = target / name.removesuffix(".jinja").replace("PACKAGE", answers.package)
        text = environment.get_template(name).render(values).rstrip("\n")
        write_text_atomic(path, f"{text}\n" if text else "")
        made.append(path)
    golden = target / "tests" / "golden"
    for name, samples in zip(("sentence", "sentence_expected"), golden_recordings(), strict=True):
        write_wav(golden / f"{name}.wav", samples, GOLDEN_RATE)
        made.append(golden / f"{name}.wav")
    if importlib.util.find_spec("ruff") is not None:
        python("-m", "ruff", "format", "--quiet", "--no-cache", ".", cwd=target)
    return sorted(made)


GOLDEN_RATE = 8000  # Hz; a telephone's, so that a pure Python package needs milliseconds


def golden_recordings() -> tuple[np.ndarray, np.ndarray]:
    """Return a hummed sentence with room around it, and what trimming and normalising must make of it, `[S]` each.

    The second is computed here with NumPy, from the definition and not with the package under test: a golden file that
    the code itself wrote would call its mistakes right.
    """
    sung = 0.4 * hum("Oh dear! I shall be late!", sample_rate=GOLDEN_RATE)
    room = np.zeros(GOLDEN_RATE // 2)
    noise = np.random.default_rng(0).normal(scale=10 ** (-65 / 20), size=len(sung) + 2 * len(room))
    recorded = np.rint(32_768 * (np.concatenate([room, sung, room]) + noise)) / 32_768  # as 16 bits hold it
    frame = GOLDEN_RATE // 50  # 20 ms
    frames = recorded[: len(recorded) // frame * frame].reshape(-1, frame)
    levels = 10 * np.log10(np.maximum(np.mean(frames**2, axis=1), 1e-12))
    loud = np.flatnonzero(levels > levels.max() - 35)
    keep = GOLDEN_RATE // 10
    cut = recorded[max(0, loud[0] * frame - keep) : min(len(recorded), (loud[-1] + 1) * frame + keep)]
    return recorded, cut * (10 ** (-3 / 20) / np.abs(cut).max())


# ----------------------------------------------------------------------------------------------------------------------
# programs


@dataclass(frozen=True)
class Done:
    """How a program ended: exit code, what it printed, and how long it took."""

    code: int
    output: str
    errors: str
    seconds: float

    @property
    def last(self) -> str:
        """The last line it printed."""
        return next(iter(reversed((self.output + self.errors).strip().splitlines())), "")


def python(*arguments: object, cwd: Path, env: Mapping[str, str | None] | None = None, at_most: float = 120) -> Done:
    """Run this Python with `arguments` in the folder `cwd`; see `run`."""
    return run(sys.executable, *arguments, cwd=cwd, env=env, at_most=at_most)


def run(*command: object, cwd: Path, env: Mapping[str, str | None] | None = None, at_most: float = 120) -> Done:
    """Run a program to its end.

    It writes no bytecode, loads none of the pytest plugins that happen to be installed here, and has a folder for
    temporary files of its own, which is removed: the project shall find what it would find elsewhere.

    Args:
        command: Program and arguments.
        cwd: Folder to run it in.
        env: Variables to set; None as a value removes one.
        at_most: Seconds.

    Raises:
        CourseError: It did not end in time.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:  # pytest keeps its last three folders
        variables: dict[str, str | None] = {
            **os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONUTF8": "1",
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), scratch), **(env or {}),
        }  # fmt: skip
        try:
            done = subprocess.run(
                [str(part) for part in command],
                cwd=cwd,
                env={name: value for name, value in variables.items() if value is not None},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=at_most,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            what = " ".join(map(str, command[:4]))
            raise CourseError(f"{what} took more than {at_most:g} s.", hint="run it on an idle machine") from error
    return Done(done.returncode, done.stdout, done.stderr, time.perf_counter() - started)


PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
CHECKS = {  # what CI of the made project runs, without leaving caches behind
    "pytest": PYTEST,
    "ruff check": ("-m", "ruff", "check", "--no-cache", "."),
    "ruff format": ("-m", "ruff", "format", "--no-cache", "--check", "."),
    "mypy": ("-m", "mypy", "--cache-dir", os.devnull),
}


def ascii_only(text: str) -> str:
    """Return a text as every console can print it."""
    return text.encode("ascii", "replace").decode()


# ----------------------------------------------------------------------------------------------------------------------
# sound


def load_speech(settings: Namespace, n_clips: int = 1) -> list[tuple[str, np.ndarray, int]]:
    """Return (name, waveform float32 `[S]`, sample rate) of one woman reading, or of hummed sentences.

    LJSpeech (22,050 Hz, public domain) where it is at hand; a quick run downloads nothing. Without it
    `settings.quick` is set, because the expectations of the quick run hold then.
    """
    try:
        data = fetch("ljspeech_sample", download=not settings.quick)
    except DataUnavailable as reason:
        print(f"NOTE: {reason}")
        settings.quick = True
        sentences = py_utils.sentences(py_utils.NARRATION)
        return [(f"hum_{n}", hum(sentences[n % 5][:60], f0=120 + 15 * n), 24_000) for n in range(n_clips)]
    print(data.message)
    wavs = [path for path in data.files if path.suffix == ".wav"][:n_clips]
    return [(path.stem, *read_wav(path)) for path in wavs]
