"""From a waveform to a spectrogram: windows, hops, what each choice costs, and aliasing heard as numbers.

What you will learn
    - what a waveform tells by itself: length, peak, level, and almost nothing about the words
    - the short-time Fourier transform written from scratch in six lines, equal to librosa's, and back again
    - why a window must fade out: how far a pure tone leaks into frequencies where nothing is
    - the trade between time and frequency: which window tells two tones apart, which one two clicks
    - aliasing: the place where a tone of 7,000 Hz turns up when every second sample is thrown away
How to run it
    python 02_waveform_and_stft.py --quick     a clip of 3 s, no network, about 6 s
    python 02_waveform_and_stft.py             the whole clip, about 7 s
Time and memory on 2 CPU cores: quick 6 s, full 7 s; 0.3 GB. Without data the first run makes its speech first.
Writes outputs/: stft.png, aliased.wav, not_aliased.wav, stand_in/ (first run without data)
Concepts: AUDIO_CONCEPTS_EXPLAINED.md (sampling and aliasing, frames and windows, spectrograms)
"""

import librosa
import numpy as np
import soxr
from audio_utils import (
    AUDIO,
    SAMPLE_RATE,
    Clip,
    decibels,
    draw_spectrogram,
    frames_of,
    load_reader,
    prepare,
    rms,
    save_figure,
    write_wav,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline import acoustics

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
WINDOW = AUDIO.n_fft  # 1,024 samples, 43 ms: holds two periods of a voice of 60 Hz
HOP = AUDIO.hop_length  # 256 samples, 10.7 ms: a quarter of the window, so the windows add up to a constant
WINDOWS = (128, 1024, 4096)  # samples; 5, 43 and 171 ms, compared below
TONE = 7_000.0  # Hz; thrown to 12,000 - 7,000 = 5,000 Hz when half of the samples go
QUICK_SECONDS = 3.0

# ----------------------------------------------------------------------------------------------------------------------
# the waveform


def describe(clip: Clip) -> None:
    """What can be said of a waveform without any transform."""
    waveform = clip.waveform
    peak = float(np.abs(waveform).max())
    crossings = np.mean(waveform[1:] * waveform[:-1] < 0) * clip.sample_rate
    print(f"{clip.name}: {len(waveform):,} samples, {clip.seconds:.2f} s at {clip.sample_rate:,} Hz")
    print(f"   peak {peak:.3f} ({decibels(peak):.1f} dB), RMS {decibels(rms(waveform)):.1f} dB")
    print(f"   crest factor {decibels(peak) - decibels(rms(waveform)):.1f} dB: speech has 15 to 20, a sine 3")
    print(f"   {crossings:,.0f} zero crossings a second: many in s and f, few in vowels and pauses")


# ----------------------------------------------------------------------------------------------------------------------
# the short-time Fourier transform


def stft(waveform: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Return the complex spectrum of every frame, `[F, N]` with F = window / 2 + 1.

    Frame n is centred on sample n * hop; the ends are mirrored so that the first and last samples have a frame, too.
    """
    padded = np.pad(waveform, window // 2, mode="reflect")
    frames = frames_of(padded, window, hop)  # [N, window]
    # concept: frames and windows
    fade = np.hanning(window + 1)[:-1]  # Hann, "periodic": the next window would go on where this one ends
    # concept: spectrograms
    return np.fft.rfft(frames * fade, axis=1).T  # [F, N]


def istft(spectrum: np.ndarray, hop: int, samples: int) -> np.ndarray:
    """Return the waveform `[samples]`: every frame back to time, windowed again, added, divided by the windows' sum."""
    window = 2 * (len(spectrum) - 1)
    fade = np.hanning(window + 1)[:-1]
    frames = np.fft.irfft(spectrum.T, axis=1) * fade  # [N, window]
    total = np.zeros(window + hop * (len(frames) - 1))
    weight = np.zeros_like(total)
    for number, frame in enumerate(frames):
        place = slice(number * hop, number * hop + window)
        total[place] += frame
        weight[place] += fade**2
    whole = total / np.maximum(weight, 1e-8)
    return whole[window // 2 : window // 2 + samples]


def prove_stft(waveform: np.ndarray) -> tuple[float, float]:
    """Compare with librosa, there and back; return both largest differences."""
    mine = stft(waveform, WINDOW, HOP)
    library = librosa.stft(waveform.astype(np.float64), n_fft=WINDOW, hop_length=HOP, pad_mode="reflect")
    gap = float(np.abs(mine - library).max())
    back = float(np.abs(istft(mine, HOP, len(waveform)) - waveform)[: (mine.shape[1] - 1) * HOP].max())
    print(
        f"\nSTFT {list(mine.shape)}: {mine.shape[0]} frequencies, {SAMPLE_RATE / WINDOW:.1f} Hz apart, "
        f"{mine.shape[1]} frames, {1000 * HOP / SAMPLE_RATE:.1f} ms apart"
    )
    print(f"   largest difference to librosa {gap:.1e}, of the way back to the waveform {back:.1e}")
    return gap, back


# ----------------------------------------------------------------------------------------------------------------------
# leakage, and the trade between time and frequency


def leakage(window: np.ndarray) -> float:
    """Return how loud a pure tone still is 500 Hz away from itself, dB below its peak."""
    samples = len(window)
    tone = np.sin(2 * np.pi * 1010.0 * np.arange(samples) / SAMPLE_RATE)  # between two frequencies of the grid
    spectrum = np.abs(np.fft.rfft(tone * window))
    away = np.abs(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE) - 1010.0) > 500
    return decibels(float(spectrum[away].max() / spectrum.max()))


def show_leakage() -> tuple[float, float]:
    hard, soft = leakage(np.ones(WINDOW)), leakage(np.hanning(WINDOW + 1)[:-1])
    print("\nA tone of 1,010 Hz, seen 500 Hz away from itself")
    print(f"   cut out hard (no window): {hard:.0f} dB; faded with Hann: {soft:.0f} dB")
    print("   Without the fade, the loud low tones of a voice bury its soft high ones.")
    return hard, soft


def resolves(levels: np.ndarray, first: int, second: int) -> bool:
    """Return whether there is a valley of 3 dB or more between two places of a curve in dB."""
    between = levels[first : second + 1]
    return bool(min(between[0], between[-1]) - between.min() >= 3) and second - first >= 2


def tells_tones_apart(window: int, distance: float) -> bool:
    """Two steady tones `distance` Hz apart: are they two hills in the spectrum?"""
    t = np.arange(4 * window) / SAMPLE_RATE
    tones = np.sin(2 * np.pi * 1000 * t) + np.sin(2 * np.pi * (1000 + distance) * t)
    levels = 20 * np.log10(np.abs(stft(tones, window, window // 8)).mean(axis=1) + 1e-9)
    places = [round(hz * window / SAMPLE_RATE) for hz in (1000, 1000 + distance)]
    return resolves(levels, *places)


def tells_clicks_apart(window: int, distance: float) -> bool:
    """Two clicks `distance` seconds apart: are they two hills over time?"""
    hop = max(12, window // 64)
    first, second = 2 * window, 2 * window + round(distance * SAMPLE_RATE)
    clicks = np.zeros(second + 2 * window)
    clicks[[first, second]] = 1.0
    levels = 10 * np.log10((np.abs(stft(clicks, window, hop)) ** 2).sum(axis=0) + 1e-9)
    return resolves(levels, first // hop, second // hop)


def show_trade() -> dict[int, tuple[float, float]]:
    """Find, for each window, the closest two tones and the closest two clicks that it still tells apart."""
    print("\nThe trade: what each window still tells apart")
    print("   window            tones          clicks        product")
    found = {}
    for window in WINDOWS:
        tones = next(hz for hz in np.arange(5, 1001, 5.0) if tells_tones_apart(window, hz))
        clicks = next(ms for ms in np.arange(1, 301, 1.0) if tells_clicks_apart(window, ms / 1000))
        found[window] = (tones, clicks)
        print(
            f"   {window:>5} = {1000 * window / SAMPLE_RATE:>5.1f} ms {tones:>8.0f} Hz {clicks:>10.0f} ms "
            f"{tones * clicks / 1000:>12.1f}"
        )
    print("   The product hardly changes. Better in one means worse in the other, whatever the window.")
    return found


# ----------------------------------------------------------------------------------------------------------------------
# aliasing


def loudest_hz(waveform: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(waveform)).argmax() * rate / len(waveform))


def show_aliasing(waveform: np.ndarray, out) -> tuple[float, float, float]:
    """Halve the sample rate of tones and of speech, with and without the filter that has to come first."""
    half = SAMPLE_RATE // 2
    print(f"\nAliasing: from {SAMPLE_RATE:,} to {half:,} Hz by keeping every second sample")
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for hz in (1_000, 5_000, TONE, 10_000):
        tone = np.sin(2 * np.pi * hz * t)
        naive = tone[::2]  # concept: sampling and aliasing
        filtered = soxr.resample(tone, SAMPLE_RATE, half, quality="HQ")[500:-500]  # without the edges of the tone
        print(
            f"   {hz:>6,.0f} Hz comes out at {loudest_hz(naive, half):>6,.0f} Hz; "
            f"with the filter first: {decibels(rms(filtered)) - decibels(rms(tone)):>6.1f} dB are left"
        )
    tone = np.sin(2 * np.pi * TONE * t)
    left = decibels(rms(soxr.resample(tone, SAMPLE_RATE, half, quality="HQ")[500:-500])) - decibels(rms(tone))
    naive, proper = waveform[::2], soxr.resample(waveform, SAMPLE_RATE, half, quality="HQ")
    samples = min(len(naive), len(proper))
    damage = decibels(rms(naive[:samples] - proper[:samples])) - decibels(rms(proper))
    print(f"   speech: what folds back is {damage:.1f} dB relative to the speech, mostly s, f and breath as whistling")
    write_wav(out / "aliased.wav", naive, half)
    write_wav(out / "not_aliased.wav", proper, half)
    return loudest_hz(tone[::2], half), left, damage


# ----------------------------------------------------------------------------------------------------------------------
# the plot


def plot_windows(clip: Clip, path) -> None:
    """The same two seconds through three windows."""
    part = clip.waveform[: 2 * SAMPLE_RATE]
    figure = Figure(figsize=(10, 9), layout="constrained")
    for axes, window in zip(figure.subplots(len(WINDOWS), 1), WINDOWS, strict=True):
        hop = min(HOP, window // 4)
        levels = 20 * np.log10(np.abs(stft(part, window, hop)) / window + 1e-7)
        title = f"window {window} samples = {1000 * window / SAMPLE_RATE:.0f} ms"
        image = draw_spectrogram(axes, levels, hop / SAMPLE_RATE, SAMPLE_RATE / 2, title)
        axes.set_ylim(0, 5000)
        figure.colorbar(image, ax=axes, label="level (dB)")
    save_figure(figure, path)
    print(
        f"\nstft.png: {WINDOWS[0]} samples show each beat of the vocal folds as an upright line; {WINDOWS[-1]} show "
        "each harmonic as a level line; the one between shows a little of both"
    )


def main(settings) -> dict:
    prepare(settings)
    clip = load_reader(settings, 1)[0].at(SAMPLE_RATE)
    if settings.quick:
        clip = Clip(clip.name, clip.speaker, clip.waveform[: int(QUICK_SECONDS * SAMPLE_RATE)], SAMPLE_RATE)
    describe(clip)
    gap, back = prove_stft(clip.waveform)
    hard, soft = show_leakage()
    trade = show_trade()
    alias, left, damage = show_aliasing(clip.waveform, settings.out)

    # The grown-up version: the capstone's frame energies, from the same grid of frames.
    energy = acoustics.energy(clip.waveform)  # [N]
    mine = np.sqrt(np.mean(frames_of(np.pad(clip.waveform, WINDOW // 2, mode="reflect"), WINDOW, HOP) ** 2, axis=1))
    same = float(np.abs(energy - mine).max())
    print(f"\nThe capstone's acoustics.energy: {len(energy)} frames, as here ({len(mine)}); difference {same:.1e}")
    plot_windows(clip, settings.out / "stft.png")
    return {
        "gap_to_librosa": gap,
        "gap_after_the_way_back": back,
        "leakage_without_window_db": hard,
        "leakage_with_hann_db": soft,
        "tones_told_apart_by_43_ms_hz": trade[1024][0],
        "tones_told_apart_by_171_ms_hz": trade[4096][0],
        "clicks_told_apart_by_5_ms_ms": trade[128][1],
        "clicks_told_apart_by_43_ms_ms": trade[1024][1],
        "alias_of_7000_hz": alias,
        "left_of_7000_hz_after_filter_db": left,
        "aliasing_of_speech_db": damage,
        "gap_to_capstone_energy": same,
    }


# The windows and the tones are arithmetic. What aliasing does to speech depends on how much s and f are in the clip.
EXPECTED = {
    "gap_to_librosa": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
    "gap_after_the_way_back": Expected(quick=(0, 1e-9), full=(0, 1e-9)),
    "leakage_without_window_db": Expected(quick=(-50, -40), full=(-50, -40)),
    "leakage_with_hann_db": Expected(quick=(-110, -90), full=(-110, -90)),
    "tones_told_apart_by_43_ms_hz": Expected(quick=(40, 75), full=(40, 75)),
    "tones_told_apart_by_171_ms_hz": Expected(quick=(10, 20), full=(10, 20)),
    "clicks_told_apart_by_5_ms_ms": Expected(quick=(2, 5), full=(2, 5)),
    "clicks_told_apart_by_43_ms_ms": Expected(quick=(17, 27), full=(17, 27)),
    "alias_of_7000_hz": Expected(quick=(4999, 5001), full=(4999, 5001)),
    "left_of_7000_hz_after_filter_db": Expected(quick=(-200, -80), full=(-200, -80)),
    "aliasing_of_speech_db": Expected(quick=(-45, -4), full=(-18, -8)),
    "gap_to_capstone_energy": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_mel_and_mfcc.py")
