"""Classes: an `AudioClip` that keeps a waveform, its sample rate and its text together, and effects to put on it.

What you will learn
    - why three loose variables that belong together should be one object
    - what `@dataclass` writes for you, and how `__post_init__` refuses nonsense at the door
    - methods, properties, class methods, and the double-underscore methods behind len(), + and print()
    - effects that only have to look alike ("duck typing"), so that a list can hold any of them
    - composition: a reel HAS clips, it is not a kind of clip
How to run it
    python 04_classes_and_dataclasses.py --quick     one paragraph, about 2 s
    python 04_classes_and_dataclasses.py             three paragraphs, about 3 s
Time and memory on 2 CPU cores: quick 2 s, full 3 s; 0.2 GB.
Writes outputs/: reel.wav, reel.png
Concepts: PYTHON_CONCEPTS_EXPLAINED.md (classes and dataclasses, interfaces, decibels, plots)
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from py_utils import (
    BLUE,
    GREY,
    NARRATION,
    ORANGE,
    SAMPLE_RATE,
    hum,
    peak_dbfs,
    read_wav,
    rms_dbfs,
    save_figure,
    silence,
    subplots,
    write_wav,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PEAK_DB = -3.0  # level the loudest sample is brought to; 0 is full scale, and MP3 can overshoot by a dB or two
FADE_SECONDS = 0.05  # ramp at both ends; under 0.005 a click is heard, over 0.2 the first sound is lost
ECHO_SECONDS = 0.25  # delay of the echo; under 0.05 it is heard as a room, above as a canyon
ECHO_GAIN = 0.4  # how much of the sound comes back, 0..1; 1 would never die away
GAP_SECONDS = 0.75  # silence between the clips of a reel, a paragraph's breath

# ----------------------------------------------------------------------------------------------------------------------
# 1. the class. Shapes: S samples


# frozen: no field can be set later; every edit gives a new clip. (The numbers in the array could still be changed.)
# eq=False: == on arrays gives an array of answers, not one, so the comparison dataclass writes would fail.
@dataclass(frozen=True, eq=False)  # concept: classes and dataclasses
class AudioClip:
    """A piece of mono sound and what is said in it.

    @dataclass writes __init__ (takes the fields in this order) and __repr__. The capstone keeps its decoded files in a
    class like this one.

    Attributes:
        waveform: float32 `[S]`, -1..1.
        sample_rate: Hz.
        text: the words spoken; may be empty.
    """

    waveform: np.ndarray = field(repr=False)  # a million numbers do not belong into a printed line
    sample_rate: int = SAMPLE_RATE
    text: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no clip, here, where the mistake is made, and not an hour later in the training."""
        if self.sample_rate <= 0:
            raise CourseError(f"a sample rate of {self.sample_rate} Hz is impossible.", hint="24000 is usual here")
        if np.ndim(self.waveform) != 1:
            shape = np.shape(self.waveform)
            raise CourseError(f"a clip is mono, one row of samples; this has the shape {shape}.", hint="average it")

    # A class method is another way to make one: AudioClip.from_wav(path).
    @classmethod
    def from_wav(cls, path: Path, text: str = "") -> AudioClip:
        """Read a clip from a WAV file."""
        waveform, sample_rate = read_wav(path)
        return cls(waveform, sample_rate, text)

    # A property is computed when asked for, and read without brackets: clip.duration. It can never be out of date.
    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self) / self.sample_rate

    # Python calls these when you write len(clip), first + second, print(clip).
    def __len__(self) -> int:
        return len(self.waveform)

    def __add__(self, other: AudioClip) -> AudioClip:
        """Join two clips, this one first."""
        if self.sample_rate != other.sample_rate:
            raise CourseError(
                f"clips of {self.sample_rate} and {other.sample_rate} Hz cannot be joined: one would change its pitch.",
                hint="resample one of them first (module 04)",
            )
        joined = np.concatenate([self.waveform, other.waveform])  # [S of both]; a copy, neither clip changes
        return AudioClip(joined, self.sample_rate, f"{self.text} {other.text}".strip())

    def __str__(self) -> str:
        levels = f"peak {peak_dbfs(self.waveform):6.1f} dB, mean {rms_dbfs(self.waveform):6.1f} dB"
        return f"{self.duration:6.2f} s, {levels}, {self.text[:28]!r}"

    def with_waveform(self, waveform: np.ndarray) -> AudioClip:
        """Return a clip with another waveform and everything else as it is."""
        return replace(self, waveform=np.asarray(waveform, np.float32))


# ----------------------------------------------------------------------------------------------------------------------
# 2. effects: anything that takes a clip and gives a clip


class Effect(Protocol):
    """What every effect looks like. Nobody has to inherit from it: whatever can be called this way is an effect."""

    def __call__(self, clip: AudioClip) -> AudioClip: ...  # concept: interfaces


@dataclass(frozen=True)
class Normalise:
    """Bring the highest sample to a level."""

    peak_db: float = PEAK_DB

    def __call__(self, clip: AudioClip) -> AudioClip:
        gain_db = self.peak_db - peak_dbfs(clip.waveform)
        # concept: decibels
        return clip.with_waveform(clip.waveform * 10 ** (gain_db / 20))  # dB back to a factor


@dataclass(frozen=True)
class Fade:
    """Ramp the beginning up and the end down."""

    seconds: float = FADE_SECONDS

    def __call__(self, clip: AudioClip) -> AudioClip:
        n = min(round(self.seconds * clip.sample_rate), len(clip) // 2)
        envelope = np.ones(len(clip), np.float32)  # [S]
        envelope[:n] = np.linspace(0, 1, n)
        envelope[len(clip) - n :] = np.linspace(1, 0, n)  # not [-n:], which for n = 0 would be the whole clip
        return clip.with_waveform(clip.waveform * envelope)


@dataclass(frozen=True)
class Echo:
    """Add one later, softer copy. The clip grows by the delay, so that the echo is not cut off."""

    seconds: float = ECHO_SECONDS
    gain: float = ECHO_GAIN

    def __call__(self, clip: AudioClip) -> AudioClip:
        tail = silence(self.seconds, clip.sample_rate)
        return clip.with_waveform(
            np.concatenate([clip.waveform, tail]) + self.gain * np.concatenate([tail, clip.waveform])  # [S + tail]
        )


def apply(effects: list[Effect], clip: AudioClip) -> AudioClip:
    """Put effects on a clip, one after the other. It knows none of them by name, so new ones need no change here."""
    for effect in effects:
        clip = effect(clip)
    return clip


# ----------------------------------------------------------------------------------------------------------------------
# 3. composition: a reel has clips


@dataclass
class Reel:
    """Clips in playing order, with a gap between them."""

    gap_seconds: float = GAP_SECONDS
    clips: list[AudioClip] = field(default_factory=list)  # a new list for every reel; `= []` is refused

    def add(self, clip: AudioClip) -> None:
        self.clips.append(clip)

    def __iter__(self) -> Iterator[AudioClip]:  # makes `for clip in reel` work
        return iter(self.clips)

    def joined(self) -> AudioClip:
        """Return all clips as one."""
        if not self.clips:
            raise CourseError("an empty reel has no sound.", hint="add a clip first")
        whole, *others = self.clips  # the first, and a list of the rest
        gap = AudioClip(silence(self.gap_seconds, whole.sample_rate), whole.sample_rate)
        for clip in others:
            whole = whole + gap + clip
        return whole


# ----------------------------------------------------------------------------------------------------------------------
# main


def plot(before: AudioClip, after: AudioClip, path: Path) -> None:
    """Draw a clip before and after its effects, on the same axes."""
    figure, axes = subplots(2, size=(9, 5))
    panels = [(before, "as hummed", GREY), (after, "faded, echo, -3 dB", BLUE)]
    for axis, (clip, title, color) in zip(axes, panels, strict=True):
        t = np.arange(len(clip)) / clip.sample_rate  # [S], seconds
        axis.plot(t, clip.waveform, color=color, linewidth=0.4)
        axis.axhline(10 ** (PEAK_DB / 20), color=ORANGE, linestyle="--", linewidth=1)  # concept: plots
        axis.set(title=title, xlabel="time (s)", ylabel="amplitude", ylim=(-1, 1), xlim=(0, after.duration))
    save_figure(figure, path)


def refusals(clip: AudioClip) -> int:
    """Try three things a clip must refuse, print the messages, and return how many were refused."""
    attempts = {
        "stereo": lambda: AudioClip(np.zeros((2, 100), np.float32)),
        "joining 24 and 16 kHz": lambda: clip + AudioClip(silence(1, 16_000), 16_000),
        "changing a frozen clip": lambda: setattr(clip, "sample_rate", 48_000),
    }
    refused = 0
    for name, attempt in attempts.items():
        try:
            attempt()
        except (CourseError, AttributeError) as error:  # a frozen dataclass raises a kind of AttributeError
            print(f"  {name}: {error}")
            refused += 1
    return refused


def main(settings: Namespace) -> dict[str, float]:
    """Hum each paragraph, put effects on it, join all, and write the reel."""
    paragraphs = NARRATION.split("\n\n")[: 1 if settings.quick else 3]
    effects: list[Effect] = [Fade(), Echo(), Normalise()]  # the level last: the echo makes it louder

    print("1. Clips, before and after the effects")
    reel = Reel()
    dry = [AudioClip(hum(text), text=text) for text in paragraphs]
    for clip in dry:
        reel.add(apply(effects, clip))
        print(f"  before {clip}")
        print(f"  after  {reel.clips[-1]}")

    print("2. What a clip refuses")
    refused = refusals(dry[0])

    print("3. The reel")
    whole = reel.joined()
    write_wav(settings.out / "reel.wav", whole.waveform, whole.sample_rate)
    back = AudioClip.from_wav(settings.out / "reel.wav", whole.text)
    plot(dry[0], reel.clips[0], settings.out / "reel.png")
    print(f"  {back}")
    print(f"  repr(): {back!r:.90}...")
    print("  reel.png: the same rhythm twice; below, the peaks reach the dashed line and each sound has a tail")
    gaps = GAP_SECONDS * (len(reel.clips) - 1)
    return {
        "clips": len(reel.clips),
        "reel_seconds": back.duration,
        "seconds_unaccounted": back.duration - sum(clip.duration for clip in reel) - gaps,
        "echo_seconds": reel.clips[0].duration - dry[0].duration,
        "peak_db": peak_dbfs(back.waveform),
        "refused": refused,
    }


EXPECTED = {
    "clips": Expected((1, 1), (3, 3)),
    "reel_seconds": Expected((16.0, 16.2), (70.7, 70.9)),
    "seconds_unaccounted": Expected((-0.001, 0.001), (-0.001, 0.001)),
    "echo_seconds": Expected((0.25, 0.25), (0.25, 0.25)),
    "peak_db": Expected((-3.01, -2.99), (-3.01, -2.99)),  # 16 bits cannot say it closer
    "refused": Expected((3, 3), (3, 3)),
}

PARSER = script_parser(__doc__)

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_numpy_and_plotting.py")
