"""How fast recordings become clips: step 2 against two plain single-threaded librosa loops, side by side in one run.

Run:
    python benchmarks/preparation.py [--data DIR] [--seconds N] [--rounds N] [--workers N]

DIR holds recordings in any format; without it synthetic speech is made. Three ways prepare the same files in turn, as
often as --rounds says, and the best round of each counts:

    step 2       `preprocess` of a whole voice folder without listening: hash, decode, mono, resample to 24 kHz, find
                 speech, trim, loudness, true peak, clipping, SNR, rules, 16-bit WAV, ledger, page
    bare loop    librosa.load at 24 kHz, librosa.effects.trim (by energy), loudness by pyloudnorm, 16-bit WAV; it
                 measures nothing else and cannot tell speech from noise
    same work    a plain loop that measures what step 2 measures: speech by Silero as its README shows it, true peak of
                 the whole curve, clipping, SNR

Ratios only: seconds depend on the machine and on its other work. CPU seconds are less disturbed by that.
Writes: nothing (a temporary folder).
Time: a minute on 2 idle CPU cores.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from coursekit.cli import ScriptParser, run_main
from coursekit.errors import CourseError
from voice_pipeline.audio import AudioError, decode, write_wav
from voice_pipeline.preprocessing import preprocess
from voice_pipeline.recording import NOT_AUDIO, import_folder
from voice_pipeline.settings import AUDIO
from voice_pipeline.voice_folder import VoiceFolder


@dataclass
class Timing:
    """Best round of one way, seconds."""

    wall: float = float("inf")
    cpu: float = float("inf")

    def take(self, work: Callable[[], Any]) -> None:
        """Run `work` once; keep the smaller times."""
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        self.wall = min(self.wall, time.perf_counter() - wall)
        self.cpu = min(self.cpu, time.process_time() - cpu)


def main(argv: list[str] | None = None) -> int:
    parser = ScriptParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("--data", type=Path, metavar="DIR", help="recordings to prepare (default: synthetic speech)")
    parser.add_argument("--seconds", type=float, default=600.0, metavar="N", help="sound to prepare (default 600)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="how often each way is run (default 3)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="threads of step 2 (default 2)")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as place:
        files, seconds = gather(arguments.data, arguments.seconds, Path(place) / "given")
        print(f"{len(files)} files, {seconds:.0f} s of sound, {arguments.workers} workers, {os.cpu_count()} cores")
        timings = compare(files, Path(place), arguments.rounds, arguments.workers)
    print(table(timings, seconds))
    return 0


def gather(data: Path | None, seconds: float, place: Path) -> tuple[list[Path], float]:
    """Files in one folder with a metadata.csv: copies from `data`, or synthetic ones. Returns (files, their seconds).

    Raises:
        CourseError: `data` holds no recordings.
    """
    place.mkdir()
    files: list[Path] = []
    total = 0.0
    for path in sorted(data.expanduser().rglob("*")) if data else ():
        if total >= seconds or not path.is_file() or path.suffix.lower() in NOT_AUDIO:
            continue
        try:
            total += decode(path).duration
        except AudioError:
            continue
        files.append(Path(shutil.copy(path, place / f"{len(files):05d}{path.suffix}")))
    if data and not files:
        raise CourseError(f"{data} holds no recordings", hint="leave out --data for synthetic speech")
    while not data and total < seconds:
        files.append(place / f"{len(files):05d}.wav")
        waveform = babble(len(files))
        write_wav(files[-1], waveform, 44_100)
        total += len(waveform) / 44_100
    (place / "metadata.csv").write_text("".join(f"{path.stem}|{path.stem} {'word ' * 10}\n" for path in files))
    return files, total


def babble(seed: int) -> np.ndarray:
    """3 to 9 s at 44,100 Hz that a detector takes for speech: pulses through moving resonances, with pauses."""
    from scipy import signal

    random = np.random.default_rng(seed)
    parts = [np.zeros(13_000)]
    for _ in range(int(random.integers(15, 50))):
        samples = int(random.uniform(0.1, 0.25) * 44_100)
        pulses = np.zeros(samples)
        pulses[:: int(44_100 / random.uniform(95, 180))] = 1.0
        for centre in random.uniform([250, 900, 2_200], [800, 2_200, 3_100]):
            turn = np.exp(-np.pi * 90 / 44_100)
            pulses = signal.lfilter([1.0], [1.0, -2 * turn * np.cos(2 * np.pi * centre / 44_100), turn**2], pulses)
        parts.append(0.3 * pulses / np.abs(pulses).max() * np.hanning(samples) ** 0.4)
    parts.append(np.zeros(13_000))
    whole = np.concatenate(parts)
    return (whole + 1e-4 * random.normal(size=len(whole))).astype(np.float32)


def compare(files: list[Path], place: Path, rounds: int, workers: int) -> dict[str, Timing]:
    """Time the ways in turn, after each has prepared one file to load what it needs."""
    voice = VoiceFolder(place / "home", "speed")
    import_folder(voice, files[0].parent, listen=None)
    out = place / "plain"
    out.mkdir()

    def step_2() -> None:
        shutil.rmtree(voice.clips)
        voice.ledger.unlink(missing_ok=True)
        result = preprocess(voice.create(), workers=workers, allow_few=True)
        if result.processed != len(files):
            raise CourseError("not all files were prepared anew", hint="report this")

    ways: dict[str, Callable[[], None]] = {
        "step 2": step_2,
        "bare loop": lambda: [bare_loop(path, out) for path in files] and None,
        "same work": lambda: [same_work(path, out) for path in files] and None,
    }
    step_2()
    bare_loop(files[0], out)
    same_work(files[0], out)
    timings = {name: Timing() for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            timings[name].take(work)
    return timings


def bare_loop(path: Path, out: Path) -> None:
    """What a tutorial does."""
    import librosa
    import pyloudnorm

    waveform, rate = librosa.load(path, sr=AUDIO.sample_rate, mono=True)
    waveform, _ = librosa.effects.trim(waveform, top_db=30)
    loudness = pyloudnorm.Meter(rate).integrated_loudness(waveform)
    waveform = pyloudnorm.normalize.loudness(waveform, loudness, AUDIO.loudness)
    soundfile.write(out / f"{path.stem}.wav", waveform, rate, subtype="PCM_16")


def same_work(path: Path, out: Path) -> dict[str, Any]:
    """A plain loop that measures what the ledger holds; every call as its library's documentation shows it."""
    import librosa
    import pyloudnorm
    import torch
    from silero_vad import get_speech_timestamps

    given, source_rate = librosa.load(path, sr=None, mono=True)
    heard = librosa.resample(given, orig_sr=source_rate, target_sr=16_000)
    stamps = get_speech_timestamps(torch.from_numpy(heard), silero(), sampling_rate=16_000)
    waveform = librosa.resample(given, orig_sr=source_rate, target_sr=AUDIO.sample_rate)
    if stamps:
        margin = round(0.1 * AUDIO.sample_rate)
        first, last = (round(stamp / 16_000 * AUDIO.sample_rate) for stamp in (stamps[0]["start"], stamps[-1]["end"]))
        waveform = waveform[max(0, first - margin) : last + margin]
    loudness = pyloudnorm.Meter(AUDIO.sample_rate).integrated_loudness(waveform)
    waveform = pyloudnorm.normalize.loudness(waveform, loudness, AUDIO.loudness)
    soundfile.write(out / f"{path.stem}.wav", waveform, AUDIO.sample_rate, subtype="PCM_16")
    peak = np.abs(given).max()
    power = librosa.feature.rms(y=given)[0] ** 2
    return {
        "true_peak": np.abs(librosa.resample(given, orig_sr=source_rate, target_sr=192_000)).max(),
        "clipped": np.mean(np.abs(given) >= 0.98 * peak),
        "snr": 10 * np.log10(power.mean() / max(np.percentile(power, 5), 1e-12)),
        "pauses": [later["start"] - stamp["end"] for stamp, later in zip(stamps, stamps[1:], strict=False)],
    }


_SILERO: list[Any] = []


def silero() -> Any:
    """The detector as its README loads it, once."""
    import torch
    from silero_vad import load_silero_vad

    if not _SILERO:
        torch.set_num_threads(1)
        _SILERO.append(load_silero_vad())
    return _SILERO[0]


def table(timings: dict[str, Timing], seconds: float) -> str:
    """The ratios, plain ASCII."""
    ours = timings["step 2"]
    lines = ["way          x real time   x real time of one core   step 2 is so many times as fast (by CPU seconds)"]
    for name, timing in timings.items():
        compared = "" if timing is ours else f"{timing.wall / ours.wall:26.1f} ({timing.cpu / ours.cpu:.1f})"
        lines.append(f"{name:10}   {seconds / timing.wall:11.0f}   {seconds / timing.cpu:23.0f}{compared}")
    return "\n".join(lines)


if __name__ == "__main__":
    run_main(main)
