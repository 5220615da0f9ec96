"""The melody of a voice: pitch by YIN from scratch, against librosa's pyin, and energy beside it.

What you will learn
    - why pitch is not the loudest frequency, and what is missing from the highest hill of the autocorrelation
    - YIN in four steps: difference, normalising, the first deep valley, and a parabola for the last fraction
    - how to judge a pitch tracker: on tones whose pitch is known, then against another tracker on speech
    - what the melody says: a voice's usual pitch, its range in semitones, and where it is not voiced at all
How to run it
    python 06_pitch_and_energy.py --quick     2 speakers, 3 s each, no network, about 6 s
    python 06_pitch_and_energy.py             6 speakers, 6 s each, about 8 s; the first run downloads 12 MB
Time and memory on 2 CPU cores: quick 6 s, full 8 s; 0.3 GB. Without data the first run makes its speech first.
Writes outputs/: pitch_and_energy.png, stand_in/ (first run without data)
Concepts: AUDIO_CONCEPTS_EXPLAINED.md (pitch, levels and loudness)
"""

import librosa
import numpy as np
import scipy.signal
from audio_utils import (
    AUDIO,
    BLUE,
    GREY,
    ORANGE,
    SAMPLE_RATE,
    Clip,
    decibels,
    draw_spectrogram,
    frames_of,
    load_speakers,
    prepare,
    rms,
    save_figure,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline import acoustics

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
LOWEST, HIGHEST = AUDIO.f0_min, AUDIO.f0_max  # 60 to 500 Hz: a low man to an excited child
LONGEST = int(SAMPLE_RATE / LOWEST)  # 400 samples: the longest period looked for
SHORTEST = int(SAMPLE_RATE / HIGHEST)  # 48 samples
COMPARED = 600  # samples, 25 ms, that are compared with themselves a period later; longer blurs a moving pitch
HOP = AUDIO.hop_length
LOW_PASS = scipy.signal.butter(2, 1000.0, fs=SAMPLE_RATE, output="sos")  # breath and hiss above have no period
DEEP = 0.25  # a valley below this is a period; 0.1 (the paper) suits clean voices, 0.5 takes noise for pitch
SOFTEST_DB = 35.0  # dB below the loudest frame; what is softer has no pitch, whatever the valleys say
GROSS = 0.2  # a difference of 20 % or more is a gross error; an octave is 100 %

# ----------------------------------------------------------------------------------------------------------------------
# YIN (de Cheveigne and Kawahara 2002)


def differences(frames: np.ndarray) -> np.ndarray:
    """Return how much each frame differs from itself `tau` samples later, `[N, LONGEST + 1]`.

    d(tau) = sum over j of (x[j] - x[j + tau])^2 = energy + energy later - 2 * correlation, and a correlation is a
    product of Fourier transforms: all lags at once.
    """
    size = 2048  # at least COMPARED + the frame, so that the circle of the transform does not bite its tail
    fixed = np.fft.rfft(frames[:, :COMPARED], size)
    whole = np.fft.rfft(frames, size)
    correlation = np.fft.irfft(whole * fixed.conj(), size)[:, : LONGEST + 1]
    energy = np.cumsum(np.pad(frames**2, ((0, 0), (1, 0))), axis=1)
    later = energy[:, COMPARED : COMPARED + LONGEST + 1] - energy[:, : LONGEST + 1]
    return np.maximum(0, later[:, :1] + later - 2 * correlation)


def normalised(difference: np.ndarray) -> np.ndarray:
    """Divide each d(tau) by the mean of all d up to tau: 1 at the start, far below 1 where a period fits.

    Without this step the best lag is always 0: nothing is more like the sound than the sound itself.
    """
    # concept: pitch
    lags = np.arange(1, difference.shape[1])
    mean = np.cumsum(difference[:, 1:], axis=1) / lags
    return np.concatenate([np.ones((len(difference), 1)), difference[:, 1:] / np.maximum(mean, 1e-12)], axis=1)


def first_valley(curve: np.ndarray) -> float:
    """Return the period in samples, with a fraction, of one normalised curve; 0 where no valley is deep enough.

    The FIRST deep valley: twice the period fits as well, and a tracker that takes the deepest jumps down an octave.
    """
    deep = np.flatnonzero(curve[SHORTEST:-1] < DEEP)
    if not len(deep):
        return 0.0
    lag = SHORTEST + int(deep[0])
    while lag + 1 < len(curve) - 1 and curve[lag + 1] < curve[lag]:
        lag += 1  # down to the floor of the valley
    before, here, after = curve[lag - 1 : lag + 2]
    bend = before - 2 * here + after
    return lag + (0.5 * (before - after) / bend if bend > 0 else 0.0)  # the lowest point of a parabola through three


def yin(waveform: np.ndarray) -> np.ndarray:
    """Return the pitch of each frame in Hz, 0 where there is none, `[N]`; frame n is centred on sample n * HOP."""
    size = COMPARED + LONGEST
    low = scipy.signal.sosfiltfilt(LOW_PASS, waveform.astype(np.float64))
    frames = frames_of(np.pad(low, size // 2), size, HOP)  # [N, size]
    periods = np.array([first_valley(curve) for curve in normalised(differences(frames))])
    levels = np.sqrt(np.mean(frames**2, axis=1))
    heard = levels > levels.max() * 10 ** (-SOFTEST_DB / 20)
    return np.where((periods > 0) & heard, SAMPLE_RATE / np.maximum(periods, 1), 0.0)


# ----------------------------------------------------------------------------------------------------------------------
# two simpler ideas


def loudest_frequency(waveform: np.ndarray) -> np.ndarray:
    """Take the highest peak of the spectrum between LOWEST and HIGHEST. `[N]`"""
    spectrum = np.abs(librosa.stft(waveform, n_fft=4096, hop_length=HOP))  # [F, N]
    hertz = np.fft.rfftfreq(4096, 1 / SAMPLE_RATE)
    inside = (hertz >= LOWEST) & (hertz <= HIGHEST)
    return hertz[inside][spectrum[inside].argmax(axis=0)]


def highest_correlation(waveform: np.ndarray) -> np.ndarray:
    """Take the lag with the greatest correlation. `[N]`"""
    size = COMPARED + LONGEST
    frames = frames_of(np.pad(waveform.astype(np.float64), size // 2), size, HOP)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 4096)) ** 2)[:, SHORTEST : LONGEST + 1]
    return SAMPLE_RATE / (SHORTEST + correlation.argmax(axis=1))


# ----------------------------------------------------------------------------------------------------------------------
# judging


def glide(first: float, last: float, seconds: float, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a buzz whose pitch goes from `first` to `last` Hz, and the true pitch of each frame.

    Its second harmonic is the loudest, as in many voices, and it has a little noise.
    """
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    f0 = first + (last - first) * t / seconds
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    sound = sum(weight * np.sin(k * phase) for k, weight in enumerate((0.3, 1.0, 0.6, 0.4, 0.3, 0.2), 1))
    sound = 0.2 * sound + 0.002 * random.normal(size=len(t))
    return sound.astype(np.float32), f0[np.minimum(np.arange(1 + len(t) // HOP) * HOP, len(t) - 1)]


def judge_known(random: np.random.Generator) -> dict[str, tuple[float, float, float]]:
    """Track a buzz in three ways; return gross errors, the median of the fine ones, and pitch found in hiss."""
    sound, truth = glide(90.0, 240.0, 2.0, random)
    print("A buzz from 90 to 240 Hz whose second harmonic is the loudest")
    hiss = (0.1 * random.normal(size=SAMPLE_RATE)).astype(np.float32)
    found = {}
    trackers = {"loudest frequency": loudest_frequency, "highest correlation": highest_correlation, "YIN": yin}
    for name, track in trackers.items():
        f0 = track(sound)[3:-3]
        true = truth[3 : 3 + len(f0)]
        close = np.abs(f0 / true - 1) < GROSS
        cents = 1200 * np.abs(np.log2(f0[close] / true[close]))
        fine = f"{np.median(cents):.1f} cents off" if len(cents) else "nothing"
        imagined = float((track(hiss) > 0).mean())
        found[name] = (float(1 - close.mean()), float(np.median(cents)) if len(cents) else 0.0, imagined)
        print(
            f"   {name:<20} {found[name][0]:>5.0%} gross errors, the rest: {fine:<15} in hiss it finds a pitch in "
            f"{imagined:.0%} of the frames"
        )
    print("   (A semitone is 100 cents.) The correlation is good at how high, and cannot say that there is no pitch.")
    return found


def compare(mine: np.ndarray, other: np.ndarray) -> tuple[float, float, float]:
    """Return the share of frames on whose voicing two tracks agree, of gross differences, and the median cents."""
    samples = min(len(mine), len(other))
    mine, other = mine[:samples], other[:samples]
    both = (mine > 0) & (other > 0)
    if both.sum() < 3:
        return float(((mine > 0) == (other > 0)).mean()), 0.0, 0.0  # nothing in common to compare
    ratio = mine[both] / other[both]
    gross = np.abs(ratio - 1) >= GROSS
    cents = float(np.median(np.abs(1200 * np.log2(ratio[~gross]))))
    return float(((mine > 0) == (other > 0)).mean()), float(gross.mean()), cents


def pyin(waveform: np.ndarray) -> np.ndarray:
    """Return librosa's pyin on the same grid of frames, 0 where it finds no voice."""
    f0, voiced, _ = librosa.pyin(
        waveform, sr=SAMPLE_RATE, fmin=LOWEST, fmax=HIGHEST, frame_length=2048, hop_length=HOP, fill_na=0.0,
        resolution=0.2,
    )  # fmt: skip
    return np.where(voiced, f0, 0.0)


def judge_speech(clips: list[Clip]) -> dict[str, float]:
    """Compare YIN with pyin and with the capstone's pitch, speaker by speaker."""
    print("\nspeaker      pitch   range      voiced   pyin: agree  gross   cents   capstone: agree  gross   cents")
    rows, medians = [], []
    for clip in clips:
        mine = yin(clip.waveform)
        voiced = mine[mine > 0]
        low, high = np.percentile(voiced, [5, 95])
        medians.append(float(np.median(voiced)))
        library = compare(mine, pyin(clip.waveform))
        capstone = compare(mine, acoustics.fundamental_frequency(clip.waveform))
        cells = [f"{agree:.0%} {gross:>6.1%} {cents:>7.1f}" for agree, gross, cents in (library, capstone)]
        span = f"{12 * np.log2(high / low):.1f} st"
        print(
            f"{clip.speaker:<9} {medians[-1]:>6.0f} Hz {span:>8} {len(voiced) / len(mine):>9.0%} {cells[0]:>28}"
            f" {cells[1]:>33}"
        )
        rows.append((*library, *capstone))
    mean = np.mean(rows, axis=0)
    print("   Voicing is where trackers differ: at the edges of words it is a matter of taste. Pitch itself is not.")
    return {
        "voicing_agreement_with_pyin": float(mean[0]),
        "gross_differences_to_pyin": float(mean[1]),
        "cents_to_pyin": float(mean[2]),
        "gross_differences_to_capstone": float(mean[4]),
        "lowest_voice_hz": min(medians),
        "highest_voice_hz": max(medians),
    }


def plot(clip: Clip, path) -> float:
    """Draw spectrogram, pitch and energy of a clip; return how much louder voiced frames are, dB."""
    f0 = yin(clip.waveform)
    energy = acoustics.energy(clip.waveform)
    seconds = np.arange(len(f0)) * HOP / SAMPLE_RATE
    figure = Figure(figsize=(10, 7), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    levels = 20 * np.log10(np.abs(librosa.stft(clip.waveform, n_fft=2048, hop_length=HOP)) + 1e-4)
    draw_spectrogram(top, levels, HOP / SAMPLE_RATE, SAMPLE_RATE / 2, f"{clip.name}: pitch on its spectrogram")
    top.plot(seconds, np.where(f0 > 0, f0, np.nan), color="#56B4E9", linewidth=2, label="YIN")
    top.set(ylim=(0, 1500), xlabel="")
    top.legend(loc="upper right")
    loud = 20 * np.log10(energy[: len(seconds)] + 1e-6)
    bottom.plot(seconds[: len(loud)], loud, color=GREY, label="all frames")
    bottom.plot(seconds[: len(loud)], np.where(f0[: len(loud)] > 0, loud, np.nan), color=ORANGE, label="voiced")
    bottom.axhline(float(loud.max()) - SOFTEST_DB, color=BLUE, linestyle=":", label="too soft for a pitch")
    bottom.set(xlabel="time (s)", ylabel="energy (dB)")
    bottom.legend(loc="lower right")
    save_figure(figure, path)
    voiced = f0[: len(loud)] > 0
    gain = decibels(rms(energy[: len(loud)][voiced])) - decibels(rms(energy[: len(loud)][~voiced]))
    print(f"pitch_and_energy.png: {voiced.mean():.0%} of the frames have a pitch, and are {gain:.0f} dB louder")
    return gain


def main(settings) -> dict:
    random = prepare(settings)
    clips = load_speakers(settings, 2 if settings.quick else 6, sentences_each=1)
    seconds = 3.0 if settings.quick else 6.0
    clips = [clip.at(SAMPLE_RATE) for clip in clips]
    clips = [Clip(c.name, c.speaker, c.waveform[: int(seconds * SAMPLE_RATE)], SAMPLE_RATE) for c in clips]
    known = judge_known(random)
    measured = judge_speech(clips)
    gain = plot(clips[0], settings.out / "pitch_and_energy.png")
    return {
        "gross_errors_of_loudest_frequency": known["loudest frequency"][0],
        "gross_errors_of_yin": known["YIN"][0],
        "cents_of_yin": known["YIN"][1],
        "pitch_in_hiss_by_yin": known["YIN"][2],
        **measured,
        "voiced_louder_db": gain,
    }


# The buzz is arithmetic. On speech the trackers differ a little; a synthetic voice may hardly have a pitch.
EXPECTED = {
    "gross_errors_of_loudest_frequency": Expected(quick=(0.9, 1), full=(0.9, 1)),
    "gross_errors_of_yin": Expected(quick=(0, 0.02), full=(0, 0.02)),
    "cents_of_yin": Expected(quick=(0, 10), full=(0, 10)),
    "pitch_in_hiss_by_yin": Expected(quick=(0, 0.15), full=(0, 0.15)),
    "voicing_agreement_with_pyin": Expected(quick=(0.6, 1), full=(0.75, 1)),
    "gross_differences_to_pyin": Expected(quick=(0, 0.2), full=(0, 0.05)),
    "cents_to_pyin": Expected(quick=(0, 60), full=(0, 30)),
    "gross_differences_to_capstone": Expected(quick=(0, 0.2), full=(0, 0.05)),
    "lowest_voice_hz": Expected(quick=(60, 260), full=(70, 140)),
    "highest_voice_hz": Expected(quick=(90, 400), full=(170, 260)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="07_denoising.py")
