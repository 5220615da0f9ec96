"""What the scripts of this module share: labelled recordings, a model to serve, MLflow, servers that end.

Speech, levels, noise and colours are those of module 04, passed on from here. Letters used in shapes: R recordings,
F features (10), K kinds (5).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from clip_model import FEATURES, KINDS, SAMPLE_RATE, features, point_to
from clip_training import Decision, Gate, accuracy, decide, recalls, train

from coursekit.course.modules import load_script
from coursekit.errors import CourseError
from coursekit.files import atomic_path
from voice_pipeline.audio import encode

__all__ = ["Decision", "Gate", "decide", "recalls"]  # passed on to the scripts; the rest is defined or used below

HERE = Path(__file__).resolve().parent
MODULE_04 = HERE.parent / "04_speech_audio_processing"
audio_utils = load_script(MODULE_04 / "audio_utils.py")
prepare = audio_utils.prepare  # says the device, returns the generator of random numbers
as_course_error = audio_utils.as_course_error  # the capstone's refusals in the form the lessons print
save_figure = audio_utils.save_figure
BLUE, ORANGE, GREEN, PURPLE, GREY = (
    audio_utils.BLUE,
    audio_utils.ORANGE,
    audio_utils.GREEN,
    audio_utils.PURPLE,
    audio_utils.GREY,
)
SPEAKERS = {True: 6, False: 24}  # quick, full
EACH = {True: 5, False: 3}  # how often each piece is spoilt in each way
HELD_OUT = 3  # every third speaker is never trained on
WAIT = 240.0  # seconds a server may take to answer for the first time, on a busy machine

# ----------------------------------------------------------------------------------------------------------------------
# labelled recordings


@dataclass(frozen=True)
class Data:
    """Labelled recordings as the model sees them, and those of the held-out speakers as sound.

    Attributes:
        table: Features, float64 `[R, F]`.
        labels: Which of KINDS, `[R]`.
        speakers: Who speaks, `[R]`.
        held: True where the speaker is held out, bool `[R]`.
        sounds: One float32 waveform at 24,000 Hz for each held-out recording, in their order.
    """

    table: np.ndarray
    labels: np.ndarray
    speakers: np.ndarray
    held: np.ndarray
    sounds: list[np.ndarray]

    @property
    def train(self) -> tuple[np.ndarray, np.ndarray]:
        return self.table[~self.held], self.labels[~self.held]

    @property
    def test(self) -> tuple[np.ndarray, np.ndarray]:
        return self.table[self.held], self.labels[self.held]


def load_data(settings: Namespace) -> Data:
    """Return the labelled recordings; made on the first run (`clips.npz` in `settings.out`), read by all later ones.

    Clean pieces of real speech (or of synthetic voices) are spoilt in the five known ways of module 04.
    """
    clips = audio_utils.load_speakers(settings, SPEAKERS[settings.quick], sentences_each=1)
    path = settings.out / "clips.npz"
    names = " ".join(clip.name for clip in clips)
    key = json.dumps([names, settings.seed, EACH[settings.quick], FEATURES, KINDS])
    if path.is_file() and (known := _read_data(path, key)):
        print(f"{path.name}: {len(known.labels)} recordings, made by an earlier run")
        return known
    data = _make_data(clips, EACH[settings.quick], np.random.default_rng(settings.seed))
    flat = np.concatenate(data.sounds)
    with atomic_path(path) as temporary:
        np.savez(
            temporary,
            key=key,
            table=data.table,
            labels=data.labels,
            speakers=data.speakers,
            held=data.held,
            lengths=[len(sound) for sound in data.sounds],
            sounds=np.rint(flat * 32767).astype(np.int16),
        )
    print(f"{path.name}: {len(data.labels)} recordings of {len(set(data.speakers))} voices, five kinds, made now")
    return data


def _make_data(clips: Sequence[Any], each: int, random: np.random.Generator) -> Data:
    lesson = load_script(MODULE_04 / "09_clip_quality.py")  # where cutting and spoiling are explained
    pieces = [(clip.speaker, piece) for clip in (c.at(SAMPLE_RATE) for c in clips) for piece in lesson.pieces(clip)]
    order = sorted({speaker for speaker, _ in pieces})
    rows, labels, speakers, held, sounds = [], [], [], [], []
    for speaker, piece in pieces:
        others = [lesson.Clip("", who, wave, SAMPLE_RATE) for who, wave in pieces if who != speaker][:4]
        for label, kind in enumerate(KINDS):
            for _ in range(each):
                sound = np.clip(lesson.spoil(piece, kind, others, random), -1, 1)  # as any file does
                rows.append(features(sound))
                labels.append(label)
                speakers.append(speaker)
                held.append(order.index(speaker) % HELD_OUT == 0)
                if held[-1]:
                    sounds.append(sound)
    return Data(np.array(rows), np.array(labels), np.array(speakers), np.array(held), sounds)


def _read_data(path: Path, key: str) -> Data | None:
    with np.load(path) as found:
        if str(found["key"]) != key:
            return None
        sounds = found["sounds"].astype(np.float32) / 32767
        parts = np.split(sounds, np.cumsum(found["lengths"])[:-1])
        return Data(found["table"], found["labels"], found["speakers"], found["held"], parts)


def other_microphone(
    sound: np.ndarray, random: np.random.Generator, gain_db: float = 0.0, hiss_db: float = -42.0
) -> np.ndarray:
    """Return a recording as another microphone would have made it: a telephone's band, a gain, a hiss of its own.

    Args:
        sound: float32 `[S]` at 24,000 Hz.
        random: The source of chance.
        gain_db: How much louder it records; negative is softer.
        hiss_db: Level of its hiss, relative to full scale.
    """
    spectrum = np.fft.rfft(sound) * 10 ** (gain_db / 20)
    hertz = np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] *= 0.01
    heard = np.fft.irfft(spectrum, len(sound)) + 10 ** (hiss_db / 20) * random.normal(size=len(sound))
    return np.clip(heard, -1, 1).astype(np.float32)


def wav_bytes(waveform: np.ndarray) -> bytes:
    """Return a mono 16-bit WAV of 24,000 Hz, as a client would send it."""
    return encode(waveform, SAMPLE_RATE, "wav")


# ----------------------------------------------------------------------------------------------------------------------
# a model to serve


def ready_models(settings: Namespace, data: Data) -> Path:
    """Return the folder `models/` of `settings.out`, with a model trained on `data` as the current one."""
    models: Path = settings.out / "models"
    model = train(*data.train, seed=settings.seed)
    model.save(models / "first.safetensors")
    point_to(models, "first.safetensors", "1")
    print(f"models/first.safetensors: {accuracy(model, *data.test):.1%} right on voices it never heard")
    return models


# ----------------------------------------------------------------------------------------------------------------------
# the operations packages, and MLflow without its surprises


def needs(*modules: str) -> None:
    """Make sure that the packages of the group [operations] are there.

    Raises:
        CourseError: One is missing; the hint installs them.
    """
    import importlib.util

    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise CourseError(
            f"this script needs {', '.join(missing)}, which only this module uses.",
            hint="python3 00_env_setup/bootstrap.py setup operations",
        )


def quiet_mlflow() -> None:
    """Import MLflow without telemetry, emoji and patience. Call it before anything else imports mlflow."""
    needs("mlflow")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"  # the default, 7, waits four minutes for a server that is gone
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # evaluation jobs, which nothing here starts
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    os.environ["MLFLOW_LOGGING_LEVEL"] = "WARNING"


def database(settings: Namespace) -> str:
    """Return the address of the module's tracking database, an SQLite file in `settings.out`.

    MLflow makes its tables when it is first asked. Killed meanwhile, they are half made and no later run can use them.
    So a marker stands beside the file until `database_is_whole` is called, and a file with a marker is thrown away.
    """
    path, marker = settings.out / "mlflow.db", settings.out / "mlflow.db.unfinished"
    if marker.exists():
        path.unlink(missing_ok=True)
    if not path.exists():
        marker.touch()
    return f"sqlite:///{path.as_posix()}"


def database_is_whole(settings: Namespace) -> None:
    """Say that the database has answered, so that its tables are all there."""
    (settings.out / "mlflow.db.unfinished").unlink(missing_ok=True)


# ----------------------------------------------------------------------------------------------------------------------
# servers that end


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@dataclass
class Server:
    """A server process.

    Attributes:
        url: Its address, without a slash at the end.
        process: The process; its children end with it.
        log: What it prints goes here.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def wait(self, path: str) -> None:
        """Return as soon as `path` answers with 200.

        Raises:
            CourseError: The server ended or did not answer; the end of its log is in the message.
        """
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(self.url + path, timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        last = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-8:])
        problem = "ended" if self.process.poll() is not None else "does not answer"
        raise CourseError(f"the server {problem}: {self.url}{path}. Its last words:\n{last}", hint=f"read {self.log}")


# Runs beside a server. Its input ends when this process ends, even if it is killed, and then the server is ended too.
WATCHER = """
import sys, psutil
try:
    server = psutil.Process(int(sys.argv[1]))
    sys.stdin.buffer.read()
    for member in [*server.children(recursive=True), server]:
        member.kill()
except psutil.NoSuchProcess:
    pass
"""


@contextmanager
def launched(command: Sequence[str], port: int, log: Path, more: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Start a server on 127.0.0.1; it and its children end with the block or with this process, however those end.

    Args:
        command: With the port in it.
        port: Where it will listen.
        log: Where its output goes.
        more: Environment variables besides this process's own.
    """
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(more or {})},
        )
    watcher = subprocess.Popen([sys.executable, "-c", WATCHER, str(process.pid)], stdin=subprocess.PIPE)
    try:
        yield Server(f"http://127.0.0.1:{port}", process, log)
    finally:
        end(process)
        watcher.communicate()  # closes its input


def end(process: subprocess.Popen[bytes], seconds: float = 10.0) -> None:
    """Ask a process and its children to stop, and make those stop that do not within `seconds`."""
    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    for member in family:
        with _gone():
            member.terminate()
    _, alive = psutil.wait_procs(family, timeout=seconds)
    for member in alive:
        with _gone():
            member.kill()
    process.wait()


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except psutil.NoSuchProcess:
        pass


@contextmanager
def clip_service(models: Path, log: Path, framework: str = "fastapi") -> Iterator[Server]:
    """Run clip_service.py (or its twin in Flask) on a free port, judging with the current model of `models`."""
    port = free_port()
    script = HERE / ("clip_service.py" if framework == "fastapi" else "clip_service_flask.py")
    with launched([sys.executable, str(script), "--models", str(models), "--port", str(port)], port, log) as server:
        server.wait("/ready")
        yield server


def percentiles(seconds: Sequence[float]) -> tuple[float, float, float]:
    """Return the 50th, 95th and 99th percentile, in milliseconds."""
    p50, p95, p99 = np.percentile(np.asarray(seconds) * 1000, [50, 95, 99])
    return float(p50), float(p95), float(p99)


# ----------------------------------------------------------------------------------------------------------------------
# the customer who asks all the time


class Customer(threading.Thread):
    """Sends clips without a break and writes down every answer."""

    PAUSE = 0.02  # seconds between two requests

    def __init__(self, url: str, bodies: list[bytes]) -> None:
        super().__init__(daemon=True)
        self.url, self.bodies = url, bodies
        self.answers: list[tuple[float, int, str]] = []  # seconds since the start, status, version of the model
        self.stopped = threading.Event()
        self.started = time.perf_counter()

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=60, trust_env=False) as client:
            place = 0
            while not self.stopped.wait(self.PAUSE):
                try:
                    answer = client.post("/v1/clips", content=self.bodies[place % len(self.bodies)])
                    status, version = answer.status_code, answer.json().get("model_version", "")
                except httpx.HTTPError as error:
                    status, version = 0, type(error).__name__
                self.answers.append((time.perf_counter() - self.started, status, version))
                place += 1

    def wait_for(self, version: str) -> None:
        """Return as soon as an answer came from this version.

        Raises:
            CourseError: It does not come.
        """
        end = time.monotonic() + 120
        while not any(said == version for _, _, said in self.answers[-50:]):
            if time.monotonic() > end:
                raise CourseError(f"version {version} was promoted and does not serve.", hint="see service_loop.log")
            time.sleep(self.PAUSE)
