"""Logging and errors: a program that says what happened, what to do, and leaves a record that can be asked.

What you will learn
    - the four parts of an error a user can act on: what, which value, why, the repair; and an exit code for programs
    - nothing half done: a command that fails leaves the folder as it found it
    - logging as data: one JSON object a line, with the run and the clip in each, so that questions have answers
    - who decides: a package only speaks, the program says how loud, and where to; secrets are struck out at one place
How to run it
    python 03_logging_and_errors.py --quick     12 clips, about 3 s
    python 03_logging_and_errors.py             60 clips
Time and memory on 2 CPU cores: quick 3 s, full 4 s; 0.1 GB.
Writes outputs/: inbox/, run.jsonl, stages.png
Concepts: PROJECT_CONCEPTS_EXPLAINED.md (errors a user can act on, structured logging)
"""

import contextvars
import json
import logging.config
import re
import shutil
import sys
import tempfile
import time
import timeit
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from project_utils import (
    BLUE,
    GREEN,
    ORANGE,
    Answers,
    Done,
    ascii_only,
    hum,
    load_speech,
    make_project,
    prepare,
    python,
    save_figure,
    subplots,
    write_wav,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from voice_pipeline.audio import decode  # the capstone reads any format, and refuses what it cannot read
from voice_pipeline.errors import PipelineError

# ----------------------------------------------------------------------------------------------------------------------
# settings

RATE = 24_000  # Hz of the hummed clips
KEY = re.compile(r"(sk-|hf_|ghp_)[A-Za-z0-9]{6,}")  # struck out of every line
SLOW_SECONDS = 0.004  # each clip is "uploaded" for this long: a stand-in for a network, and said so

# ----------------------------------------------------------------------------------------------------------------------
# 1. errors. A command as its user sees it, on nine things that go wrong: first as a first version has it

NAIVE = """
import sys, wave
source, target = sys.argv[1:3]
out = wave.open(target, "wb")
file = wave.open(source)
out.setparams(file.getparams())
data = file.readframes(file.getnframes())
assert file.getsampwidth() == 2
out.writeframes(data)
"""


def broken_inputs(folder: Path) -> list[Path]:
    """Write nine inputs that cannot be used, the way real ones come."""
    folder.mkdir(parents=True, exist_ok=True)
    voice = hum("I shall be late!", sample_rate=RATE)
    write_wav(folder / "whole.wav", voice, RATE)
    whole = (folder / "whole.wav").read_bytes()
    (folder / "empty.wav").write_bytes(b"")
    (folder / "notes.wav").write_text("these are my notes", encoding="utf-8")
    (folder / "cut_off.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "header_only.wav").write_bytes(whole[:30])
    (folder / "stereo.wav").write_bytes(whole[:22] + b"\x02" + whole[23:])  # the header says two channels
    (folder / "eight_bits.wav").write_bytes(whole[:34] + b"\x08" + whole[35:])
    soundfile.write(folder / "float.wav", voice, RATE, subtype="FLOAT")
    (folder / "a_folder.wav").mkdir(exist_ok=True)
    (folder / "whole.wav").unlink()
    return [*sorted(folder.iterdir()), folder / "not_there.wav"]


def judge(done: Done, target: Path) -> dict[str, bool]:
    """Return what a user, and a program that calls the command, get of a failure."""
    return {
        "says it": done.code != 0,
        "no traceback": "Traceback" not in done.errors,
        "repair": "HINT: " in done.errors,  # concept: errors a user can act on
        "nothing left": not list(target.parent.iterdir()),  # no empty file, no half one, no temporary one
    }


def failures(work: Path, inputs: list[Path]) -> dict[str, Counter]:
    """Give every broken input to the naive program and to the project's command; return what each does right."""
    answers = Answers()
    make_project(work / "project", answers)
    (work / "naive.py").write_text(NAIVE, encoding="utf-8")
    programs: dict[str, tuple[list[Any], dict[str, str]]] = {
        "first version": ([work / "naive.py"], {}),
        answers.name: (["-m", answers.package, "trim"], {"PYTHONPATH": str(work / "project" / "src")}),
    }
    found = {}
    for name, (command, variables) in programs.items():
        found[name] = Counter()
        for source in inputs:
            target = work / "result" / "out.wav"
            shutil.rmtree(target.parent, ignore_errors=True)
            target.parent.mkdir()
            done = python(*command, source, target, cwd=work, env=variables)
            found[name].update(what for what, good in judge(done, target).items() if good)
            first = ascii_only(done.errors.strip()).partition("\n")[0].replace(f"{source.parent}/", "")
            print(f"  {name:14} {source.name:16} {first[:90]}")
    return found


def capstone_refuses(inputs: list[Path]) -> int:
    """Return how many of the inputs the capstone's reader refuses with a hint; it reads more formats on purpose."""
    refused = []
    for source in inputs:
        try:
            decode(source)
        except PipelineError as error:
            refused += [source.name] if error.hint else []
    print(f"  the capstone's reader takes more formats, and refuses: {', '.join(refused)}")
    return len(refused)


# ----------------------------------------------------------------------------------------------------------------------
# 2. a program whose log can be asked
log = logging.getLogger("inbox.take")  # a package does no more than this: it never configures, never prints
clip_now: contextvars.ContextVar[str] = contextvars.ContextVar("clip", default="-")  # also right in threads and asyncio


class AddContext(logging.Filter):
    """Put the run and the clip into every record, and strike out what looks like a key."""

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run = run

    def filter(self, record: logging.LogRecord) -> bool:
        record.run, record.clip = self.run, clip_now.get()
        record.msg, record.args = KEY.sub("[secret]", record.getMessage()), ()
        return True


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, message, run, clip, and whatever came in `extra=`."""

    KNOWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}

    def format(self, record: logging.LogRecord) -> str:
        row = {"t": round(record.created, 3), "level": record.levelname, "message": record.getMessage()}
        row |= {name: value for name, value in vars(record).items() if name not in self.KNOWN}
        if record.exc_info:  # the whole chain of causes, for the developer; the user saw one line
            row["traceback"] = KEY.sub("[secret]", self.formatException(record.exc_info))
        return json.dumps(row)  # concept: structured logging


class ForPeople(logging.Formatter):
    """One line, without the traceback: it is for the file."""

    def format(self, record: logging.LogRecord) -> str:
        return f"  {record.levelname} {record.clip}: {record.getMessage()}"


@contextmanager
def logging_to(path: Path, run: str) -> Iterator[None]:
    """Configure logging for the whole program: errors for people on stdout, everything as JSON lines in a file."""
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"context": {"()": AddContext, "run": run}},
        "formatters": {"people": {"()": ForPeople}, "json": {"()": JsonLines}},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "stream": sys.stdout, "level": "ERROR",
                        "formatter": "people", "filters": ["context"]},
            "file": {"class": "logging.FileHandler", "filename": str(path), "mode": "w", "encoding": "utf-8",
                     "formatter": "json", "filters": ["context"]},
        },
        "loggers": {"inbox": {"level": "DEBUG", "handlers": ["console", "file"], "propagate": False}},
    })  # fmt: skip
    try:
        yield
    finally:
        for handler in logging.getLogger("inbox").handlers:
            handler.close()  # Windows removes no file that is open


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Log how long a stage took, also when it failed."""
    started = time.perf_counter()
    try:
        yield
    finally:
        log.debug("%s done", name, extra={"stage": name, "ms": round(1000 * (time.perf_counter() - started), 2)})


def take_in(path: Path) -> None:
    """Read, measure and 'upload' one clip; a clip that fails is logged with its reason and stops no other."""
    token = clip_now.set(path.stem)
    try:
        with stage("read"):
            clip = decode(path)
        with stage("measure"):
            peak = float(np.abs(clip.waveform).max())
        if peak > 0.99:
            raise CourseError(f"clipped, peak {peak:.2f}.", hint="turn the level down")
        with stage("upload"):
            time.sleep(SLOW_SECONDS)
            log.debug("sent with key %s", "sk-abcdef123456")  # a slip: it must not reach the file
        log.info("taken in", extra={"seconds": round(len(clip.waveform) / clip.sample_rate, 2)})
    except CourseError as error:  # expected; PipelineError is one. A mistake of our own would stop the program
        log.error("%s", error, extra={"hint": error.hint}, exc_info=True)
    finally:
        clip_now.reset(token)


def make_inbox(folder: Path, speech: list[Any], random: np.random.Generator, n: int) -> list[Path]:
    """Write `n` clips of speech into a folder, every fourth spoilt, and one that is no sound."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number in range(n):
        _, waveform, rate = speech[number % len(speech)]
        start = int(random.integers(0, max(1, len(waveform) - 2 * rate)))
        piece = waveform[start : start + 2 * rate]
        if number % 4 == 3:
            piece = 20 * piece  # write_wav cuts off what exceeds full scale, as a recorder does
        write_wav(folder / f"take_{number:02d}.wav", piece, rate)
    (folder / f"take_{n:02d}.wav").write_bytes(b"RIFF")
    return sorted(folder.glob("*.wav"))


def ask(path: Path) -> dict[str, Any]:
    """Ask the log: which clips failed and why, which stage takes the time, does a secret stand in it."""
    text = path.read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    took = {(row["clip"], row["stage"]): row["ms"] for row in rows if "stage" in row}
    clips = sorted({clip for clip, _ in took})
    stages = {name: [took.get((clip, name), 0.0) for clip in clips] for name in ("read", "measure", "upload")}
    return {
        "rows": len(rows),
        "failed": [row["clip"] for row in rows if row["level"] == "ERROR"],
        "without_run_or_clip": sum(not row.get("run") or row.get("clip", "-") == "-" for row in rows),
        "secrets": len(KEY.findall(text)),
        "struck_out": text.count("[secret]"),
        "stages": stages,
        "with_cause": sum("traceback" in row for row in rows),
    }


def cost_of_silence(repeats: int) -> tuple[float, float]:
    """Return the microseconds of a debug line nobody wants: as f-string, and as (text, values)."""
    quiet = logging.getLogger("nobody.listens")  # WARNING and above, as every logger nobody set
    samples = np.zeros(2000)
    eager = min(timeit.repeat(lambda: quiet.debug(f"samples {samples}"), number=repeats))
    lazy = min(timeit.repeat(lambda: quiet.debug("samples %s", samples), number=repeats))
    return eager / repeats * 1e6, lazy / repeats * 1e6


def plot(stages: dict[str, list[float]], path: Path) -> str:
    """Draw where the time went, clip by clip, from the log alone; return the slowest stage."""
    figure, axis = subplots(1, size=(9, 4))
    bottom = np.zeros(len(stages["read"]))
    for (name, times), colour in zip(stages.items(), (BLUE, ORANGE, GREEN), strict=True):
        axis.bar(np.arange(len(times)), times, bottom=bottom, label=name, color=colour)
        bottom += times
    axis.set(xlabel="clip (those without upload failed)", ylabel="time (ms)", title="Where the time went, by run.jsonl")
    axis.legend()
    save_figure(figure, path)
    return max(stages, key=lambda name: sum(stages[name]))


def main(settings: Namespace) -> dict[str, float]:
    """Fail in nine ways, twice; then take in a folder, and ask its log."""
    random = prepare(settings)
    print("1. Nine inputs that cannot be used")
    with tempfile.TemporaryDirectory() as folder:
        inputs = broken_inputs(Path(folder, "inputs"))
        right = failures(Path(folder), inputs)
        refused = capstone_refuses(inputs)
    print(f"\n  {'of nine':14} " + "".join(f"{what:>14}" for what in right["my-clips"]))
    for name, counts in right.items():
        print(f"  {name:14} " + "".join(f"{counts[what]:>14}" for what in right["my-clips"]))

    print("2. A folder taken in; the console shows errors only")
    speech = load_speech(settings, 4)
    clips = make_inbox(settings.out / "inbox", speech, random, 12 if settings.quick else 60)
    with logging_to(settings.out / "run.jsonl", run=f"seed{settings.seed}"):
        for path in clips:
            take_in(path)
    found = ask(settings.out / "run.jsonl")
    slowest = plot(found["stages"], settings.out / "stages.png")
    print(f"  run.jsonl: {found['rows']} lines; failed: {', '.join(found['failed'])}; slowest stage: {slowest}")
    print(f"  keys in the log: {found['secrets']}, struck out: {found['struck_out']}")
    eager, lazy = cost_of_silence(50)
    print(f"  a debug line nobody wants costs {eager:.1f} us as an f-string, {lazy:.2f} us as (text, values)")
    ours, naive = right["my-clips"], right["first version"]
    return {
        "ours_with_repair": ours["repair"],
        "ours_without_traceback": ours["no traceback"],
        "ours_leaving_nothing": ours["nothing left"],
        "naive_with_repair": naive["repair"],
        "naive_without_traceback": naive["no traceback"],
        "naive_leaving_nothing": naive["nothing left"],
        "capstone_refuses": refused,
        "clips_failed": len(found["failed"]),
        "failed_with_cause": found["with_cause"],
        "lines_without_context": found["without_run_or_clip"],
        "keys_in_the_log": found["secrets"],
        "keys_struck_out": found["struck_out"],
        "eager_over_lazy": eager / lazy,
    }


EXPECTED = {
    "ours_with_repair": Expected((9, 9), (9, 9)),
    "ours_without_traceback": Expected((9, 9), (9, 9)),
    "ours_leaving_nothing": Expected((9, 9), (9, 9)),
    "naive_with_repair": Expected((0, 0), (0, 0)),
    "naive_without_traceback": Expected((2, 2), (2, 2)),
    "naive_leaving_nothing": Expected((0, 0), (0, 0)),
    "capstone_refuses": Expected((5, 5), (5, 5)),
    "clips_failed": Expected((4, 4), (16, 16)),
    "failed_with_cause": Expected((4, 4), (16, 16)),
    "lines_without_context": Expected((0, 0), (0, 0)),
    "keys_in_the_log": Expected((0, 0), (0, 0)),
    "keys_struck_out": Expected((9, 9), (45, 45)),
    "eager_over_lazy": Expected((5, 10_000), (5, 10_000)),
}

PARSER = script_parser(__doc__)

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_testing_strategies.py")
