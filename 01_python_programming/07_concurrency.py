"""Threads, processes and asyncio on one job: the pitch of eight clips. Which helps depends on what the job waits for.

What you will learn
    - what the GIL is: one thread at a time may run Python code, so loops gain nothing from threads
    - what threads are good for all the same: waiting, and libraries that let go of the GIL (NumPy's FFT does)
    - processes: real parallel Python, at the price of starting them and of copying what they are given
    - asyncio: thousands of waits in one thread, and a standstill as soon as one of them computes
    - code that works on Windows and macOS too, where a process starts with nothing ("spawn")
How to run it
    python 07_concurrency.py --quick     short measurements, about 8 s
    python 07_concurrency.py             longer ones, steadier ratios, about 12 s
Time and memory on 2 CPU cores: quick 8 s, full 12 s; 0.2 GB, and 0.1 GB for each process.
Writes outputs/: pitch_clips/, concurrency.png
Concepts: PYTHON_CONCEPTS_EXPLAINED.md (threads and processes, asyncio)
"""

import asyncio
import multiprocessing
import os
import time
from argparse import Namespace
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from statistics import median
from threading import Thread

import numpy as np
from py_utils import BLUE, GREEN, GREY, ORANGE, SAMPLE_RATE, hum, read_wav, save_figure, subplots, write_wav

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings. Letters of shapes: N windows, W samples of a window, L lags

CLIPS = 8
PROCESSES = 2  # more than the machine has cores gains nothing; 2 shows the effect on any machine
WINDOW = 1440  # samples, 60 ms: five periods of the lowest voice here
LOWEST, HIGHEST = 80.0, 300.0  # Hz, pitches looked for
LOOP_WINDOWS = 3  # windows a clip for the Python loop: 220 lags of 1,250 products each
HOP = 60  # samples between the windows for NumPy: 2.5 ms, to give it enough to do
WAIT = 0.1  # seconds one answer of the pretended service takes

SHORTEST, LONGEST = int(SAMPLE_RATE / HIGHEST), int(SAMPLE_RATE / LOWEST)  # lags in samples: one period of each pitch

# ----------------------------------------------------------------------------------------------------------------------
# 1. the job, three times. Each takes a path and gives a pitch in Hz. They stand at the top level of the file, because
# another process finds a function by its name: a lambda, or a function inside a function, it would not find


def loud_windows(path: str, hop: int) -> np.ndarray:
    """Return the windows of a clip in which the voice sounds, [N, W]."""
    waveform, _ = read_wav(path)
    windows = np.lib.stride_tricks.sliding_window_view(waveform, WINDOW)[::hop]
    power = np.square(windows).mean(axis=1)  # [N]
    return windows[power > 0.5 * power.max()]


def pitch_by_loop(path: str) -> float:
    """Find the pitch with loops in Python: the shift at which the sound looks most like itself is one period."""
    pitches = []
    windows = loud_windows(path, hop=WINDOW)[:LOOP_WINDOWS]
    for window in windows.tolist():
        best_lag, best = 0, 0.0
        for lag in range(SHORTEST, LONGEST):
            likeness = sum(a * b for a, b in zip(window, window[lag:], strict=False))  # zip stops with the shorter
            if likeness > best:
                best_lag, best = lag, likeness
        pitches.append(SAMPLE_RATE / best_lag)
    return median(pitches)


def pitch_by_numpy(path: str) -> float:
    """Find the same pitch with NumPy, in many more windows: the likeness at all lags comes from one FFT there and back.

    (Wiener-Khinchin: the autocorrelation is the inverse transform of the power spectrum.)
    """
    windows = loud_windows(path, HOP)  # [N, W]
    spectrum = np.fft.rfft(windows, 2 * WINDOW, axis=1)  # [N, W + 1]; padded, so that the end does not wrap round
    likeness = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, SHORTEST:LONGEST]  # [N, L]
    return float(np.median(SAMPLE_RATE / (SHORTEST + likeness.argmax(axis=1))))


def pitch_by_service(path: str) -> float:
    """Ask a service on another machine, or so we pretend: sleeping and waiting for a network look alike to Python."""
    time.sleep(WAIT)
    return pitch_in_name(path)


async def pitch_by_service_async(path: str) -> float:
    """The same for asyncio. `await` means: I wait here, let the others go on."""
    await asyncio.sleep(WAIT)  # concept: asyncio
    return pitch_in_name(path)


def pitch_in_name(path: str) -> float:
    """The clips are named after their pitch, 090.wav; that is what the pretended service knows."""
    return float(Path(path).stem)


# ----------------------------------------------------------------------------------------------------------------------
# 2. four ways to do it for all clips

Job = Callable[[str], float]


def one_by_one(job: Job, paths: list[str]) -> list[float]:
    return [job(path) for path in paths]


def with_pool(pool: Executor, job: Job, paths: list[str]) -> list[float]:
    """Hand the clips to a pool of threads or processes: the same call for both, results in the order of the paths.

    A process is sent the path, not the waveform: what goes to another process is copied byte by byte.
    """
    return list(pool.map(job, paths))  # concept: threads and processes


async def all_at_once(job: Job, paths: list[str]) -> list[float]:
    """Start a coroutine for each clip; gather waits for all of them and keeps their order."""

    async def measured(path: str) -> float:
        if job is pitch_by_service:
            return await pitch_by_service_async(path)
        return job(path)  # no await in here: nothing else gets a turn until it is done

    return await asyncio.gather(*(measured(path) for path in paths))


# ----------------------------------------------------------------------------------------------------------------------
# 3. measuring


def time_ways(ways: dict[str, Callable[[], list[float]]], rounds: int) -> tuple[dict[str, float], dict[str, list]]:
    """Time each way in turn, several rounds; return the shortest time of each, and what it found.

    In turn, because another program that runs for a while then slows all ways, not just one.
    """
    seconds = dict.fromkeys(ways, float("inf"))
    results = {}
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.perf_counter()
            results[name] = way()
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return seconds, results


def measure(paths: list[str], rounds: int) -> tuple[dict[str, dict[str, float]], dict[str, list], float]:
    """Run every job every way.

    Returns:
        (how many times as fast as one by one, by job and way; the pitches found, by job; what starting the processes
        took, as a number of clips done by loop).
    """
    spawn = multiprocessing.get_context("spawn")  # the only way on Windows, the usual one on macOS; here too, then
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIPS) as threads, ProcessPoolExecutor(PROCESSES, mp_context=spawn) as processes:
        # A spawned process imports this file anew. Without the `if __name__ == "__main__"` at the end it would run
        # main() itself, start processes of its own, and so on; Python stops that with a RuntimeError.
        list(processes.map(pitch_in_name, paths))  # a first, tiny job, so that both have started
        start_up = time.perf_counter() - started
        ratios, found, loop_seconds = {}, {}, 0.0
        for label, job in (("waiting", pitch_by_service), ("Python loop", pitch_by_loop), ("NumPy", pitch_by_numpy)):
            ways = {
                "one by one": lambda job=job: one_by_one(job, paths),  # job=job: this job, not the last of the loop
                "threads": lambda job=job: with_pool(threads, job, paths),
                "processes": lambda job=job: with_pool(processes, job, paths),
                "asyncio": lambda job=job: asyncio.run(all_at_once(job, paths)),
            }
            seconds, results = time_ways(ways, rounds)
            ratios[label] = {way: seconds["one by one"] / seconds[way] for way in ways}
            found[label] = list(results.values())
            loop_seconds = seconds["one by one"] if job is pitch_by_loop else loop_seconds
    return ratios, found, start_up / (loop_seconds / len(paths))


def turns_during(call: Callable[[], object], tries: int = 3) -> float:
    """Return how much processor time a second thread got while `call()` ran, in parts of what the call used itself.

    0: the call held the GIL from beginning to end. 1: the other thread worked just as much. Processor time, unlike
    time on the clock, does not count what other programs take, so a busy machine shows the same.
    """
    used = []

    def work() -> None:
        started = time.thread_time()  # processor time of this thread alone
        call()
        used.append(time.thread_time() - started)

    others = 0.0
    for _ in range(tries):
        worker = Thread(target=work)
        started = time.thread_time()
        worker.start()
        while worker.is_alive():  # the second thread is this one, and it is busy whenever it gets a turn
            pass
        others += time.thread_time() - started
    return others / sum(used)


def plot(ratios: dict[str, dict[str, float]], path: Path) -> None:
    """Draw the table as bars."""
    figure, axis = subplots(1, size=(8, 4))
    ways = list(next(iter(ratios.values())))
    places = np.arange(len(ratios))
    for number, (way, color) in enumerate(zip(ways, (GREY, BLUE, ORANGE, GREEN), strict=True)):
        axis.bar(places + 0.2 * (number - 1.5), [row[way] for row in ratios.values()], 0.2, label=way, color=color)
    axis.axhline(1, color="black", linewidth=0.8)
    axis.set(ylabel="times as fast as one by one", xlabel="what the job is made of", title=f"{CLIPS} clips")
    axis.set_xticks(places, list(ratios))
    axis.legend()
    save_figure(figure, path)


# ----------------------------------------------------------------------------------------------------------------------
# main


def make_clips(folder: Path, pitches: list[int]) -> list[str]:
    """Hum one sentence at several pitches; the file's name is the pitch."""
    for pitch in pitches:
        write_wav(folder / f"{pitch:03d}.wav", hum("Oh dear! Oh dear! I shall be late!", f0=pitch))
    return [str(folder / f"{pitch:03d}.wav") for pitch in pitches]


def pitch_error(found: list[list[float]], pitches: list[int]) -> float:
    """Return the largest deviation from the pitch that was hummed, in percent."""
    return 100 * float(np.abs(np.array(found) / np.array(pitches) - 1).max())  # [ways, clips] / [clips]


def main(settings: Namespace) -> dict[str, float]:
    """Find the pitch of eight clips in four ways, for three kinds of work, and print the ratios."""
    pitches = np.linspace(90, 230, CLIPS).astype(int).tolist()
    paths = make_clips(settings.out / "pitch_clips", pitches)
    print(f"{CLIPS} clips, {CLIPS} threads, {PROCESSES} processes, on {os.cpu_count()} CPU cores")
    ratios, found, start_up = measure(paths, rounds=2 if settings.quick else 4)

    print("1. Times as fast as one by one")
    print("  " + " " * 12 + "".join(f"{way:>12}" for way in ratios["waiting"]))
    for label, row in ratios.items():
        print(f"  {label:12}" + "".join(f"{ratio:12.2f}" for ratio in row.values()))
    print(f"  Starting the processes took as long as {start_up:.1f} clips by loop; it is not in the table.")
    if ratios["Python loop"]["processes"] < 1.3:
        print("  NOTE: two processes gained little, so other programs use the cores. Try again on an idle machine.")
    same = sum(result == results[0] for results in found.values() for result in results)
    print(
        f"  Loop {found['Python loop'][0][0]:.1f} Hz, NumPy {found['NumPy'][0][0]:.1f} Hz for {pitches[0]} Hz hummed;"
    )
    print(f"  {same} of {sum(map(len, found.values()))} lists of pitches equal those found one by one.")
    plot(ratios, settings.out / "concurrency.png")

    print("2. How much another thread gets done during one long call")
    numbers = np.random.default_rng(settings.seed).normal(size=1_000_000)
    as_list = numbers.tolist()
    holds, lets_go = turns_during(lambda: sorted(as_list)), turns_during(lambda: np.sort(numbers))
    print(f"  sorted(list) {holds:.2f}: it holds the GIL. np.sort(array) {lets_go:.2f}: it lets go of it.")
    return {
        "waiting_threads": ratios["waiting"]["threads"],
        "waiting_asyncio": ratios["waiting"]["asyncio"],
        "loop_threads": ratios["Python loop"]["threads"],
        "loop_processes": ratios["Python loop"]["processes"],
        "loop_asyncio": ratios["Python loop"]["asyncio"],
        "numpy_threads": ratios["NumPy"]["threads"],
        "turns_during_sorted": holds,
        "turns_during_numpy_sort": lets_go,
        "same_results": same,
        "pitch_error_percent": pitch_error([found["Python loop"][0], found["NumPy"][0]], pitches),
    }


# The ratios of the computing rows are not judged: they depend on what else uses the cores at the time.
EXPECTED = {
    "waiting_threads": Expected((4, 8.5), (4, 8.5)),  # eight waits at once; 8 would be perfect
    "waiting_asyncio": Expected((4, 8.5), (4, 8.5)),
    "turns_during_sorted": Expected((0, 0.3), (0, 0.3)),
    "turns_during_numpy_sort": Expected((0.4, 20), (0.4, 20)),
    "same_results": Expected((12, 12), (12, 12)),  # three jobs, four ways
    "pitch_error_percent": Expected((0, 8), (0, 8)),  # the hummed pitch falls by 8 % within each vowel
}

PARSER = script_parser(__doc__)

# Needed on Windows and macOS, see measure(): a started process imports this file, and must not start main() again.
if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="course quiz 01")
