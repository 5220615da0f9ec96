"""What the scripts of this module share: speech to work on, levels, frames, noise of a known strength, plots.

Letters used in shapes: S samples, N frames, F frequencies. Every audio number that the whole course shares (sample
rate, hop, mel bins) comes from `AUDIO`, the settings object of the capstone.
"""

from __future__ import annotations

import functools
import hashlib
import math
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from matplotlib.figure import Figure

import voice_pipeline
from coursekit.data import DataUnavailable, fetch
from coursekit.errors import CourseError
from coursekit.files import atomic_path, sha256_file
from voice_pipeline.audio import write_wav  # mono 16-bit WAV, whole or absent
from voice_pipeline.errors import PipelineError
from voice_pipeline.measurements import decibels  # amplitude 0..1 to dB relative to full scale, at least -120
from voice_pipeline.settings import AUDIO

__all__ = ["AUDIO", "decibels", "write_wav"]  # passed on to the scripts; the rest is defined below

SAMPLE_RATE = AUDIO.sample_rate  # Hz, 24,000: the rate of the whole course
QUIETEST_DB = -120.0  # dB written for digital silence, because log10(0) does not exist
ACTIVE_RANGE_DB = 30.0  # a frame is speech when it is at most this much below the loud frames of its clip

# Okabe and Ito's colours: told apart with every common kind of colour blindness
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"

# ----------------------------------------------------------------------------------------------------------------------
# what every script does first


def prepare(settings: Namespace) -> np.random.Generator:
    """Say where the numbers are computed and why; return the one generator of random numbers.

    Raises:
        CourseError: `--device cuda` or `mps`, which the libraries of this module cannot use.
    """
    if settings.device in ("cuda", "mps"):
        raise CourseError(
            f"--device {settings.device} cannot be used: librosa, SciPy and Silero's small model compute on the CPU.",
            hint="leave --device out",
        )
    print("device cpu, dtype float32: NumPy, SciPy and librosa have no GPU version, and clips are short")
    return np.random.default_rng(settings.seed)


@contextmanager
def as_course_error() -> Iterator[None]:
    """Give the capstone's refusals the form that the lesson scripts print."""
    try:
        yield
    except PipelineError as error:
        raise CourseError(str(error), hint=error.hint) from error


# ----------------------------------------------------------------------------------------------------------------------
# speech to work on: real recordings where they are at hand, else a synthetic voice


@dataclass(frozen=True)
class Clip:
    """One recording.

    Attributes:
        name: What to call it.
        speaker: Who speaks.
        waveform: float32 `[S]`, -1..1.
        sample_rate: Hz.
    """

    name: str
    speaker: str
    waveform: np.ndarray
    sample_rate: int

    @property
    def seconds(self) -> float:
        return self.waveform.size / self.sample_rate

    def at(self, sample_rate: int) -> Clip:
        """Return the clip at another sample rate (soxr, high quality)."""
        if sample_rate == self.sample_rate:
            return self
        waveform = soxr.resample(self.waveform, self.sample_rate, sample_rate, quality="HQ")
        return Clip(self.name, self.speaker, waveform.astype(np.float32), sample_rate)


def load_reader(settings: Namespace, n_clips: int) -> list[Clip]:
    """Return clips of one woman reading (LJSpeech, 22,050 Hz, 3 to 10 s each), or of one synthetic voice."""
    files = _real_files("ljspeech_sample", settings)
    if files is None:
        return [_stand_in(settings, 0, [number]) for number in range(n_clips)]
    clips = (_read(path, "LJ") for path in files)
    return [clip for clip in clips if clip.seconds > 3][:n_clips]


def load_speakers(settings: Namespace, n_speakers: int, sentences_each: int = 2) -> list[Clip]:
    """Return one clip each of several speakers (LibriSpeech, 16,000 Hz, 9 to 16 s), or of synthetic voices.

    Args:
        settings: The script's settings. A quick run downloads nothing; a run without the data sets `settings.quick`,
            because the expectations of the quick run hold then.
        n_speakers: At most 50; of synthetic voices there are 8.
        sentences_each: How many sentences a synthetic voice reads, about 3 s each.
    """
    files = _real_files("librispeech_speakers", settings)
    if files is None:
        voices = range(min(n_speakers, len(STAND_IN_VOICES)))
        return [_stand_in(settings, voice, [voice + number for number in range(sentences_each)]) for voice in voices]
    step = len(files) / n_speakers  # spread over the list, which is in the order of the speakers' numbers
    return [_read(files[int(number * step)]) for number in range(n_speakers)]


def _real_files(name: str, settings: Namespace) -> list[Path] | None:
    """Return the paths of a data set, or None after saying why the stand-in is used."""
    try:
        data = fetch(name, download=not settings.quick)
    except DataUnavailable as reason:
        print(f"NOTE: {reason}")
        settings.quick = True
        return None
    print(data.message)
    return [path for path in data.files if path.suffix in (".wav", ".flac")]


def _read(path: Path, speaker: str = "") -> Clip:
    waveform, sample_rate = soundfile.read(path, dtype="float32")
    return Clip(path.stem, speaker or path.stem.split("-")[0], waveform, sample_rate)


# What the synthetic voices read: Lewis Carroll, Alice's Adventures in Wonderland (1865), in the public domain.
STAND_IN_TEXTS = (
    "The rabbit hole went straight on like a tunnel for some way, and then dipped suddenly down.",
    "There was nothing so very remarkable in that, she thought it over afterwards.",
    "Begin at the beginning, and go on till you come to the end, then stop.",
    "She went on growing and growing, and very soon had to kneel down on the floor.",
    "The table was a large one, but the three were all crowded together at one corner.",
    "It sounded an excellent plan, no doubt, and very neatly and simply arranged.",
    "Either the well was very deep, or she fell very slowly, for she had plenty of time.",
    "She had never before seen a rabbit with a waistcoat pocket, or a watch to take out of it.",
    "They all sat down at once, in a large ring, with the mouse in the middle.",
    "The first question of course was how to get dry again, and they talked about it.",
)
STAND_IN_VOICES = (0, 7, 14, 21, 28, 35, 42, 49)  # of the 58 people whose voices the starter voice has heard
ROOM_DB = -62.0  # dB, faint noise under a synthetic clip: no room is silent
MARGIN = 0.4  # seconds of room before and after, as in a recording


@functools.cache
def starter_version() -> str:
    """Return eight letters that change with any weight of the starter voice: another voice, other clips."""
    weights = sorted((Path(voice_pipeline.__file__).parents[1] / "starter_voice").glob("*.safetensors"))
    return hashlib.sha256("".join(map(sha256_file, weights)).encode()).hexdigest()[:8]


def _stand_in(settings: Namespace, voice: int, texts: list[int]) -> Clip:
    """Return sentences by one synthetic voice; made on the first run, kept in `<out>/stand_in/` for the next ones."""
    kind = starter_version()
    parts = []
    for number in texts:
        number %= len(STAND_IN_TEXTS)
        path = settings.out / "stand_in" / f"voice{voice}_text{number}_{kind}.wav"
        if not path.is_file():
            with as_course_error():
                write_wav(path, _speak(voice, STAND_IN_TEXTS[number]), SAMPLE_RATE)
        parts.append(soundfile.read(path, dtype="float32")[0])
    random = np.random.default_rng(voice)
    speech = np.pad(np.concatenate(parts), round(MARGIN * SAMPLE_RATE))  # [S]
    speech = speech + 10 ** (ROOM_DB / 20) * random.normal(size=len(speech))
    return Clip(f"voice{voice}-{texts[0]}", f"voice{voice}", speech.astype(np.float32), SAMPLE_RATE)


def _speak(voice: int, text: str) -> np.ndarray:
    """Let the capstone's embedded starter voice read a sentence with the voice of one of its speakers."""
    from voice_pipeline.engines.starter.base_voice import reference_embeddings

    others = reference_embeddings()  # [voices, 256]
    embedding = others[STAND_IN_VOICES[voice] % len(others)]
    waveform = np.asarray(_engine().of_embedding(embedding).synthesize(text), np.float32)
    return waveform * np.float32(10 ** ((-24 - active_level(waveform, SAMPLE_RATE)) / 20))


@functools.cache
def _engine() -> Any:
    from voice_pipeline.engines.starter.engine import StarterEngine

    return StarterEngine()


# ----------------------------------------------------------------------------------------------------------------------
# levels and frames


def rms(waveform: np.ndarray) -> float:
    """Return the root mean square of `[S]`, 0..1."""
    return math.sqrt(float(np.mean(np.square(waveform, dtype=np.float64)))) if len(waveform) else 0.0


def frames_of(waveform: np.ndarray, frame: int, hop: int) -> np.ndarray:
    """Return overlapping frames `[N, frame]`, a new one every `hop` samples, whole ones only; nothing is copied.

    Raises:
        CourseError: The waveform is shorter than one frame.
    """
    if len(waveform) < frame:
        raise CourseError(f"{len(waveform)} samples hold no frame of {frame}.", hint="use a longer clip")
    return np.lib.stride_tricks.sliding_window_view(waveform, frame)[::hop]


def frame_levels(waveform: np.ndarray, frame: int, hop: int) -> np.ndarray:
    """Return the level of each frame in dB, `[N]`, at least -120."""
    power = np.mean(np.square(frames_of(waveform, frame, hop), dtype=np.float64), axis=1)
    return 10 * np.log10(np.maximum(power, 10 ** (QUIETEST_DB / 10)))  # 10, not 20: a square is a power


def is_active(waveform: np.ndarray, frame: int, hop: int) -> np.ndarray:
    """Return which frames of a CLEAN recording hold speech, bool `[N]`: within 30 dB of its loud frames.

    A recipe for labels, not a detector: in noise, every frame is within 30 dB of the loud ones.
    """
    levels = frame_levels(waveform, frame, hop)
    return levels > max(np.percentile(levels, 95) - ACTIVE_RANGE_DB, QUIETEST_DB + 1)


def active_level(waveform: np.ndarray, sample_rate: int) -> float:
    """Return the RMS level of the speech in a clean recording, dB, pauses left out (the idea of ITU-T P.56)."""
    size = round(0.02 * sample_rate)
    frames = frames_of(waveform, size, size)
    active = frames[is_active(waveform, size, size)]
    return decibels(rms(active.reshape(-1)))


# ----------------------------------------------------------------------------------------------------------------------
# noise, and mixing it in at a known strength

NOISES = ("white", "pink", "hum", "babble", "clicks")


def make_noise(kind: str, samples: int, sample_rate: int, random: np.random.Generator, talkers=()) -> np.ndarray:
    """Return noise with RMS 1.

    Args:
        kind: "white" (hiss: all frequencies alike), "pink" (a fan or street: 3 dB less each octave), "hum" (mains:
            50 Hz and its multiples), "babble" (several people at once), "clicks" (a keyboard: short bursts).
        samples: S.
        sample_rate: Hz.
        random: The source of chance.
        talkers: Clips at `sample_rate`, for "babble".

    Returns:
        float32 `[S]`.

    Raises:
        CourseError: The kind is unknown.
    """
    if kind == "white":
        noise = random.normal(size=samples)
    elif kind == "pink":
        spectrum = np.fft.rfft(random.normal(size=samples))
        noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), samples)
    elif kind == "hum":
        t = np.arange(samples) / sample_rate
        noise = sum(np.sin(2 * np.pi * 50 * k * t + random.uniform(0, 6)) / k for k in range(1, 12))
    elif kind == "babble":
        noise = sum(np.roll(np.resize(talker.waveform, samples), random.integers(samples)) for talker in talkers)
    elif kind == "clicks":
        noise = np.zeros(samples)
        burst = np.exp(-np.arange(round(0.01 * sample_rate)) / (0.002 * sample_rate))  # 10 ms, dying away
        for start in random.integers(0, samples - len(burst), max(1, samples * 6 // sample_rate)):  # 6 a second
            noise[start : start + len(burst)] += burst * random.normal(size=len(burst))
    else:
        raise CourseError(f"noise {kind!r} is unknown.", hint=f"use one of: {', '.join(NOISES)}")
    return (noise / max(rms(noise), 1e-9)).astype(np.float32)


def mix_at_snr(clip: Clip, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise (RMS 1, `[S]`) to a clean clip so that its speech is `snr_db` above it. Returns float32 `[S]`.

    The level of the speech is that of its active frames: measured over the pauses too, the same "10 dB" would mean
    another thing in each clip.
    """
    level = active_level(clip.waveform, clip.sample_rate)
    return clip.waveform + noise * np.float32(10 ** ((level - snr_db) / 20))


def snr_db(clean: np.ndarray, noisy: np.ndarray) -> float:
    """Return the signal-to-noise ratio in dB, the clean waveform being known: its power over the difference's."""
    return 20 * math.log10(rms(clean) / max(rms(noisy - clean), 1e-12))


# ----------------------------------------------------------------------------------------------------------------------
# plots


def save_figure(figure: Figure, path: Path) -> None:
    """Write a plot as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def draw_spectrogram(
    axes: Any, levels: np.ndarray, hop: float, top_hz: float, title: str, lowest_db: float = -80
) -> Any:
    """Draw levels `[F, N]` in dB as a picture: time to the right, frequency up, loud is bright. Returns the image."""
    extent = (0, levels.shape[1] * hop, 0, top_hz)
    peak = float(levels.max())
    image = axes.imshow(
        levels, origin="lower", aspect="auto", cmap="magma", extent=extent, vmin=peak + lowest_db, vmax=peak
    )
    axes.set(title=title, xlabel="time (s)", ylabel="frequency (Hz)")
    return image
