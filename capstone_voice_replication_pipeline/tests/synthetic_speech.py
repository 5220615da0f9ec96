"""Sound that a voice activity detector takes for speech: pulses through vowel formants, consonants between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

FORMANTS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
BANDWIDTHS = (80, 100, 140)
TEXT = "the small dog ran home over the hill and found "


def speech(
    seconds: float,
    *,
    sample_rate: int = 24_000,
    seed: int = 0,
    f0: float = 120.0,
    margin: float = 0.4,
    noise: float = 1e-4,
) -> np.ndarray:
    """float32 `[samples]`: `seconds` of babble between two margins of faint noise."""
    random = np.random.default_rng(seed)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * sample_rate:
        if random.random() < 0.5:
            parts.append(_consonant(random, sample_rate))
        parts.append(_vowel(random, sample_rate, f0 * random.uniform(0.85, 1.2)))
    voice = 0.4 * np.concatenate(parts)[: int(seconds * sample_rate)]
    silence = np.zeros(int(margin * sample_rate))
    whole = np.concatenate([silence, voice, silence])
    return (whole + noise * random.normal(size=len(whole))).astype(np.float32)


def text_for(seconds: float) -> str:
    """A text that takes about this long to read."""
    return (TEXT * 20)[: int(14 * seconds)].strip()


def write_takes(folder: Path, durations: list[float], *, sample_rate: int = 24_000) -> list[Path]:
    """Write one take for each duration, with a metadata.csv of different texts; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths, rows = [], []
    for number, seconds in enumerate(durations):
        path = folder / f"take_{number:02d}.wav"
        soundfile.write(path, speech(seconds, sample_rate=sample_rate, seed=number), sample_rate)
        rows.append(f"{path.stem}|{number} {text_for(seconds)}\n")
        paths.append(path)
    (folder / "metadata.csv").write_text("".join(rows), encoding="utf-8")
    return paths


def _vowel(random: np.random.Generator, sample_rate: int, f0: float) -> np.ndarray:
    samples = int(sample_rate * random.uniform(0.12, 0.22))
    times = np.arange(samples) / sample_rate
    phase = np.cumsum(f0 * (1 + 0.08 * np.sin(2 * np.pi * 3 * times + random.uniform(0, 6)))) / sample_rate
    sound = (np.diff(np.floor(phase), prepend=0) > 0) + 0.01 * random.normal(size=samples)
    sound = signal.lfilter([1], [1, -0.95], sound)
    for centre, bandwidth in zip(FORMANTS[random.integers(len(FORMANTS))], BANDWIDTHS, strict=True):
        radius = np.exp(-np.pi * bandwidth / sample_rate)
        turn = 2 * radius * np.cos(2 * np.pi * centre / sample_rate)
        sound = signal.lfilter([1 - turn + radius**2], [1, -turn, radius**2], sound)
    sound = sound * np.hanning(samples) ** 0.4
    return sound / np.abs(sound).max()


def _consonant(random: np.random.Generator, sample_rate: int) -> np.ndarray:
    samples = int(sample_rate * random.uniform(0.05, 0.09))
    band = signal.butter(2, [2500, min(9000, 0.45 * sample_rate)], "bandpass", fs=sample_rate, output="sos")
    sound = signal.sosfilt(band, random.normal(size=samples)) * np.hanning(samples)
    return 0.25 * sound / np.abs(sound).max()
