"""Load a service until it bends, find out where, and where its time goes: two kinds of load, and a profile.

What you will learn
    - closed and open load: clients that wait for their answer, and users who come whether or not you are ready
    - Little's law: how many are inside = how many come a second * how long they stay; it held here within a few percent
    - the knee: beyond it, more clients bring more waiting and no more answers
    - coordinated omission: a test that waits politely measures a quarter of the waiting or less
    - a profile: which line takes the time, and what becoming quicker there is worth to the whole
How to run it
    python 04_load_and_profile.py --quick    about 16 s, no network
    python 04_load_and_profile.py            longer measurements; the first run downloads 12 MB
Time and memory on 2 CPU cores: quick 16 s, full 64 s; 0.5 GB. Without data it first makes its speech.
Writes outputs/: load.png, service_load.log, profile.txt, models/, clips.npz (first run), stand_in/ (first run without
    data)
Concepts: MLOPS_CONCEPTS_EXPLAINED.md (latency percentiles, load testing, profiling)
"""

import asyncio
import cProfile
import io
import pstats
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
from clip_model import Current, decode, features
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from mlops_utils import (
    BLUE,
    GREY,
    ORANGE,
    PURPLE,
    clip_service,
    load_data,
    percentiles,
    prepare,
    ready_models,
    save_figure,
    wav_bytes,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import write_text_atomic

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--seconds", type=float, metavar="S", help="of each measurement (0.8, full 4)")
CLIENTS = (1, 2, 4, 8)  # of the closed load
SHARES = (0.4, 0.8, 1.5)  # of what the service can do, for the open load; the last one is too much on purpose
PROFILED = 150  # clips judged in this process under the profiler

# ----------------------------------------------------------------------------------------------------------------------
# two kinds of load


@dataclass(frozen=True)
class Load:
    """What was measured.

    Attributes:
        rate: Answers a second.
        from_sending: Seconds from sending a request to its answer.
        from_arrival: Seconds from the moment it should have been sent; the same for closed load.
    """

    rate: float
    from_sending: list[float]
    from_arrival: list[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.from_sending))


async def closed(client: httpx.AsyncClient, bodies: list[bytes], clients: int, seconds: float) -> Load:
    """`clients` ask again and again, each waiting for its answer: what a batch job does."""
    times: list[float] = []
    end = time.perf_counter() + seconds

    async def one(first: int) -> None:
        place = first
        while time.perf_counter() < end:
            sent = time.perf_counter()
            (await client.post("/v1/clips", content=bodies[place % len(bodies)])).raise_for_status()
            times.append(time.perf_counter() - sent)
            place += clients

    started = time.perf_counter()
    await asyncio.gather(*(one(first) for first in range(clients)))
    return Load(len(times) / (time.perf_counter() - started), times, times)


async def opened(
    client: httpx.AsyncClient, bodies: list[bytes], rate: float, seconds: float, random: np.random.Generator
) -> Load:
    """Requests arrive by chance, `rate` a second on average, whether or not the earlier ones are answered: users.

    Of each, two times are kept. From the sending, as a tool measures that never looks up. And from the moment the user
    came: if the tool itself is late in sending, the user has been waiting all the same.
    """
    gaps = random.exponential(1 / rate, max(4, round(rate * seconds)))  # seconds between arrivals, a Poisson process
    # concept: load testing
    start = time.perf_counter()
    sending, arrival = [], []

    async def one(due: float, body: bytes) -> None:
        sent = time.perf_counter()
        (await client.post("/v1/clips", content=body)).raise_for_status()
        now = time.perf_counter()
        sending.append(now - sent)
        arrival.append(now - due)

    tasks = []
    for place, due in enumerate(start + np.cumsum(gaps)):
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(due, bodies[place % len(bodies)])))
    await asyncio.gather(*tasks)
    return Load(len(sending) / (time.perf_counter() - start), sending, arrival)


async def polite(
    client: httpx.AsyncClient, bodies: list[bytes], rate: float, seconds: float, random: np.random.Generator
) -> Load:
    """The same arrivals sent by one tool that waits for each answer before it sends the next one.

    When the service is slow, the tool sends less: it spares the service exactly when the service is in trouble, and
    measures from the sending, so that the waiting of those who could not be sent is never written down.
    """
    start = time.perf_counter()
    sending, arrival = [], []
    for place, due in enumerate(start + np.cumsum(random.exponential(1 / rate, max(4, round(rate * seconds))))):
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        sent = time.perf_counter()
        (await client.post("/v1/clips", content=bodies[place % len(bodies)])).raise_for_status()
        sending.append(time.perf_counter() - sent)
        arrival.append(time.perf_counter() - due)
    return Load(len(sending) / (time.perf_counter() - start), sending, arrival)


async def measure(
    url: str, bodies: list[bytes], seconds: float, random: np.random.Generator
) -> tuple[dict, dict, Load]:
    """Return the closed loads by number of clients, the open loads by share of the capacity, and the polite one."""
    limits = httpx.Limits(max_connections=None)  # the default of 100 would queue in the client, unseen
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits, trust_env=False) as client:
        await closed(client, bodies, 2, seconds / 4)  # warm up
        by_clients = {number: await closed(client, bodies, number, seconds) for number in CLIENTS}
        capacity = max(load.rate for load in by_clients.values())
        by_share = {share: await opened(client, bodies, share * capacity, seconds, random) for share in SHARES}
        return by_clients, by_share, await polite(client, bodies, SHARES[-1] * capacity, seconds, random)


# ----------------------------------------------------------------------------------------------------------------------
# where the time goes


def profile(current: Current, bodies: list[bytes], path: Path) -> list[tuple[str, float]]:
    """Judge clips under the profiler; return (function, share of all own time), the most expensive first."""
    # concept: profiling
    watch = cProfile.Profile()
    watch.enable()
    for place in range(PROFILED):
        current.model().probabilities(features(decode(bodies[place % len(bodies)]))[None])
    watch.disable()
    text = io.StringIO()
    stats = pstats.Stats(watch, stream=text).sort_stats("tottime")
    stats.print_stats(25)
    write_text_atomic(path, "\n".join(line.rstrip() for line in text.getvalue().splitlines() if "/" not in line[:30]))
    total = sum(own for _, _, own, _, _ in stats.stats.values())
    rows = sorted(((own / total, where) for where, (_, _, own, _, _) in stats.stats.items()), reverse=True)
    return [(f"{Path(file).name}:{name}" if file != "~" else name, share) for share, (file, _, name) in rows[:6]]


def stages(current: Current, bodies: list[bytes]) -> dict[str, float]:
    """Return the median milliseconds of the four stages of a verdict, measured without the profiler's own cost."""
    rows = []
    for body in bodies[:60]:
        marks = [time.perf_counter()]
        waveform = decode(body)
        marks.append(time.perf_counter())
        spectrum = np.fft.rfft(waveform)
        marks.append(time.perf_counter())
        numbers = features(waveform)
        marks.append(time.perf_counter())
        current.model().probabilities(numbers[None])
        marks.append(time.perf_counter())
        assert len(spectrum)
        rows.append(np.diff(marks))
    decoded, transform, all_features, network = np.median(rows, axis=0) * 1000
    rest = max(0.0, all_features - transform)
    return {"decode": decoded, "transform in features": transform, "rest of features": rest, "network": network}


def plot(by_clients: dict[int, Load], by_share: dict[float, Load], polite_load: Load, parts: dict, path: Path) -> None:
    figure = Figure(figsize=(13, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    rates = [load.rate for load in by_clients.values()]
    left.plot(list(by_clients), rates, "o-", color=BLUE)
    left.set(xlabel="clients that wait for their answer", ylabel="answers a second", ylim=(0, 1.15 * max(rates)))
    twin = left.twinx()
    twin.plot(list(by_clients), [1000 * load.mean for load in by_clients.values()], "s--", color=ORANGE)
    twin.set_ylabel("mean time (ms), dashed", color=ORANGE)
    left.set_title("closed load")
    colours = dict(zip(SHARES, (GREY, BLUE, ORANGE), strict=True))
    for share, load in by_share.items():
        draw(middle, load.from_arrival, colours[share], f"users, {share:.0%} of capacity", "-")
    draw(middle, polite_load.from_sending, PURPLE, f"polite tool, {SHARES[-1]:.0%}", "--")
    middle.set(xscale="log", xlabel="time until the answer (ms)", ylabel="share answered by then", title="open load")
    middle.xaxis.set_minor_formatter(NullFormatter())
    middle.legend(fontsize=7)
    right.barh(list(parts)[::-1], list(parts.values())[::-1], color=BLUE)
    right.set(xlabel="median time of a clip (ms)", title="inside a verdict")
    save_figure(figure, path)
    print("load.png: left, the knee; middle, what users feel beside what a polite tool reports; right, the four stages")


def draw(axes, seconds: list[float], colour: str, label: str, style: str) -> None:
    ordered = np.sort(seconds) * 1000
    axes.plot(ordered, np.arange(1, len(ordered) + 1) / len(ordered), style, color=colour, label=label)


def main(settings) -> dict:
    random = prepare(settings)
    seconds = settings.seconds if settings.seconds is not None else (0.8 if settings.quick else 4.0)
    if seconds < 0.2:
        raise CourseError(f"--seconds {seconds} is too short to measure anything.", hint="try --seconds 0.8")
    data = load_data(settings)
    models = ready_models(settings, data)
    bodies = [wav_bytes(sound) for sound in data.sounds]
    with clip_service(models, settings.out / "service_load.log") as server:
        by_clients, by_share, polite_load = asyncio.run(measure(server.url, bodies, seconds, random))

    print("\nClosed load: each client waits for its answer, then asks again")
    print(f"{'clients':>10}{'a second':>12}{'mean':>9}{'p50':>8}{'p95':>8}{'p99':>8} ms   rate * mean (Little's law)")
    little = []
    for number, load in by_clients.items():
        inside = load.rate * load.mean  # answers a second * seconds = how many are inside at a time
        little.append(inside / number)
        cells = "".join(f"{value:8.1f}" for value in percentiles(load.from_sending))
        print(f"{number:>10}{load.rate:>12.0f}{1000 * load.mean:>9.1f}{cells}      {inside:.2f}")
    print("\nOpen load: users come by chance, and do not care how busy the service is")
    print(f"{'share':>10}{'a second':>12}{'':>9}{'p50':>8}{'p95':>8}{'p99':>8} ms")
    for share, load in by_share.items():
        cells = "".join(f"{value:8.1f}" for value in percentiles(load.from_arrival))
        print(f"{share:>10.0%}{load.rate:>12.0f}{'':>9}{cells}")
    # concept: latency percentiles
    users, tool = (percentiles(times)[1] for times in (polite_load.from_arrival, polite_load.from_sending))
    print(
        f"   the last line by a polite tool: it reports a p95 of {tool:.1f} ms, while its users waited {users:.1f} ms"
    )
    print("   Nothing was refused: the line just grows. The capstone's service has a limit, and answers 429 beyond it.")

    current = Current(models)
    top = profile(current, bodies, settings.out / "profile.txt")
    parts = stages(current, bodies)
    print(f"\nProfile of {PROFILED} verdicts in this process (profile.txt has 25 lines)")
    for name, share in top:
        print(f"   {share:6.1%} {name}")
    whole = sum(parts.values())
    heaviest = max(parts, key=parts.__getitem__)
    print("Stages: " + ", ".join(f"{name} {value:.2f} ms" for name, value in parts.items()))
    gain = whole / (whole - parts[heaviest] / 2)
    print(
        f"   {heaviest} is {parts[heaviest] / whole:.0%}. Twice as quick there, a verdict is {gain:.2f} times as quick"
    )
    print(f"   (Amdahl); the network is {parts['network'] / whole:.0%}: a quicker network would be felt by nobody.")
    plot(by_clients, by_share, polite_load, parts, settings.out / "load.png")
    return {
        "little_worst": max(little, key=lambda value: abs(value - 1)),
        "answers_at_8_of_answers_at_1": by_clients[8].rate / by_clients[1].rate,
        "time_at_8_of_time_at_1": by_clients[8].mean / by_clients[1].mean,
        "overload_p95_of_light_p95": percentiles(by_share[1.5].from_arrival)[1]
        / percentiles(by_share[0.4].from_arrival)[1],
        "users_wait_of_reported": users / tool,
        "network_share_of_verdict": parts["network"] / whole,
        "requests": sum(len(load.from_sending) for load in by_clients.values()),
    }


# Ratios of things measured side by side; a busy machine widens them, and does not turn them round.
EXPECTED = {
    "little_worst": Expected(quick=(0.6, 1.1), full=(0.85, 1.05)),
    "time_at_8_of_time_at_1": Expected(quick=(1.5, 100), full=(2, 60)),
    "users_wait_of_reported": Expected(quick=(1.5, 5000), full=(3, 20000)),
    "network_share_of_verdict": Expected(quick=(0, 0.4), full=(0, 0.25)),
    "requests": Expected(quick=(20, 20000), full=(200, 100000)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_monitor_and_drift.py")
