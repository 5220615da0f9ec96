"""Mel filters and MFCC from scratch, equal to librosa's, and what a model gets when two programs disagree about them.

What you will learn
    - the mel scale: why 80 numbers a frame are enough where the Fourier transform gives 513
    - mel filters in ten lines, equal to librosa's; how wide they are, and when one of them is empty
    - MFCC in four lines more: logarithm, cosine transform; what the first coefficients stand for
    - five settings that two programs can have different, and how far apart their mels are then
How to run it
    python 03_mel_and_mfcc.py --quick     a clip of 3 s, no network, about 5 s
    python 03_mel_and_mfcc.py             three whole clips, about 6 s
Time and memory on 2 CPU cores: quick 5 s, full 6 s; 0.3 GB. Without data the first run makes its speech first.
Writes outputs/: mel_and_mfcc.png, stand_in/ (first run without data)
Concepts: AUDIO_CONCEPTS_EXPLAINED.md (the mel scale, mfcc)
"""

import librosa
import numpy as np
import scipy.fft
from audio_utils import (
    AUDIO,
    BLUE,
    ORANGE,
    SAMPLE_RATE,
    draw_spectrogram,
    load_reader,
    prepare,
    save_figure,
)
from matplotlib.figure import Figure

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline import acoustics

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
N_MFCC = 13  # usual for speech; 20 keeps more of the voice, 40 nearly all of it
QUICK_SECONDS = 3.0
LINEAR_TOP, LINEAR_MELS = 1000.0, 15.0  # Hz and mel where Slaney's scale turns from straight to logarithmic
LOG_STEP = np.log(6.4) / 27.0  # each mel above that is a factor of exp(LOG_STEP) = 1.071 in frequency

# ----------------------------------------------------------------------------------------------------------------------
# the mel scale and its filters


def hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """Return Slaney's mel of frequencies: straight up to 1,000 Hz, then logarithmic (librosa's default)."""
    # concept: the mel scale
    hz = np.asarray(hz, dtype=np.float64)
    return np.where(
        hz < LINEAR_TOP,
        hz * LINEAR_MELS / LINEAR_TOP,
        LINEAR_MELS + np.log(np.maximum(hz, LINEAR_TOP) / LINEAR_TOP) / LOG_STEP,
    )


def mel_to_hz(mel: np.ndarray) -> np.ndarray:
    mel = np.asarray(mel, dtype=np.float64)
    return np.where(
        mel < LINEAR_MELS, mel * LINEAR_TOP / LINEAR_MELS, LINEAR_TOP * np.exp(LOG_STEP * (mel - LINEAR_MELS))
    )


def htk_mel(hz: float) -> float:
    """The other mel in use (HTK, torchaudio's default): one formula for all frequencies."""
    return 2595 * np.log10(1 + hz / 700)


def mel_filters(sample_rate: int, n_fft: int, n_mels: int, lowest: float, highest: float) -> np.ndarray:
    """Return the filter bank `[M, F]`: M triangles, evenly spaced in mel, each with the area 1 ("Slaney norm")."""
    frequencies = np.fft.rfftfreq(n_fft, 1 / sample_rate)  # [F]
    corners = mel_to_hz(np.linspace(hz_to_mel(lowest), hz_to_mel(highest), n_mels + 2))  # [M + 2]
    left, middle, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]  # [M, 1] each
    rising = (frequencies - left) / (middle - left)  # [M, F]
    falling = (right - frequencies) / (right - middle)
    triangles = np.maximum(0, np.minimum(rising, falling))
    return triangles * 2 / (right - left)  # wide triangles are made lower, so that hiss gives the same in each


def show_scale() -> None:
    print("hertz        100    500  1,000  2,000  4,000  8,000 12,000")
    hertz = (100, 500, 1000, 2000, 4000, 8000, 12000)
    print("mel, Slaney" + "".join(f"{hz_to_mel(hz):>7.1f}" for hz in hertz))
    print("mel, HTK   " + "".join(f"{htk_mel(hz):>7.0f}" for hz in hertz))
    low, high = hz_to_mel([0, 1000]), hz_to_mel([11_000, 12_000])
    print(
        f"1,000 Hz at the bottom are {low[1] - low[0]:.1f} mel, at the top {high[1] - high[0]:.2f}: the ear's own map"
    )


def show_filters() -> tuple[float, int]:
    """Compare the filters with librosa's; count those that catch no frequency at all when there are too many."""
    mine = mel_filters(SAMPLE_RATE, AUDIO.n_fft, AUDIO.n_mels, AUDIO.mel_fmin, AUDIO.mel_fmax)
    library = librosa.filters.mel(
        sr=SAMPLE_RATE, n_fft=AUDIO.n_fft, n_mels=AUDIO.n_mels, fmin=AUDIO.mel_fmin, fmax=AUDIO.mel_fmax
    )
    gap = float(np.abs(mine - library).max() / library.max())
    widths = (mine > 0).sum(axis=1)
    crowded = mel_filters(SAMPLE_RATE, 256, AUDIO.n_mels, 0.0, 12_000.0)
    empty = int((crowded.sum(axis=1) == 0).sum())
    print(
        f"\n{AUDIO.n_mels} filters over {mine.shape[1]} frequencies: the lowest covers {widths[0]} of them, "
        f"the highest {widths[-1]}"
    )
    print(f"   largest difference to librosa {gap:.1e} of the highest value")
    print(f"   80 filters over the 129 frequencies of a short window: {empty} catch none and are silent for ever")
    return gap, empty


# ----------------------------------------------------------------------------------------------------------------------
# mel spectrogram and MFCC


def log_mel(magnitude: np.ndarray, filters: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of the mel spectrogram, `[M, N]`, from magnitudes `[F, N]`."""
    return np.log(np.maximum(filters @ magnitude, AUDIO.log_floor))


def mfcc(levels: np.ndarray, n_mfcc: int) -> np.ndarray:
    """Return the first coefficients `[n_mfcc, N]` of the cosine transform of mel levels in dB, `[M, N]`.

    Coefficient k says how much of a wave with k half periods over the M mel bands is in the frame's levels.
    """
    # concept: mfcc
    bands = len(levels)
    places = (np.arange(bands) + 0.5) / bands  # the middle of each band, 0..1
    waves = np.cos(np.pi * np.arange(n_mfcc)[:, None] * places) * np.sqrt(2 / bands)  # [n_mfcc, M]
    waves[0] /= np.sqrt(2)  # so that the waves have the length 1 each, and stand at right angles
    return waves @ levels


def prove_mfcc(waveform: np.ndarray) -> tuple[float, float, float]:
    """Compare log-mel with the capstone's, MFCC with librosa's and the cosine transform with SciPy's."""
    spectrum = np.abs(
        librosa.stft(waveform, n_fft=AUDIO.n_fft, hop_length=AUDIO.hop_length, pad_mode="reflect")
    )  # [F, N]
    filters = mel_filters(SAMPLE_RATE, AUDIO.n_fft, AUDIO.n_mels, AUDIO.mel_fmin, AUDIO.mel_fmax)
    mel_gap = float(np.abs(log_mel(spectrum, filters) - acoustics.log_mel(waveform)).max())

    power_db = librosa.power_to_db(filters @ spectrum**2)  # [M, N]; 80 dB below the loudest is the floor
    library = librosa.feature.mfcc(
        y=waveform, sr=SAMPLE_RATE, n_mfcc=N_MFCC, n_fft=AUDIO.n_fft, hop_length=AUDIO.hop_length,
        n_mels=AUDIO.n_mels, fmin=AUDIO.mel_fmin, fmax=AUDIO.mel_fmax, pad_mode="reflect",
    )  # fmt: skip
    mfcc_gap = float(np.abs(mfcc(power_db, N_MFCC) - library).max())
    all_of_them = mfcc(power_db, AUDIO.n_mels)
    dct_gap = float(np.abs(all_of_them - scipy.fft.dct(power_db, axis=0, norm="ortho")).max())
    print(f"\nlog-mel {list(acoustics.log_mel(waveform).shape)}: largest difference to the capstone's {mel_gap:.1e}")
    print(
        f"MFCC {list(library.shape)}: largest difference to librosa's {mfcc_gap:.1e}, of the cosine transform "
        f"to SciPy's {dct_gap:.1e}"
    )
    return mel_gap, mfcc_gap, dct_gap


def show_meaning(waveform: np.ndarray) -> tuple[float, float]:
    """Coefficient 0 is the loudness, the next few are the shape of the mouth, the late ones are the pitch's ripple."""
    filters = mel_filters(SAMPLE_RATE, AUDIO.n_fft, AUDIO.n_mels, AUDIO.mel_fmin, AUDIO.mel_fmax)

    def coefficients(sound: np.ndarray) -> np.ndarray:
        power = filters @ np.abs(librosa.stft(sound, n_fft=AUDIO.n_fft, hop_length=AUDIO.hop_length)) ** 2
        return mfcc(10 * np.log10(power + 1e-20), AUDIO.n_mels)

    plain = coefficients(waveform)
    change = (coefficients(2 * waveform) - plain).mean(axis=1)
    spread = ((plain[1:] - plain[1:].mean(axis=1, keepdims=True)) ** 2).mean(axis=1)
    share = float(spread[: N_MFCC - 1].sum() / spread.sum())
    print(
        f"Twice as loud: coefficient 0 grows by {change[0]:.2f} (6.02 dB * sqrt(80) = {6.0206 * 80**0.5:.2f}), "
        f"the others by {np.abs(change[1:]).max():.1e} at most"
    )
    print(f"Coefficients 1 to 12 hold {share:.0%} of all movement in the shape of the spectrum; 67 more share the rest")
    return float(change[0]), share


# ----------------------------------------------------------------------------------------------------------------------
# two programs that disagree


def mismatches(waveform: np.ndarray) -> dict[str, float]:
    """Return how far the mel moves (mean absolute difference, in nepers) when one setting is another one."""
    ours = acoustics.log_mel(waveform)
    spectrum = np.abs(librosa.stft(waveform, n_fft=AUDIO.n_fft, hop_length=AUDIO.hop_length, pad_mode="reflect"))
    filters = acoustics.mel_filters()

    def bank(**changes) -> np.ndarray:
        usual = {"sr": SAMPLE_RATE, "n_fft": AUDIO.n_fft, "n_mels": AUDIO.n_mels, "fmin": 0.0, "fmax": AUDIO.mel_fmax}
        return librosa.filters.mel(**(usual | changes))

    others = {
        "highest band 8,000 Hz instead of 12,000": log_mel(spectrum, bank(fmax=8000.0)),
        "HTK's mel instead of Slaney's": log_mel(spectrum, bank(htk=True)),
        "triangles of height 1 instead of area 1": log_mel(spectrum, bank(norm=None)),
        "power instead of magnitude": log_mel(spectrum**2, filters),
        "base 10 instead of the natural logarithm": ours / np.log(10),
    }
    found = {name: float(np.abs(other - ours).mean()) for name, other in others.items()}
    spread = float(np.abs(ours - ours.mean()).mean())
    print(f"\nThe same sound, one setting different (an average mel value is {spread:.2f} from the mean of all)")
    for name, distance in found.items():
        print(f"   {name:<42} {distance:5.2f}")
    print("   All have the shape [80, N], all look right as a picture, and none raises an error: lab_mel_mismatch.")
    return found


def plot_features(waveform: np.ndarray, path) -> None:
    mel = acoustics.log_mel(waveform) * 20 / np.log(10)  # [M, N], dB
    coefficients = mfcc(mel, N_MFCC)
    figure = Figure(figsize=(10, 9), layout="constrained")
    top, middle, bottom = figure.subplots(3, 1)
    filters = mel_filters(SAMPLE_RATE, AUDIO.n_fft, AUDIO.n_mels, AUDIO.mel_fmin, AUDIO.mel_fmax)
    frequencies = np.fft.rfftfreq(AUDIO.n_fft, 1 / SAMPLE_RATE)
    for number in range(0, AUDIO.n_mels, 8):
        top.plot(frequencies, filters[number], color=(BLUE, ORANGE)[number // 8 % 2])
    top.set(xlabel="frequency (Hz)", ylabel="weight", title="every eighth of the 80 mel filters: narrow and high below")
    hop = AUDIO.hop_length / SAMPLE_RATE
    draw_spectrogram(middle, mel, hop, AUDIO.n_mels, "log-mel spectrogram")
    middle.set_ylabel("mel band")
    image = bottom.imshow(
        coefficients[1:], origin="lower", aspect="auto", cmap="cividis",
        extent=(0, coefficients.shape[1] * hop, 0.5, N_MFCC - 0.5),
    )  # fmt: skip
    bottom.set(xlabel="time (s)", ylabel="coefficient", title="MFCC 1 to 12 (0, the loudness, is left out)")
    figure.colorbar(image, ax=bottom, label="dB")
    save_figure(figure, path)
    print(f"mel_and_mfcc.png: filters, log-mel of {mel.shape[1]} frames, and 12 MFCC that follow the mouth")


def main(settings) -> dict:
    prepare(settings)
    clips = [clip.at(SAMPLE_RATE) for clip in load_reader(settings, 1 if settings.quick else 3)]
    waveform = np.concatenate([clip.waveform for clip in clips])
    waveform = waveform[: int(QUICK_SECONDS * SAMPLE_RATE)] if settings.quick else waveform
    show_scale()
    filter_gap, empty = show_filters()
    mel_gap, mfcc_gap, dct_gap = prove_mfcc(waveform)
    louder, share = show_meaning(waveform)
    found = mismatches(waveform)
    plot_features(waveform, settings.out / "mel_and_mfcc.png")
    return {
        "filter_gap_to_librosa": filter_gap,
        "empty_filters_of_short_window": empty,
        "log_mel_gap_to_capstone": mel_gap,
        "mfcc_gap_to_librosa": mfcc_gap,
        "dct_gap_to_scipy": dct_gap,
        "coefficient_0_when_twice_as_loud": louder,
        "share_of_12_coefficients": share,
        "smallest_mismatch": min(found.values()),
        "largest_mismatch": max(found.values()),
    }


# Equalities hold for any sound; the last three depend on the clip.
EXPECTED = {
    "filter_gap_to_librosa": Expected(quick=(0, 1e-5), full=(0, 1e-5)),
    "empty_filters_of_short_window": Expected(quick=(1, 10), full=(1, 10)),
    "log_mel_gap_to_capstone": Expected(quick=(0, 0.01), full=(0, 0.01)),
    "mfcc_gap_to_librosa": Expected(quick=(0, 0.01), full=(0, 0.01)),
    "dct_gap_to_scipy": Expected(quick=(0, 1e-8), full=(0, 1e-8)),
    "coefficient_0_when_twice_as_loud": Expected(quick=(53.8, 53.9), full=(53.8, 53.9)),
    "share_of_12_coefficients": Expected(quick=(0.5, 0.97), full=(0.65, 0.9)),
    "smallest_mismatch": Expected(quick=(0.2, 2.0), full=(0.4, 1.5)),
    "largest_mismatch": Expected(quick=(3.0, 6.0), full=(4.0, 5.0)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_trim_normalise_resample.py")
