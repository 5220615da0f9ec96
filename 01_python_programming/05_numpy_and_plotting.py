"""NumPy and plots: two tones that beat, a voice's level over time, and why nobody loops over samples.

What you will learn
    - arrays: shape, dtype, slices, and arithmetic on a million numbers in one line
    - why two tones of 440 and 444 Hz swell four times a second, seen, heard and counted
    - cutting a waveform into frames, and the level of each in dB
    - views and copies: when changing a slice changes the original
    - what vectorising is worth: the same sum with a loop and with NumPy, timed side by side
How to run it
    python 05_numpy_and_plotting.py --quick     short sounds, about 3 s
    python 05_numpy_and_plotting.py             longer sounds, about 6 s
    python 05_numpy_and_plotting.py --second 448     another second tone
Time and memory on 2 CPU cores: quick 3 s, full 6 s; 0.2 GB.
Writes outputs/: beats.wav, beats.png, levels.png
Concepts: PYTHON_CONCEPTS_EXPLAINED.md (numpy arrays, views and copies, vectorising, decibels, plots)
"""

import math
from argparse import Namespace
from pathlib import Path

import numpy as np
from py_utils import (
    BLUE,
    GREY,
    NARRATION,
    ORANGE,
    QUIETEST_DB,
    SAMPLE_RATE,
    best_seconds,
    hum,
    save_figure,
    sentences,
    sine,
    subplots,
    write_wav,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

FIRST = 440.0  # Hz, the A that orchestras tune to
SECOND = 444.0  # Hz; the difference, 4 Hz, is what you hear as beats. Above about 20 Hz it becomes roughness
SECONDS = 3.0  # of the beats; the longer, the finer the spectrum: 1 / SECONDS Hz
FRAME = 480  # samples, 20 ms at 24 kHz: short enough to follow syllables, long enough for two periods of a low voice
NOISE_DB = -60.0  # dB, of the room; a quiet room is -60, a laptop's fan -45
HOP = 240  # samples from one frame to the next; half a frame is usual

# ----------------------------------------------------------------------------------------------------------------------
# 1. arrays. Shapes: S samples, N frames, F frequencies


def show_arrays() -> None:
    """Print what an array knows about itself."""
    # concept: numpy arrays
    tone = sine(FIRST, seconds=0.01)  # [S]
    print(f"  shape {tone.shape}, dtype {tone.dtype}, {tone.nbytes} bytes; the first three: {np.round(tone[:3], 3)}")
    stereo = np.stack([tone, 0.5 * tone])  # [2, S]: the second row half as loud
    print(f"  two channels: shape {stereo.shape}; their mean over axis 0 is mono again: {stereo.mean(axis=0).shape}")
    # Broadcasting: [2, 1] against [2, S] stretches the column over all samples.
    louder = stereo * np.array([[1.0], [2.0]])  # [2, S]
    print(f"  a gain for each channel: peaks {np.abs(louder).max(axis=1).round(3)}")
    # An integer dtype wraps round silently when a sum does not fit. Mix as float, convert at the end.
    loud = np.array([30_000], np.int16)
    print(f"  30000 + 30000 as int16 is {(loud + loud)[0]}; as float32 {(loud.astype(np.float32) * 2)[0]:.0f}")


def show_views(voice: np.ndarray) -> int:
    """Change a slice and a copy of a waveform; return how many samples of the original changed."""
    original = voice.copy()  # [S]
    head = original[:100]  # a slice is a view: the same memory, seen through a smaller window
    # concept: views and copies
    head *= 0  # in place: the original changes too
    changed = int(np.count_nonzero(original[:100] == 0) - np.count_nonzero(voice[:100] == 0))
    louder = original[100:200] * 2  # arithmetic makes a new array: the original stays
    print(
        f"  after head *= 0, {changed} samples of the original are zero that were not; "
        f"shares memory: {np.shares_memory(head, original)}, {np.shares_memory(louder, original)}"
    )
    return changed


# ----------------------------------------------------------------------------------------------------------------------
# 2. beats


def envelope(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return how loud the sound is at each sample: the highest value within 5 ms round it, [S]."""
    width = sample_rate // 200
    padded = np.pad(np.abs(waveform), (width // 2, width - width // 2 - 1))  # [S + width - 1]
    return np.lib.stride_tricks.sliding_window_view(padded, width).max(axis=1)  # [S, width] -> [S]


def count_beats(waveform: np.ndarray, sample_rate: int) -> int:
    """Count how often the envelope falls through half its highest value: once a beat."""
    loud = envelope(waveform, sample_rate) > 0.5 * np.abs(waveform).max()  # [S] of True and False
    return int(np.count_nonzero(loud[:-1] & ~loud[1:]))  # loud at one sample, and no longer at the next


def spectrum_peaks(waveform: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the frequencies [F] and levels [F] of the spectrum, and its two highest peaks in Hz."""
    levels = np.abs(np.fft.rfft(waveform)) / len(waveform)  # [F], F = S // 2 + 1
    frequencies = np.fft.rfftfreq(len(waveform), 1 / sample_rate)  # [F], Hz
    inner = levels[1:-1]
    is_peak = (inner > levels[:-2]) & (inner > levels[2:])  # higher than both neighbours
    candidates = np.flatnonzero(is_peak) + 1
    highest = candidates[np.argsort(levels[candidates])[-2:]]
    return frequencies, levels, np.sort(frequencies[highest])


def plot_beats(first: np.ndarray, second: np.ndarray, path: Path) -> None:
    """Draw 10 ms of both tones, the whole sum, and the spectrum of the sum."""
    total = first + second  # [S]
    t = np.arange(len(total)) / SAMPLE_RATE  # [S], seconds
    figure, (near, whole, spectrum) = subplots(3, size=(9, 8))
    part = slice(0, SAMPLE_RATE // 100)
    near.plot(1000 * t[part], first[part], color=BLUE, label="first tone")
    near.plot(1000 * t[part], second[part], color=ORANGE, linestyle="--", label="second tone")
    near.set(title="10 ms: the tones start in step", xlabel="time (ms)", ylabel="amplitude")
    near.legend(loc="upper right")
    whole.plot(t, total, color=GREY, linewidth=0.2)
    whole.plot(t, envelope(total, SAMPLE_RATE), color=BLUE, label="envelope")
    whole.set(title="the sum: in step it is loud, out of step it is silent", xlabel="time (s)", ylabel="amplitude")
    whole.legend(loc="upper right")
    frequencies, levels, peaks = spectrum_peaks(total, SAMPLE_RATE)
    spectrum.plot(frequencies, levels, color=BLUE, marker=".")
    spectrum.set(xlim=(peaks[0] - 15, peaks[-1] + 15), xlabel="frequency (Hz)", ylabel="level")
    spectrum.set_title("the spectrum still knows the two")
    save_figure(figure, path)  # concept: plots


# ----------------------------------------------------------------------------------------------------------------------
# 3. frames and levels, with a loop and without


def levels_by_loop(waveform: np.ndarray) -> list[float]:
    """Return the level of each frame in dB: one multiplication at a time, as in a textbook."""
    levels = []
    for start in range(0, len(waveform) - FRAME + 1, HOP):  # + 1: the last frame may end with the last sample
        total = 0.0
        for sample in waveform[start : start + FRAME].tolist():  # plain floats: looping over NumPy's own is slower yet
            total += sample * sample
        mean = total / FRAME
        levels.append(max(QUIETEST_DB, 10 * math.log10(mean)) if mean > 0 else QUIETEST_DB)
    return levels


def levels_vectorised(waveform: np.ndarray) -> np.ndarray:
    """Return the level of each frame in dB, [N]: the same sums, in compiled loops inside NumPy."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, FRAME)[::HOP]  # [N, FRAME], a view: nothing is copied
    # concept: vectorising
    mean = np.square(frames, dtype=np.float64).mean(axis=1)  # [N]
    # concept: decibels
    return 10 * np.log10(np.maximum(mean, 10 ** (QUIETEST_DB / 10)))  # dB of a power: 10 log10


def plot_levels(waveform: np.ndarray, levels: np.ndarray, path: Path) -> None:
    """Draw a waveform above its level in dB."""
    figure, (top, bottom) = subplots(2, size=(9, 5))
    top.plot(np.arange(len(waveform)) / SAMPLE_RATE, waveform, color=GREY, linewidth=0.4)
    top.set(title="a hummed sentence", ylabel="amplitude", xlabel="time (s)")
    centres = (np.arange(len(levels)) * HOP + FRAME / 2) / SAMPLE_RATE  # [N], seconds: the middle of each frame
    bottom.plot(centres, levels, color=BLUE, linewidth=1)
    bottom.set(ylim=(-80, 0), ylabel="level (dB)", xlabel="time (s)", title="pauses are easier to see in dB")
    save_figure(figure, path)


def compare_speed(voice: np.ndarray) -> tuple[float, float]:
    """Time both ways in one run; return how many times faster NumPy is, and the largest difference in dB."""
    slow = best_seconds(lambda: levels_by_loop(voice))
    fast = best_seconds(lambda: levels_vectorised(voice))
    difference = float(np.abs(np.array(levels_by_loop(voice)) - levels_vectorised(voice)).max())
    print(f"  {len(voice):,} samples: NumPy is {slow / fast:.0f} times as fast, and differs by {difference:.0e} dB")
    return slow / fast, difference


# ----------------------------------------------------------------------------------------------------------------------
# main


def main(settings: Namespace) -> dict[str, float]:
    """Make the beats and the levels, draw both, and compare the loop with NumPy."""
    second_hz = SECOND if settings.second is None else settings.second
    if not FIRST + 1 <= second_hz <= FIRST + 20:
        raise CourseError(f"--second {second_hz} does not beat with {FIRST} Hz.", hint="try --second 441 to 460")
    voice = hum(sentences(NARRATION)[0])[: (2 if settings.quick else 10) * SAMPLE_RATE]  # [S]
    # A room is never silent. default_rng(seed) gives the same "random" numbers for the same seed.
    noise = np.random.default_rng(settings.seed).normal(0, 10 ** (NOISE_DB / 20), len(voice))  # [S]
    voice = (voice + noise).astype(np.float32)

    print("1. Arrays")
    show_arrays()
    changed = show_views(voice[np.abs(voice).argmax() :])  # from the loudest sample on

    print(f"2. Two tones, {FIRST:g} and {second_hz:g} Hz")
    first, second = sine(FIRST, SECONDS, 0.4), sine(second_hz, SECONDS, 0.4)
    beats = count_beats(first + second, SAMPLE_RATE) / SECONDS
    peaks = spectrum_peaks(first + second, SAMPLE_RATE)[2]
    write_wav(settings.out / "beats.wav", first + second)
    plot_beats(first, second, settings.out / "beats.png")
    print(f"  {beats:.2f} beats a second: listen to beats.wav. Peaks at {peaks[0]:.1f} and {peaks[1]:.1f} Hz")

    print("3. The level of a voice")
    levels = levels_vectorised(voice)
    plot_levels(voice, levels, settings.out / "levels.png")
    pauses = float(np.mean(levels < NOISE_DB + 6))  # the mean of True and False is the share of True
    print(f"  {len(levels)} frames of 20 ms; loudest {levels.max():.1f} dB; {100 * pauses:.0f} % of them are pauses")

    print("4. Loop against NumPy, in the same run")
    ratio, difference = compare_speed(voice)
    return {
        "samples_changed_through_view": changed,
        "beats_per_second_error": beats - (second_hz - FIRST),
        "peak_distance_error_hz": peaks[1] - peaks[0] - (second_hz - FIRST),
        "loudest_frame_db": float(levels.max()),
        "vectorised_times_faster": ratio,
        "largest_difference_db": difference,
    }


# The ratio depends on the machine and on what else runs on it (25 to 40 here), so its range is wide. The rest does not.
EXPECTED = {
    "samples_changed_through_view": Expected((95, 100), (95, 100)),
    "beats_per_second_error": Expected((-0.34, 0.34), (-0.34, 0.34)),  # one beat more or less in 3 s; 0 for 444 Hz
    "peak_distance_error_hz": Expected((-0.34, 0.34), (-0.34, 0.34)),  # 3 s of sound show steps of 1/3 Hz
    "loudest_frame_db": Expected((-13.3, -13.1), (-13.3, -13.1)),
    "vectorised_times_faster": Expected((4, 400), (4, 400)),
    "largest_difference_db": Expected((0, 1e-6), (0, 1e-6)),
}

PARSER = script_parser(__doc__)
PARSER.add_argument("--second", type=float, metavar="HZ", help=f"the second tone (default {SECOND:g})")

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_errors_logging_testing.py")
