"""Serve one model twice, with FastAPI and with Flask: the same verdicts, other answers to bad requests, other times.

What you will learn
    - what a service is: a process that answers, with a contract for good requests and for bad ones
    - that both frameworks give the very same verdict, because the model and its features are the same code
    - what FastAPI does by itself (schema, documentation, typed answers) and Flask lets you write
    - eight bad requests, and why each needs a status of its own instead of a crash
    - how much of a request's time is the model, and how much is everything around it
How to run it
    python 03_serve_twice.py --quick    both services, about 9 s, no network
    python 03_serve_twice.py            more requests; the first run downloads 12 MB
Time and memory on 2 CPU cores: quick 9 s, full 19 s; 0.3 GB. Without data it first makes its speech.
Writes outputs/: serving.png, service_fastapi.log, service_flask.log, models/, clips.npz (first run), stand_in/ (first
    run without data)
Concepts: MLOPS_CONCEPTS_EXPLAINED.md (model serving, training-serving skew)
"""

import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
from clip_model import KINDS, MAX_BYTES, Current, decode, features
from matplotlib.figure import Figure
from mlops_utils import (
    BLUE,
    GREY,
    HERE,
    ORANGE,
    clip_service,
    load_data,
    needs,
    percentiles,
    prepare,
    ready_models,
    save_figure,
    wav_bytes,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--requests", type=int, metavar="N", help="sent to each service, one after the other (60, full 400)"
)
FRAMEWORKS = ("fastapi", "flask")
CLIENTS = 4  # who ask at the same time, in the second measurement
WARM_UP = 5  # first requests, which are slower and say nothing

# ----------------------------------------------------------------------------------------------------------------------
# good requests


def ask(client: httpx.Client, body: bytes) -> dict:
    """Send a clip and return the verdict."""
    answer = client.post("/v1/clips", content=body, headers={"Content-Type": "audio/wav"})
    answer.raise_for_status()
    return answer.json()


def largest_difference(clients: dict[str, httpx.Client], bodies: list[bytes], current: Current) -> float:
    """Return how far the probabilities of the services are from those computed in this process."""
    worst = 0.0
    for body in bodies:
        # concept: training-serving skew
        [here] = current.model().probabilities(features(decode(body))[None])
        for client in clients.values():
            said = ask(client, body)["probabilities"]
            worst = max(worst, max(abs(said[kind] - share) for kind, share in zip(KINDS, here, strict=True)))
    return worst


# ----------------------------------------------------------------------------------------------------------------------
# bad requests


def bad_requests(good: bytes) -> dict[str, tuple[str, str, bytes]]:
    """Return (method, path, body) of eight requests that every service gets sooner or later."""
    return {
        "no body": ("POST", "/v1/clips", b""),
        "text": ("POST", "/v1/clips", b"please judge this"),
        "a header and no more": ("POST", "/v1/clips", good[:44]),
        "half a second of it cut": ("POST", "/v1/clips", good[: 44 + 24_000]),
        "0.1 s of sound": ("POST", "/v1/clips", wav_bytes(np.zeros(2400, np.float32))),
        "too many bytes": ("POST", "/v1/clips", good + bytes(MAX_BYTES)),
        "wrong address": ("POST", "/v1/clip", good),
        "wrong method": ("GET", "/v1/clips", b""),
    }


def answers_to_bad(client: httpx.Client, good: bytes) -> dict[str, tuple[int, bool]]:
    """Return for each bad request the status, and whether the body is the JSON of the contract (or a verdict)."""
    found = {}
    for name, (method, path, body) in bad_requests(good).items():
        try:
            answer = client.request(method, path, content=body)
        except httpx.TransportError as error:  # a server may close the connection on a body it does not want
            print(f"   {name}: no answer ({type(error).__name__})")
            found[name] = (0, False)
            continue
        kept = answer.headers.get("content-type", "").startswith("application/json")
        kept = kept and (answer.status_code == 200 or set(answer.json().get("error", {})) == {"code", "message"})
        found[name] = (answer.status_code, kept)
    return found


# ----------------------------------------------------------------------------------------------------------------------
# times


def one_by_one(clients: dict[str, httpx.Client], bodies: list[bytes], number: int) -> dict[str, list[float]]:
    """Return the seconds of `number` requests to each service, sent in turn, so that both meet the same machine."""
    seconds: dict[str, list[float]] = {name: [] for name in clients}
    for place in range(number + WARM_UP):
        for name, client in clients.items():
            started = time.perf_counter()
            ask(client, bodies[place % len(bodies)])
            if place >= WARM_UP:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def in_this_process(current: Current, bodies: list[bytes], number: int) -> list[float]:
    """Return the seconds of the same work without a service around it."""
    seconds = []
    for place in range(number):
        started = time.perf_counter()
        current.model().probabilities(features(decode(bodies[place % len(bodies)]))[None])
        seconds.append(time.perf_counter() - started)
    return seconds


def together(url: str, bodies: list[bytes], number: int) -> float:
    """Return the requests a second that `CLIENTS` clients get through, each on a connection of its own."""

    def work(first: int) -> None:
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            for place in range(number // CLIENTS):
                ask(client, bodies[(first + place) % len(bodies)])

    threads = [threading.Thread(target=work, args=(first,)) for first in range(CLIENTS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return number // CLIENTS * CLIENTS / (time.perf_counter() - started)


def plot(alone: list[float], seconds: dict[str, list[float]], path: Path) -> None:
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for name, values, colour in (
        ("no service", alone, GREY),
        *((name, seconds[name], colour) for name, colour in zip(FRAMEWORKS, (BLUE, ORANGE), strict=True)),
    ):
        ordered = np.sort(values) * 1000
        axes.plot(ordered, np.arange(1, len(ordered) + 1) / len(ordered), color=colour, label=name)
    axes.set(xscale="log", xlabel="time until the answer (ms)", ylabel="share of requests answered by then")
    axes.set(title="one request after the other")
    axes.legend()
    save_figure(figure, path)
    print("serving.png: the further right, the slower; the gap to 'no service' is what serving costs")


def main(settings) -> dict:
    prepare(settings)
    needs("flask")
    data = load_data(settings)
    number = settings.requests or (60 if settings.quick else 400)
    if number < CLIENTS:
        raise CourseError(
            f"--requests {number} is less than one for each client.", hint=f"try --requests {10 * CLIENTS}"
        )
    models = ready_models(settings, data)
    current = Current(models)
    bodies = [wav_bytes(sound) for sound in data.sounds]
    lines = {name: len((HERE / file).read_text(encoding="utf-8").splitlines())
             for name, file in zip(FRAMEWORKS, ("clip_service.py", "clip_service_flask.py"), strict=True)}  # fmt: skip
    with (
        clip_service(models, settings.out / "service_fastapi.log") as first,
        clip_service(models, settings.out / "service_flask.log", "flask") as second,
    ):
        urls = dict(zip(FRAMEWORKS, (first.url, second.url), strict=True))
        clients = {name: httpx.Client(base_url=url, trust_env=False, timeout=60) for name, url in urls.items()}
        # concept: model serving
        verdict = ask(clients["fastapi"], bodies[0])
        print(f"\nA clip goes in, a verdict comes out: {verdict['kind']}, {verdict['probability']:.2f} sure, "
              f"by model {verdict['model_version']}")  # fmt: skip
        difference = largest_difference(clients, bodies[:: max(1, len(bodies) // 25)], current)
        print(f"25 clips: both services and this process agree to {difference:.0e}")

        print(f"\n{'a bad request':<26}" + "".join(f"{name:>20}" for name in FRAMEWORKS))
        answers = {name: answers_to_bad(client, bodies[0]) for name, client in clients.items()}
        for name in bad_requests(bodies[0]):
            cells = (f"{status} {'as agreed' if kept else 'another form'}" for status, kept in
                     (answers[framework][name] for framework in FRAMEWORKS))  # fmt: skip
            print(f"{name:<26}" + "".join(f"{cell:>20}" for cell in cells))
        crashes = sum(status >= 500 for found in answers.values() for status, _ in found.values())
        kept = {name: sum(agreed for _, agreed in found.values()) for name, found in answers.items()}
        print(
            "FastAPI's own 404 and 405 have another form, {detail: ...}; Flask's are pages of HTML unless one writes a"
        )
        print("handler, as the twin does. The capstone's service answers all of them in one form.")
        described = {name: client.get("/openapi.json").status_code == 200 for name, client in clients.items()}
        print(f"Describes itself (/openapi.json, /docs): {described}; lines of the file: {lines}")

        alone = in_this_process(current, bodies, number)
        seconds = one_by_one(clients, bodies, number)
        print(f"\n{number} requests, in turn{'p50':>16}{'p95':>9}{'p99':>9} ms")
        for name, values in (("no service", alone), *seconds.items()):
            print(f"   {name:<29}" + "".join(f"{value:9.1f}" for value in percentiles(values)))
        rates = {name: together(url, bodies, number) for name, url in urls.items()}
        print(f"{CLIENTS} clients at once: " + ", ".join(f"{name} {rate:.0f} a second" for name, rate in rates.items()))
        for client in clients.values():
            client.close()
    plot(alone, seconds, settings.out / "serving.png")
    model_share = float(np.median(alone) / np.median(seconds["fastapi"]))
    print(f"The model and its features are {model_share:.0%} of FastAPI's time for a request.")
    kinds = Counter(KINDS[label] for label in data.test[1])
    return {
        "clips": sum(kinds.values()),
        "largest_difference": difference,
        "crashes": crashes,
        "fastapi_as_agreed": kept["fastapi"],
        "flask_as_agreed": kept["flask"],
        "describes_itself": described["fastapi"] - described["flask"],
        "model_share_of_request": model_share,
        "flask_time_of_fastapi": float(np.median(seconds["flask"]) / np.median(seconds["fastapi"])),
        "processes_left": sum(server.process.poll() is None for server in (first, second)),
    }


# The two times are measured, not expected: on a busy machine they say more about the machine.
EXPECTED = {
    "clips": Expected(quick=(40, 400), full=(200, 900)),
    "largest_difference": Expected(quick=(0, 1e-9), full=(0, 1e-9)),
    "crashes": Expected(quick=(0, 0), full=(0, 0)),
    "fastapi_as_agreed": Expected(quick=(6, 6), full=(6, 6)),
    "flask_as_agreed": Expected(quick=(7, 8), full=(7, 8)),
    "describes_itself": Expected(quick=(1, 1), full=(1, 1)),
    "processes_left": Expected(quick=(0, 0), full=(0, 0)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_load_and_profile.py")
