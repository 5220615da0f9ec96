"""Taking noise away: spectral gating from scratch, against noisereduce, with what it gains and what it costs.

What you will learn
    - spectral gating: learn the noise from a pause, then shut every cell of the spectrogram that is not louder
    - how to measure a denoiser: noise gained, speech lost, and why the first alone can always be made better
    - what the threshold, the smoothing and the floor do, as a curve of gain against loss
    - where it fails: noise that changes, such as other people talking
    - why the capstone measures noise and rejects noisy clips, but never denoises before it measures
How to run it
    python 07_denoising.py --quick     2 clips, no network, about 8 s
    python 07_denoising.py             6 clips, about 9 s; the first run downloads 10 MB
Time and memory on 2 CPU cores: quick 8 s, full 9 s; 0.7 GB. Without data the first run makes its speech first.
Writes outputs/: noisy.wav, gated.wav, denoising.png, stand_in/ (first run without data)
Concepts: AUDIO_CONCEPTS_EXPLAINED.md (denoising, noise and snr)
"""

import noisereduce
import numpy as np
import scipy.signal
from audio_utils import (
    BLUE,
    ORANGE,
    SAMPLE_RATE,
    Clip,
    decibels,
    draw_spectrogram,
    is_active,
    load_reader,
    make_noise,
    mix_at_snr,
    prepare,
    rms,
    save_figure,
    snr_db,
    write_wav,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline.measurements import noise_and_snr
from voice_pipeline.vad import find_speech

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
SNR_DB = 10.0  # of the noisy clips; 20 is an ordinary room, 10 a fan beside the microphone, 0 a street
WINDOW, HOP = 1024, 256  # samples; a quarter, so that frames add up to what they were
PAUSE = 0.5  # seconds of noise alone before the speech, from which the noise is learnt
THRESHOLD = 1.5  # standard deviations above the noise's mean level; higher gains more and loses more
FLOOR_DB = -20.0  # what is left of a shut cell; -60 sounds like an underwater cave ("musical noise")
SMOOTH = (5, 5)  # cells in frequency and time over which the mask is averaged

# ----------------------------------------------------------------------------------------------------------------------
# spectral gating


def transform(waveform: np.ndarray) -> np.ndarray:
    return scipy.signal.stft(waveform, nperseg=WINDOW, noverlap=WINDOW - HOP, padded=True)[2]  # [F, N]


def back(spectrum: np.ndarray, samples: int) -> np.ndarray:
    return scipy.signal.istft(spectrum, nperseg=WINDOW, noverlap=WINDOW - HOP)[1][:samples].astype(np.float32)


def gate(
    spectrum: np.ndarray, noise: np.ndarray, threshold: float = THRESHOLD, floor_db: float = FLOOR_DB
) -> np.ndarray:
    """Return the mask, 0..1 `[F, N]`: what to multiply each cell with.

    Args:
        spectrum: Of the noisy clip, `[F, N]`.
        noise: Of noise alone, `[F, M]`; its mean and spread in each frequency are all that is learnt.
        threshold: Standard deviations.
        floor_db: Level of a shut cell, dB.
    """
    # concept: denoising
    levels = 20 * np.log10(np.abs(noise) + 1e-9)  # [F, M]
    limit = levels.mean(axis=1, keepdims=True) + threshold * levels.std(axis=1, keepdims=True)  # [F, 1]
    open_ = 20 * np.log10(np.abs(spectrum) + 1e-9) > limit  # [F, N]
    kernel = np.outer(np.bartlett(SMOOTH[0] + 2), np.bartlett(SMOOTH[1] + 2))  # lone cells are noise by chance
    smooth = scipy.signal.fftconvolve(open_.astype(float), kernel / kernel.sum(), mode="same")
    floor = 10 ** (floor_db / 20)
    return floor + (1 - floor) * np.clip(smooth, 0, 1)


def denoise(waveform: np.ndarray, pause: int, threshold: float = THRESHOLD, floor_db: float = FLOOR_DB) -> np.ndarray:
    """Gate a clip whose first `pause` samples are noise alone."""
    mask = gate(transform(waveform), transform(waveform[:pause]), threshold, floor_db)
    return back(mask * transform(waveform), len(waveform))


# ----------------------------------------------------------------------------------------------------------------------
# measuring


def with_noise(clip: Clip, kind: str, talkers: list[Clip], random: np.random.Generator) -> tuple[Clip, np.ndarray]:
    """Return (the clean clip with a pause before it, the same with noise)."""
    padded = np.pad(clip.waveform, (int(PAUSE * SAMPLE_RATE), 0))
    clean = Clip(clip.name, clip.speaker, padded, SAMPLE_RATE)
    noise = make_noise(kind, len(padded), SAMPLE_RATE, random, talkers)
    return clean, mix_at_snr(clean, noise, SNR_DB).astype(np.float32)


def measure(clean: np.ndarray, noisy: np.ndarray, result: np.ndarray) -> dict[str, float]:
    """Say what a denoiser gained and lost, the clean waveform being known.

    Returns:
        gain: SNR against the clean waveform afterwards, minus before, dB.
        pauses: how much quieter the frames without speech are, dB.
        treble: how much is left above 4 kHz in frames with speech, dB; 0 is all of it. s, f and breath live there.
    """
    # concept: noise and snr
    active = is_active(clean, WINDOW, HOP)
    quiet = np.flatnonzero(~active)
    rows = [np.lib.stride_tricks.sliding_window_view(x, WINDOW)[::HOP] for x in (clean, noisy, result)]
    pauses = decibels(rms(rows[1][quiet].ravel())) - decibels(rms(rows[2][quiet].ravel()))
    treble = scipy.signal.butter(4, 4000, "highpass", fs=SAMPLE_RATE, output="sos")
    high = [scipy.signal.sosfilt(treble, row[active], axis=1) for row in (rows[0], rows[2])]
    # What of the result goes along with the clean treble: noise that is left does not count as speech that is kept.
    kept = float((high[0] * high[1]).sum() / (high[0] ** 2).sum())
    return {
        "gain": snr_db(clean, result) - snr_db(clean, noisy),
        "pauses": pauses,
        "treble": decibels(max(kept, 1e-6)),
    }


def mean_of(rows: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def methods(noisy: np.ndarray) -> dict[str, np.ndarray]:
    """Denoise with the gate above and with noisereduce, which learns from the same pause."""
    pause = int(PAUSE * SAMPLE_RATE)
    library = noisereduce.reduce_noise(
        y=noisy, sr=SAMPLE_RATE, y_noise=noisy[:pause], stationary=True, n_fft=WINDOW, hop_length=HOP,
        n_std_thresh_stationary=THRESHOLD, prop_decrease=1 - 10 ** (FLOOR_DB / 20),
    )  # fmt: skip
    return {"from scratch": denoise(noisy, pause), "noisereduce": library.astype(np.float32)}


def compare(clips: list[Clip], random: np.random.Generator) -> dict[str, dict[str, float]]:
    print(f"{len(clips)} clips with noise {SNR_DB:.0f} dB below the speech: what two programs gain and lose")
    print("   noise    program        SNR gained   pauses quieter   treble of the speech left")
    found = {}
    for kind in ("white", "pink", "babble"):
        rows: dict[str, list] = {}
        for clip in clips:
            clean, noisy = with_noise(clip, kind, clips, random)
            for name, result in methods(noisy).items():
                rows.setdefault(name, []).append(measure(clean.waveform, noisy, result))
        for name, values in rows.items():
            mean = found[f"{kind} {name}"] = mean_of(values)
            print(
                f"   {kind:<8} {name:<14} {mean['gain']:>6.1f} dB {mean['pauses']:>13.1f} dB {mean['treble']:>15.1f} dB"
            )
    print(
        "   Babble changes from moment to moment: half a second says little about it, and gating gains next to nothing."
    )
    return found


def sweep(clip: Clip, random: np.random.Generator) -> list[tuple[float, dict[str, float]]]:
    """Turn the threshold up, and see gain and loss go up together."""
    clean, noisy = with_noise(clip, "white", [], random)
    print("\nThe threshold, from scratch, white noise")
    print("   deviations   SNR gained   pauses quieter   treble left")
    found = []
    for threshold in (0.0, 1.0, 2.0, 3.0, 4.0):
        values = measure(clean.waveform, noisy, denoise(noisy, int(PAUSE * SAMPLE_RATE), threshold))
        found.append((threshold, values))
        print(
            f"   {threshold:>6.1f} {values['gain']:>14.1f} dB {values['pauses']:>13.1f} dB {values['treble']:>10.1f} dB"
        )
    print("   Pauses only get quieter. The speech only gets duller. Where to stop is a matter of what the clip is for.")
    return found


def as_the_capstone_sees(clip: Clip, random: np.random.Generator) -> tuple[float, float]:
    """Measure the SNR as the ledger does, blindly, before and after denoising."""
    _, noisy = with_noise(clip, "white", [], random)
    seen = []
    for waveform in (noisy, denoise(noisy, int(PAUSE * SAMPLE_RATE))):
        seen.append(noise_and_snr(waveform, SAMPLE_RATE, find_speech(waveform, SAMPLE_RATE))[1] or 0.0)
    print(
        f"\nThe capstone's ledger, which does not know the clean clip: SNR {seen[0]:.1f} dB before, {seen[1]:.1f} after"
    )
    print(
        "   It believes the pauses. The noise under the words is still there: a denoised clip looks better than it is."
    )
    print(
        "   So the capstone measures first, rejects what is too noisy, and leaves what it accepts as it was recorded."
    )
    return seen[0], seen[1]


def plot(clip: Clip, steps: list, random: np.random.Generator, settings) -> None:
    clean, noisy = with_noise(clip, "pink", [], random)
    result = denoise(noisy, int(PAUSE * SAMPLE_RATE))
    write_wav(settings.out / "noisy.wav", noisy)
    write_wav(settings.out / "gated.wav", result)
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(2, 2)
    for place, name, waveform in ((axes[0, 0], "clean", clean.waveform), (axes[0, 1], "noisy, 10 dB", noisy),
                                  (axes[1, 0], "gated", result)):  # fmt: skip
        levels = 20 * np.log10(np.abs(transform(waveform)) + 1e-6)
        draw_spectrogram(place, levels, HOP / SAMPLE_RATE, SAMPLE_RATE / 2, name, -70)
    gained = [values["gain"] for _, values in steps]
    lost = [-values["treble"] for _, values in steps]
    axes[1, 1].plot(lost, gained, "o-", color=BLUE)
    for (threshold, _), x, y in zip(steps, lost, gained, strict=True):
        axes[1, 1].annotate(f"{threshold:.0f}", (x, y), xytext=(5, 5), textcoords="offset points", color=ORANGE)
    axes[1, 1].set(xlabel="treble of the speech lost (dB)", ylabel="SNR gained (dB)", title="each point: a threshold")
    axes[1, 1].grid(alpha=0.3)
    save_figure(figure, settings.out / "denoising.png")
    print(
        f"denoising.png: three spectrograms, and gain against loss; most SNR at a threshold of "
        f"{steps[int(np.argmax(gained))][0]:.0f} deviations"
    )


def main(settings) -> dict:
    random = prepare(settings)
    clips = [clip.at(SAMPLE_RATE) for clip in load_reader(settings, 2 if settings.quick else 6)]
    found = compare(clips, random)
    steps = sweep(clips[0], random)
    before, after = as_the_capstone_sees(clips[0], random)
    plot(clips[0], steps, random, settings)
    mine, library = found["white from scratch"], found["white noisereduce"]
    return {
        "snr_gained_in_white_db": mine["gain"],
        "snr_gained_by_noisereduce_db": library["gain"],
        "snr_gained_in_pink_db": found["pink from scratch"]["gain"],
        "snr_gained_in_babble_db": found["babble from scratch"]["gain"],
        "pauses_quieter_db": mine["pauses"],
        "treble_left_db": mine["treble"],
        "treble_left_at_threshold_4_db": steps[-1][1]["treble"],
        "ledger_snr_rise_db": after - before,
    }


# With another kind of speech, gains move by a few dB; their signs do not.
EXPECTED = {
    "snr_gained_in_white_db": Expected(quick=(3, 12), full=(4, 9)),
    "snr_gained_by_noisereduce_db": Expected(quick=(-5, 6), full=(-3, 3)),
    "snr_gained_in_pink_db": Expected(quick=(3, 12), full=(4, 10)),
    "snr_gained_in_babble_db": Expected(quick=(-2, 4), full=(-1, 3)),
    "pauses_quieter_db": Expected(quick=(10, 20), full=(12, 18)),
    "treble_left_db": Expected(quick=(-7, -0.3), full=(-4, -0.8)),
    "treble_left_at_threshold_4_db": Expected(quick=(-25, -4), full=(-18, -8)),
    "ledger_snr_rise_db": Expected(quick=(8, 30), full=(10, 22)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="08_augmentation.py")
