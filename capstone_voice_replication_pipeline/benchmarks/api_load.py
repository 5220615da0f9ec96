"""The service under load, measured from outside: start, first audio, clients side by side, memory, a whole chapter.

Run:
    python benchmarks/api_load.py [--clients 8] [--requests 200] [--workers 2] [--only start,first]
    python benchmarks/api_load.py --home voices --voice my-voice       (a voice of your own)

07_serve_api.py is started as a process of its own on a free port, with the embedded starter voice where no voice is
named, and called over HTTP. Every request has another text, so that no cache helps.

    start      seconds until it answers, until its voice is warm, and its resident memory then
    first      seconds until the first byte of a streamed short sentence (pcm), one request after the other
    clients    seconds of speech made in a second, by one client and by --clients at once; how many were refused
    memory     resident memory after 50 requests and after --requests more
    chapter    a long text (--characters) as one streamed mp3, and how much the memory rose

Writes: outputs/api_load.json beside this script, or --json FILE.
Time: about 3 minutes on 2 idle CPU cores. On a busy machine only the ratio and the memory are worth something.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from coursekit.cli import ScriptParser, run_main
from coursekit.errors import CourseError
from coursekit.files import write_json_atomic

CAPSTONE = Path(__file__).resolve().parents[1]
PARTS = ("start", "first", "clients", "memory", "chapter")
SHORT = "There was nothing so very remarkable in that, {name}."  # about three seconds
NAMES = "Alice Mary Emma Clara Helen Laura Nancy Paula Ruth Susan Vera Wendy Rose Jane Lucy Kate".split()
PLACES = "garden kitchen library station harbour village market meadow forest castle".split()
LONG = "Then {name} went down to the {place} and began to wonder what was going to happen next, and why."
_MB = 2**20
_WARM_REQUESTS = 50
_PCM_BYTES_PER_SECOND = 48_000


@dataclass(frozen=True)
class Service:
    """The process that is measured."""

    url: str
    process: psutil.Process
    answers_seconds: float
    warm_seconds: float
    voice: str

    @property
    def resident_mb(self) -> float:
        """Memory it holds now."""
        return self.process.memory_info().rss / _MB

    def speak(self, client: httpx.Client, text: str, audio_format: str = "pcm", route: str = "/v1/audio/speech") -> Any:
        """Stream a text; returns (status, seconds until the first byte, bytes)."""
        body = {"model": "tts-1", "voice": self.voice, "input": text, "response_format": audio_format}
        started, first, size = time.perf_counter(), 0.0, 0
        with client.stream("POST", f"{self.url}{route}", json=body) as answer:
            for part in answer.iter_bytes():
                first = first or time.perf_counter() - started
                size += len(part)
        return answer.status_code, first, size


def texts(form: str) -> Iterator[str]:
    """Sentences without an end, no two of the first 1,600 alike."""
    for number, (name, place) in enumerate(itertools.cycle(itertools.product(NAMES, PLACES))):
        other = NAMES[(number // (len(NAMES) * len(PLACES))) % len(NAMES)]
        yield form.format(name=f"{name} and {other}" if "{place}" not in form else name, place=place)


@contextmanager
def serving(arguments: argparse.Namespace, scratch: Path) -> Iterator[Service]:
    """Start the service, wait until it is warm, stop it afterwards.

    Raises:
        CourseError: it did not start.
    """
    home, voice = arguments.home, arguments.voice
    if home is None:
        home, voice = scratch / "voices", "base"
        make_voice(home, voice)
    settings = {"WORKERS": arguments.workers, "QUEUE_SIZE": 2 * arguments.clients, "REQUESTS_PER_MINUTE": 0}
    settings |= {"THREADS": arguments.threads} if arguments.threads else {}
    environment = {**os.environ, **{f"VOICE_API_{name}": str(value) for name, value in settings.items()}}
    environment.pop("VOICE_API_KEY", None)
    command = [sys.executable, str(CAPSTONE / "07_serve_api.py"), "--home", str(home), "--port", "0"]
    started = time.perf_counter()
    with open(scratch / "server.log", "wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
    try:
        url = _address(process, scratch)
        httpx.get(f"{url}/health", timeout=60).raise_for_status()
        answers = time.perf_counter() - started
        while not (state := httpx.get(f"{url}/ready", timeout=60).json()).get("warm"):
            if "error" in state:
                raise CourseError(state["error"]["message"], hint="--home DIR --voice NAME of a voice that can speak")
            time.sleep(0.05)
        yield Service(url, psutil.Process(process.pid), answers, time.perf_counter() - started, voice)
    finally:
        process.terminate()
        process.wait(60)


def _address(process: subprocess.Popen[str], scratch: Path) -> str:
    for line in process.stdout or ():
        if found := re.match(r"Serving on (\S+)", line):
            return found[1]
    raise CourseError("the service did not start", hint=f"its log: {(scratch / 'server.log').read_text()[-500:]}")


def make_voice(home: Path, name: str) -> None:
    """The embedded starter voice as a voice of its own."""
    from voice_pipeline.consent import declare_licence
    from voice_pipeline.engines.starter.base_voice import reference_embeddings
    from voice_pipeline.engines.starter.engine import StarterEngine
    from voice_pipeline.voice_folder import VoiceFolder

    folder = VoiceFolder(home, name).create()
    declare_licence(folder, "CC BY 4.0", "a reference speaker of the embedded starter voice")
    StarterEngine().of_embedding(reference_embeddings()[0]).save(folder.models / "base" / "best")
    folder.update_info(engine="starter", model="models/base/best")


# --------------------------------------------------------------------------------------------------- what is measured


def measure_start(service: Service, arguments: argparse.Namespace) -> dict[str, float]:
    """How long it took, and how large it is."""
    return {
        "answers_seconds": service.answers_seconds,
        "warm_seconds": service.warm_seconds,
        "resident_mb": service.resident_mb,
    }


def measure_first(service: Service, arguments: argparse.Namespace) -> dict[str, float]:
    """Time to the first byte, one request after the other."""
    with httpx.Client(timeout=300) as client:
        service.speak(client, "A first sentence, which is not counted.")
        seconds = [service.speak(client, text)[1] for text in itertools.islice(texts(SHORT), arguments.repeats)]
    low, middle, high = 1000 * np.percentile(seconds, [25, 50, 95])
    return {"median_ms": middle, "quarter_ms": low, "slowest_twentieth_ms": high}


def measure_clients(service: Service, arguments: argparse.Namespace) -> dict[str, float]:
    """Speech a second by one client, by many, and by one again, so that a busy moment shows."""
    stock = texts(LONG)
    per_client = max(2, arguments.repeats // 2)

    def run(clients: int) -> tuple[float, int]:
        work = [list(itertools.islice(stock, per_client * (1 if clients > 1 else 4))) for _ in range(clients)]

        def one(own: list[str]) -> list[Any]:
            with httpx.Client(timeout=600) as client:
                return [service.speak(client, text) for text in own]

        started = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            answers = [answer for found in pool.map(one, work) for answer in found]
        seconds = time.perf_counter() - started
        spoken = sum(size for status, _, size in answers if status == 200) / _PCM_BYTES_PER_SECOND
        return spoken / seconds, sum(status == 429 for status, _, _ in answers)

    before, _ = run(1)
    many, refused = run(arguments.clients)
    after, _ = run(1)
    alone = (before + after) / 2
    return {"one": alone, "one_before": before, "one_after": after, "many": many, "ratio": many / alone, "429": refused}


def measure_memory(service: Service, arguments: argparse.Namespace) -> dict[str, float]:
    """Whether it grows."""
    stock = texts(SHORT)

    def ask(number: int) -> None:
        own = list(itertools.islice(stock, number))

        def one(part: list[str]) -> None:
            with httpx.Client(timeout=600) as client:
                for text in part:
                    service.speak(client, text, "mp3")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, [own[start::4] for start in range(4)]))

    ask(_WARM_REQUESTS)
    before = service.resident_mb
    ask(arguments.requests)
    after = service.resident_mb
    return {"requests": arguments.requests, "before_mb": before, "after_mb": after, "rise_mb": after - before}


def measure_chapter(service: Service, arguments: argparse.Namespace) -> dict[str, float]:
    """One long text, streamed."""
    text = ""
    for sentence in texts(LONG):
        text += sentence + " "
        if len(text) >= arguments.characters:
            break
    before = highest = service.resident_mb
    body = {"model": "tts-1", "voice": service.voice, "input": text, "response_format": "mp3"}
    started, first = time.perf_counter(), 0.0
    size = 0
    with httpx.Client(timeout=1200) as client, client.stream("POST", f"{service.url}/api/speech", json=body) as answer:
        for part in answer.iter_bytes():
            first = first or time.perf_counter() - started
            size += len(part)
            highest = max(highest, service.resident_mb)
    return {
        "characters": len(text),
        "seconds": time.perf_counter() - started,
        "first_ms": 1000 * first,
        "mp3_mb": size / _MB,
        "rise_mb": highest - before,
    }


MEASURES: dict[str, Callable[[Service, argparse.Namespace], dict[str, float]]] = {
    "start": measure_start,
    "first": measure_first,
    "clients": measure_clients,
    "memory": measure_memory,
    "chapter": measure_chapter,
}

TARGETS = (
    ("start", "answers_seconds", "answers, seconds after its start, at most", 5.0, False),
    ("start", "resident_mb", "resident memory, MB, at most", 1000.0, False),
    ("first", "median_ms", "first audio, ms, at most", 150.0, False),
    ("clients", "ratio", "speech by many clients, times that of one, at least", 1.8, True),
    ("memory", "rise_mb", "memory rise over the requests, MB, at most", 30.0, False),
    ("chapter", "rise_mb", "memory rise over a chapter, MB, at most", 60.0, False),
)


def report(figures: dict[str, dict[str, float]]) -> str:
    """All figures, then the targets, as plain text."""
    lines = []
    for part, values in figures.items():
        lines.append(f"{part:8s} " + "   ".join(f"{name} {value:.4g}" for name, value in values.items()))
    lines.append("")
    for part, name, text, limit, at_least in TARGETS:
        value = figures.get(part, {}).get(name)
        if value is None:
            continue
        met = value >= limit if at_least else value <= limit
        lines.append(f"{'ok    ' if met else 'missed'}  {text} {limit:g}: {value:.4g}")
    return "\n".join(lines)


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line.

    Raises:
        CourseError: an unknown part, or a number out of range.
    """
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument(
        "--home", type=Path, metavar="DIR", help="where voice folders live (default: one made for this)"
    )
    parser.add_argument("--voice", metavar="NAME", help="with --home: which voice speaks")
    parser.add_argument("--clients", type=int, default=8, metavar="N", help="clients at once (default 8)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="syntheses at once (default 2)")
    parser.add_argument(
        "--threads", type=int, default=0, metavar="N", help="threads of each (default: cores / workers)"
    )
    parser.add_argument("--repeats", type=int, default=20, metavar="N", help="requests of one measurement (default 20)")
    parser.add_argument("--requests", type=int, default=200, metavar="N", help="requests to watch the memory over")
    parser.add_argument("--characters", type=int, default=20_000, metavar="N", help="length of the long text")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PARTS", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go")
    arguments = parser.parse_args(argv)
    arguments.only = arguments.only.split(",")
    unknown = set(arguments.only) - set(PARTS)
    if unknown:
        raise CourseError(f"there is no part {', '.join(sorted(unknown))}", hint=f"--only {','.join(PARTS)}")
    if (arguments.home is None) != (arguments.voice is None):
        raise CourseError("--home and --voice belong together", hint="--home voices --voice my-voice")
    for name in ("clients", "workers", "repeats", "requests", "characters"):
        if getattr(arguments, name) < 1:
            raise CourseError(f"--{name} {getattr(arguments, name)} is below 1", hint=f"--{name} 8")
    return arguments


def main(argv: list[str] | None = None) -> int:
    arguments = parse(argv)
    busy = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    print("starting the service", flush=True)
    with tempfile.TemporaryDirectory() as place, serving(arguments, Path(place)) as service:
        figures = {}
        for part in arguments.only:
            print(f"measuring: {part}", flush=True)
            figures[part] = MEASURES[part](service, arguments)
    print(report(figures))
    if busy is not None and busy > 0.5:
        print(f"\nNOTE: {busy} other programs wanted a processor when this began; times by the clock are worth little.")
    record = {"workers": arguments.workers, "clients": arguments.clients, "load_before": busy, "figures": figures}
    write_json_atomic(arguments.json or Path(__file__).with_name("outputs") / "api_load.json", record)
    return 0


if __name__ == "__main__":
    run_main(main)
