"""What the scripts of this module share: a text to narrate, sounds, levels, WAV files, plots.

Everything here is small enough to read in one sitting, and is used again in later modules under the same names:
`waveform` (float32, -1..1), `sample_rate` (Hz), levels in dB. Text functions come first, they need nothing;
the sound functions need NumPy, which script 05 explains.
"""

from __future__ import annotations

import math
import os
import re
import time
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.errors import CourseError
from coursekit.files import atomic_path

# ----------------------------------------------------------------------------------------------------------------------
# settings: numbers that more than one script needs stand here, once

SAMPLE_RATE = 24_000  # Hz; the rate of the whole course. 16,000 loses the sharpness of s and f, 48,000 doubles the work
QUIETEST_DB = -120.0  # dB written for digital silence, because log10(0) does not exist
WORDS_PER_MINUTE = 157.0  # LJ Speech, a well-known audiobook voice: 225,715 words in 23:55:17
CHARACTERS_PER_SECOND = 15.0  # the same voice: 1,308,678 characters in the same time, rounded down

# Colours that people who see red and green alike can tell apart (Okabe and Ito 2008).
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"

# Lewis Carroll, Alice's Adventures in Wonderland (1865), the opening. In the public domain.
NARRATION = """\
Alice was beginning to get very tired of sitting by her sister on the bank, and of having nothing to do: once or \
twice she had peeped into the book her sister was reading, but it had no pictures or conversations in it, "and what \
is the use of a book," thought Alice "without pictures or conversations?"

So she was considering in her own mind (as well as she could, for the hot day made her feel very sleepy and stupid), \
whether the pleasure of making a daisy-chain would be worth the trouble of getting up and picking the daisies, when \
suddenly a White Rabbit with pink eyes ran close by her.

There was nothing so very remarkable in that; nor did Alice think it so very much out of the way to hear the Rabbit \
say to itself, "Oh dear! Oh dear! I shall be late!" (when she thought it over afterwards, it occurred to her that she \
ought to have wondered at this, but at the time it all seemed quite natural); but when the Rabbit actually took a \
watch out of its waistcoat-pocket, and looked at it, and then hurried on, Alice started to her feet, for it flashed \
across her mind that she had never before seen a rabbit with either a waistcoat-pocket, or a watch to take out of it, \
and burning with curiosity, she ran across the field after it, and fortunately was just in time to see it pop down a \
large rabbit-hole under the hedge.
"""

# ----------------------------------------------------------------------------------------------------------------------
# text


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation.

    A word is letters, with hyphens or apostrophes between them: "daisy-chain" is one word. The concept behind the
    pattern is in PYTHON_CONCEPTS_EXPLAINED.md, "text".

    Args:
        text: English text. Digits are not words here.
    """
    return re.findall(r"[a-z]+(?:['-][a-z]+)*", text.lower())  # concept: text


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, each on one line.

    A sentence ends with . ! or ?, perhaps a closing quote, and white space before a capital letter or an opening
    quote or bracket. "Dr. Smith" fools this rule; module 05 has a better one.
    """
    joined = " ".join(text.split())
    return [part for part in re.split(r"""(?:(?<=[.!?])|(?<=[.!?]"))\s+(?=["(]?[A-Z])""", joined) if part]


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds: 75.4 gives "1:15"."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}:{rest:02d}"


# ----------------------------------------------------------------------------------------------------------------------
# sound. One letter for the shapes: S samples


def sine(frequency: float, seconds: float, amplitude: float = 0.5, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Return a pure tone.

    Args:
        frequency: Hz. Above sample_rate / 2 a tone cannot be written down (it comes out as a lower one).
        seconds: duration.
        amplitude: 0..1; 1 is as loud as a file can be.
        sample_rate: Hz.

    Returns:
        float32 `[S]` with S = seconds * sample_rate.
    """
    # concept: vectorising
    t = np.arange(round(seconds * sample_rate)) / sample_rate  # [S], seconds
    return (amplitude * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def silence(seconds: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Return float32 `[S]` zeros."""
    return np.zeros(round(seconds * sample_rate), np.float32)


# The two lowest resonances of a man's mouth for five vowels, Hz (Peterson and Barney 1952).
FORMANTS = {"a": (730, 1090), "e": (530, 1840), "i": (270, 2290), "o": (570, 840), "u": (300, 870), "y": (270, 2290)}
PAUSES = {",": 0.15, ":": 0.25, ";": 0.25, ".": 0.4, "!": 0.4, "?": 0.4}  # seconds of silence


def vowel(letter: str, f0: float, seconds: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Return a sung vowel: harmonics of a falling pitch, each as loud as the mouth lets it through.

    Args:
        letter: one of "aeiouy".
        f0: pitch at the start, Hz; it falls by 8 % as a voice does. 80 to 300.
        seconds: duration.
        sample_rate: Hz.

    Returns:
        float32 `[S]`, peak 0.5.
    """
    t = np.arange(round(seconds * sample_rate)) / sample_rate  # [S]
    phase = 2 * np.pi * f0 * (t - 0.04 * t**2 / seconds)  # the integral of a pitch that falls from 100 % to 92 %
    sound = np.zeros_like(t)
    for harmonic in range(1, int(3500 / f0) + 1):  # up to 3,500 Hz, where the second resonance has faded
        frequency = harmonic * f0
        loudness = sum(1 / (1 + ((frequency - formant) / 90) ** 2) for formant in FORMANTS[letter])
        sound += loudness / harmonic**0.5 * np.sin(harmonic * phase)
    sound *= np.sin(np.pi * np.arange(len(t)) / max(1, len(t))) ** 0.5  # fade in and out: a syllable, no click
    return (0.5 * sound / max(1e-9, float(np.abs(sound).max()))).astype(np.float32)


def hum(text: str, f0: float = 120.0, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Hum a text: one sung vowel for each group of vowel letters, short gaps between words, pauses at commas.

    No word can be understood, but rhythm, pitch and pauses are those of speech. That is enough to practise on.

    Args:
        text: English text.
        f0: pitch, Hz. 120 is a low voice, 210 a high one.
        sample_rate: Hz.

    Returns:
        float32 `[S]`.
    """
    parts = [silence(0.05, sample_rate)]
    for token in text.lower().split():
        for group in re.findall("[aeiouy]+", token):
            parts.append(vowel(group[0], f0, 0.1 + 0.04 * len(group), sample_rate))
        parts.append(silence(PAUSES.get(token.rstrip('")')[-1:], 0.04), sample_rate))
    return np.concatenate(parts)


# ----------------------------------------------------------------------------------------------------------------------
# levels, in dB relative to full scale (an amplitude of 1.0 is 0 dB, one half is -6 dB)


def decibels(amplitude: float) -> float:
    """Return an amplitude 0..1 in dB relative to full scale, at least -120."""
    return max(QUIETEST_DB, 20 * math.log10(amplitude)) if amplitude > 0 else QUIETEST_DB  # concept: decibels


def peak_dbfs(waveform: np.ndarray) -> float:
    """Return the level of the highest sample, dB: how near the waveform is to clipping."""
    return decibels(float(np.abs(waveform).max(initial=0.0)))


def rms_dbfs(waveform: np.ndarray) -> float:
    """Return the level of the root mean square, dB: how loud the waveform is on average."""
    if not len(waveform):
        return QUIETEST_DB
    return decibels(math.sqrt(float(np.mean(np.square(waveform, dtype=np.float64)))))


# ----------------------------------------------------------------------------------------------------------------------
# WAV files, with the standard library's `wave`


def write_wav(path: str | os.PathLike[str], waveform: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write a mono 16-bit WAV; the file is whole or absent.

    Args:
        path: where; the folder is made if needed.
        waveform: float `[S]`, -1..1. What exceeds it is clipped.
        sample_rate: Hz.
    """
    samples = np.rint(np.clip(waveform, -1, 1) * 32_767).astype("<i2")  # "<i2": little-endian, signed, 2 bytes
    with atomic_path(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(1)
        # concept: bytes and sample width
        file.setsampwidth(2)  # bytes per sample
        file.setframerate(sample_rate)
        file.writeframes(samples.tobytes())


def read_wav(path: str | os.PathLike[str]) -> tuple[np.ndarray, int]:
    """Read a WAV of 8, 16, 24 or 32 bits as one mono waveform.

    Gives the numbers `soundfile.read(path, dtype="float32")` gives (tests/test_py_utils.py compares them).

    Args:
        path: the file. Several channels are averaged.

    Returns:
        (float32 `[S]` -1..1, sample rate in Hz).

    Raises:
        CourseError: the file is missing, no WAV, damaged or empty.
    """
    path = Path(path)
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, sample_rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            announced = file.getnframes()
            data = file.readframes(announced)
    except FileNotFoundError as error:
        raise CourseError(f"{path} does not exist.", hint="check the name and the folder") from error
    except (OSError, EOFError, wave.Error) as error:
        reason = str(error) or "it ends too early"
        raise CourseError(
            f"{path.name} is no WAV that can be read: {reason}.", hint="export it again as 16-bit WAV"
        ) from error
    if not announced:
        raise CourseError(f"{path.name} holds no samples.", hint="record or export it again")
    if len(data) < announced * channels * width:
        found = len(data) // (channels * width)
        raise CourseError(
            f"{path.name} is cut off: {announced} samples announced, {found} found.", hint="copy it again"
        )
    waveform = samples_from_bytes(data, width).reshape(-1, channels)  # [S, channels]
    return waveform.mean(axis=1, dtype=np.float32), sample_rate


def samples_from_bytes(data: bytes, width: int) -> np.ndarray:
    """Turn the bytes of a WAV into numbers from -1 to 1.

    Args:
        data: little-endian samples.
        width: bytes per sample, 1 to 4. One byte is unsigned with its zero at 128, the others are signed.

    Returns:
        float32, one number for each sample of each channel.
    """
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    if width == 3:  # NumPy has no 3-byte integer: put a zero byte below each sample, and it is a 4-byte one
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, width = padded.tobytes(), 4
    full_scale = 2 ** (8 * width - 1)  # 32,768 for 16 bits
    return (np.frombuffer(data, f"<i{width}") / full_scale).astype(np.float32)


# ----------------------------------------------------------------------------------------------------------------------
# plots and timing


def subplots(rows: int, columns: int = 1, size: tuple[float, float] = (9, 6)) -> tuple[Any, Any]:
    """Return (figure, axes) of Matplotlib, drawn into files only, so that it works without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt.subplots(rows, columns, figsize=size, layout="constrained")


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as PNG, whole or not at all, and free its memory."""
    import matplotlib.pyplot as plt

    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
    plt.close(figure)


def best_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the shortest of several timings of `work()`, in seconds.

    The shortest, because other programs can only make a run longer, never shorter. Use it to compare two ways in
    one run; seconds of two machines, or of two days, cannot be compared.
    """
    timings = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        timings.append(time.perf_counter() - started)
    return min(timings)
