"""From a mel spectrogram to sound: Griffin-Lim from scratch, then a neural vocoder, measured in three ways.

What you will learn
    - what a spectrogram without phase has lost, and how Griffin and Lim find a phase that fits
    - the same iterations as librosa, to the last digit, and why a little momentum saves most of them
    - what the step from 513 frequencies to 80 mel bands costs, before any vocoder begins
    - a neural vocoder on the same mels: the capstone's, made of pulses, noise and a small network
    - how to compare vocoders: distance of the mels, a predicted opinion (DNSMOS), and seconds per second of sound
How to run it
    python 02_mel_to_audio.py --quick     2 clips, no network, about 22 s
    python 02_mel_to_audio.py             12 clips, about 2 min; the first run downloads 10 MB
Time and memory on 2 CPU cores: quick 22 s, full 2 min; 1.1 GB. Without data the first run makes its speech first.
Writes outputs/: mel_to_audio.png, recording.wav, griffin_lim.wav, neural.wav, stand_in/ (first run without data)
Concepts: TTS_CONCEPTS_EXPLAINED.md (two-stage synthesis, griffin-lim, neural vocoder, judging a voice)
"""

import librosa
import numpy as np
from matplotlib.figure import Figure
from tts_utils import (
    AUDIO,
    BLUE,
    ORANGE,
    SAMPLE_RATE,
    Clip,
    as_course_error,
    draw_spectrogram,
    load_reader,
    prepare_cpu,
    save_figure,
    seconds_of,
    write_wav,
)

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from voice_pipeline.acoustics import fundamental_frequency, log_mel, mel_filters
from voice_pipeline.copy_synthesis import griffin_lim_copy
from voice_pipeline.quality import dnsmos

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
WINDOW, HOP = AUDIO.n_fft, AUDIO.hop_length  # 1,024 and 256 samples
MOMENTUM = 0.99  # 0 is Griffin and Lim's own (1984); 0.99 is Perraudin, Balazs and Sondergaard's (2013)
ITERATIONS = 32  # rounds; more than 60 change little
QUICK_SECONDS = 3  # of each clip in a quick run
DB_PER_NEPER = 20 / np.log(10)  # 8.69: our mels are natural logarithms of magnitudes, people read decibels

# ----------------------------------------------------------------------------------------------------------------------
# Griffin-Lim


def transform(waveform: np.ndarray) -> np.ndarray:
    """Return the complex spectrogram `[F, T]` of a waveform `[S]`; module 04 writes this by hand."""
    return librosa.stft(waveform, n_fft=WINDOW, hop_length=HOP)


def back(spectrum: np.ndarray, samples: int) -> np.ndarray:
    """Return the waveform `[S]` of a complex spectrogram."""
    return librosa.istft(spectrum, n_fft=WINDOW, hop_length=HOP, length=samples)


def convergence(magnitude: np.ndarray, waveform: np.ndarray) -> float:
    """Return how far the waveform's magnitudes are from those wanted: 0 is equal, 1 is as far as silence."""
    return float(np.linalg.norm(np.abs(transform(waveform)) - magnitude) / np.linalg.norm(magnitude))


def griffin_lim(
    magnitude: np.ndarray, samples: int, rounds: int, momentum: float = MOMENTUM
) -> tuple[np.ndarray, list]:
    """Find a waveform whose spectrogram has these magnitudes.

    Neighbouring windows overlap by three quarters, so most magnitudes with most phases belong to NO waveform. Going to
    a waveform and back gives the nearest spectrogram that does; its phases are kept, its magnitudes put right again.

    Args:
        magnitude: float32 `[F, T]`.
        samples: S.
        rounds: How often.
        momentum: How much of the last round's spectrogram is taken back, 0 to 1.

    Returns:
        float32 `[S]`, and the convergence after each round.
    """
    spectrum = magnitude.astype(np.complex64)  # all phases 0 to begin with
    before, path = None, []
    for _ in range(rounds):
        waveform = back(spectrum, samples)
        path.append(convergence(magnitude, waveform))
        rebuilt = transform(waveform)  # the nearest spectrogram that a waveform can have
        step = rebuilt if before is None else rebuilt - momentum / (1 + momentum) * before
        before = rebuilt
        spectrum = magnitude * step / np.maximum(np.abs(step), 1e-12)  # concept: griffin-lim
    return back(spectrum, samples), path


def judge_griffin_lim(clip: Clip) -> dict[str, float]:
    """Compare with librosa, and starting points and momentum with each other."""
    magnitude, samples = np.abs(transform(clip.waveform)), len(clip.waveform)
    mine, path = griffin_lim(magnitude, samples, ITERATIONS)
    library = librosa.griffinlim(
        magnitude, n_iter=ITERATIONS, n_fft=WINDOW, hop_length=HOP, momentum=MOMENTUM, init=None, length=samples
    )
    difference = float(np.abs(mine - library).max())
    _, classic = griffin_lim(magnitude, samples, ITERATIONS, momentum=0.0)
    phases = np.random.default_rng(0).uniform(-np.pi, np.pi, magnitude.shape)
    guessed = convergence(magnitude, back(magnitude * np.exp(1j * phases), samples))
    print(f"largest difference to librosa's griffinlim after {ITERATIONS} rounds: {difference:.1e}")
    print("\ndistance to the wanted magnitudes after so many rounds (0 is equal)")
    print(f"   phases by chance: {guessed:.2f}")
    for rounds in (1, 2, 4, 8, 16, 32):
        print(f"   {rounds:>2} rounds: {classic[rounds - 1]:.3f} as in 1984, {path[rounds - 1]:.3f} with momentum")
    saved = next((n + 1 for n, value in enumerate(path) if value <= classic[-1]), ITERATIONS)
    print(f"   With momentum {saved} rounds do what {ITERATIONS} did in 1984.")
    return {
        "difference_to_librosa": difference,
        "convergence_by_chance": guessed,
        "convergence_1984": classic[-1],
        "convergence_with_momentum": path[-1],
        "rounds_for_the_same": float(saved),
    }, (classic, path)


# ----------------------------------------------------------------------------------------------------------------------
# from 80 bands back to 513 frequencies


def unmel(mel: np.ndarray) -> np.ndarray:
    """Return magnitudes `[513, T]` for a natural-log mel `[80, T]`: least squares, what is negative set to 0.

    80 numbers cannot say what 513 were. The pseudo-inverse takes the smallest answer that fits; above 1,000 Hz, where a
    band holds many harmonics, it smears them into one hill.
    """
    # concept: two-stage synthesis
    return np.maximum(0, np.linalg.pinv(mel_filters()) @ np.exp(mel))


def griffin_lim_of_mel(clip: Clip) -> np.ndarray:
    magnitude = unmel(log_mel(clip.waveform)).astype(np.float32)
    return griffin_lim(magnitude, len(clip.waveform), ITERATIONS)[0]


# ----------------------------------------------------------------------------------------------------------------------
# a neural vocoder


class Neural:
    """The capstone's vocoder on a recording: its mel, its pitch, and nothing else of it.

    It is told the pitch, as the acoustic model of the capstone says it: a train of pulses with that pitch and noise are
    made first, and the network only says, for each frame and frequency, how much of each.
    """

    def __init__(self) -> None:
        from voice_pipeline.engines.starter.base_voice import VOCODER
        from voice_pipeline.engines.starter.neural_vocoder import NeuralVocoder

        with as_course_error():
            self.vocoder = NeuralVocoder.read(VOCODER)
        self.parameters = sum(value.numel() for value in self.vocoder.parameters())

    def __call__(self, clip: Clip) -> np.ndarray:
        from voice_pipeline.engines.starter.data import carry_over

        f0 = fundamental_frequency(clip.waveform)  # [T], Hz, 0 where unvoiced
        return self.of_frames(log_mel(clip.waveform), carry_over(f0), np.where(f0 > 0, 1.0, -1.0))

    def of_frames(self, mel: np.ndarray, contour: np.ndarray, voicing: np.ndarray) -> np.ndarray:
        """The vocoder itself: mel `[80, T]`, Hz without holes `[T]`, voicing -1 or 1 `[T]`."""
        return self.vocoder.vocode(mel, contour, voicing.astype(np.float32))  # concept: neural vocoder


# ----------------------------------------------------------------------------------------------------------------------
# judging


def mel_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the mean absolute difference of two sounds' log mels, dB. What is 60 dB below the loudest is not heard."""
    a, b = (DB_PER_NEPER * log_mel(waveform) for waveform in (first, second))
    frames = min(a.shape[1], b.shape[1])
    floor = max(a.max(), b.max()) - 60
    return float(np.abs(np.maximum(a[:, :frames], floor) - np.maximum(b[:, :frames], floor)).mean())


def judge(clips: list[Clip], neural: Neural) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
    """Copy every clip in every way; return the measures, and the first clip's copies."""
    contours = {clip.name: fundamental_frequency(clip.waveform) for clip in clips}  # not the vocoder's work
    from voice_pipeline.engines.starter.data import carry_over

    def by_network(clip: Clip) -> np.ndarray:
        f0 = contours[clip.name]
        return neural.of_frames(log_mel(clip.waveform), carry_over(f0), np.where(f0 > 0, 1.0, -1.0))

    ways = {
        "recording": lambda clip: clip.waveform,
        "true magnitudes, Griffin-Lim": lambda clip: griffin_lim(
            np.abs(transform(clip.waveform)), len(clip.waveform), ITERATIONS
        )[0],
        "mel, Griffin-Lim": griffin_lim_of_mel,
        "mel, capstone's Griffin-Lim": lambda clip: griffin_lim_copy(clip.waveform),
        "mel and pitch, neural": by_network,
    }
    by_network(clips[0])  # the first call of a network loads libraries; that is not its speed
    found: dict[str, dict[str, float]] = {}
    samples: dict[str, np.ndarray] = {}
    print(f"\n{'sound from':<30} {'mel off by':>11} {'DNSMOS':>8} {'seconds a second':>18}")
    for name, way in ways.items():
        copies, took = seconds_of(lambda way=way: [np.asarray(way(clip), np.float32) for clip in clips])
        quality = [dnsmos(copy, SAMPLE_RATE) for copy in copies]
        found[name] = {
            "mel": float(
                np.mean([mel_distance(clip.waveform, copy) for clip, copy in zip(clips, copies, strict=True)])
            ),
            "mos": float(np.mean([rating.overall for rating in quality if rating])),  # concept: judging a voice
            "rtf": took / sum(clip.seconds for clip in clips),
        }
        one = found[name]
        print(f"{name:<30} {one['mel']:>8.2f} dB {one['mos']:>8.2f} {one['rtf']:>18.3f}")
        samples[name] = copies[0]
    print(f"   DNSMOS: 1 is bad, 5 excellent, by a network that learned from listeners. The neural one has "
          f"{neural.parameters / 1e6:.1f} million parameters.")  # fmt: skip
    return found, samples


def plot(samples: dict[str, np.ndarray], paths: tuple, path) -> None:
    """Draw the convergence, and the first second of the recording and of two copies."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(2, 2).ravel()
    axes[0].plot(range(1, ITERATIONS + 1), paths[0], color=ORANGE, label="1984")
    axes[0].plot(range(1, ITERATIONS + 1), paths[1], "--", color=BLUE, label=f"momentum {MOMENTUM}")
    axes[0].set(xlabel="rounds", ylabel="distance to the magnitudes", yscale="log", title="Griffin-Lim")
    axes[0].legend()
    names = ("recording", "mel, Griffin-Lim", "mel and pitch, neural")
    for axis, name in zip(axes[1:], names, strict=True):
        start = min(SAMPLE_RATE // 2, max(0, len(samples[name]) - SAMPLE_RATE))
        second = samples[name][start : start + SAMPLE_RATE]
        levels = 20 * np.log10(np.abs(transform(second)) + 1e-4)
        draw_spectrogram(axis, levels, HOP / SAMPLE_RATE, SAMPLE_RATE / 2, name)
        axis.set(ylim=(0, 6000))
    save_figure(figure, path)
    print("mel_to_audio.png: above 2,000 Hz Griffin-Lim has lost the harmonics; the network, told the pitch, has them")


def main(settings) -> dict:
    prepare_cpu(settings, "librosa has no GPU version, and the vocoder is quick enough on a CPU")
    clips = [clip.at(SAMPLE_RATE) for clip in load_reader(settings, 2 if settings.quick else 12)]
    if settings.quick:
        clips = [Clip(one.name, one.speaker, one.waveform[: QUICK_SECONDS * SAMPLE_RATE], SAMPLE_RATE) for one in clips]
    values, paths = judge_griffin_lim(clips[0])
    found, samples = judge(clips, Neural())
    for name, file in (
        ("recording", "recording"),
        ("mel, Griffin-Lim", "griffin_lim"),
        ("mel and pitch, neural", "neural"),
    ):
        write_wav(settings.out / f"{file}.wav", samples[name], SAMPLE_RATE)
    plot(samples, paths, settings.out / "mel_to_audio.png")
    own, capstone, neural = (
        found[n] for n in ("mel, Griffin-Lim", "mel, capstone's Griffin-Lim", "mel and pitch, neural")
    )
    print("listen: recording.wav, griffin_lim.wav, neural.wav (one sentence)")
    return {
        **values,
        "mel_off_true_magnitudes_db": found["true magnitudes, Griffin-Lim"]["mel"],
        "mel_off_griffin_lim_db": own["mel"],
        "mel_off_capstone_griffin_lim_db": capstone["mel"],
        "mel_off_neural_db": neural["mel"],
        "mos_recording": found["recording"]["mos"],
        "mos_griffin_lim": own["mos"],
        "mos_neural": neural["mos"],
        "neural_times_faster": own["rtf"] / neural["rtf"],
    }


# Of the stand-in, a synthetic voice, pitch is hard to track: then the network, told a wrong one, is far off.
EXPECTED = {
    "difference_to_librosa": Expected(quick=(0, 1e-3), full=(0, 1e-3)),
    "convergence_by_chance": Expected(quick=(0.4, 1.2), full=(0.4, 1.2)),
    "convergence_1984": Expected(quick=(0.02, 0.4), full=(0.05, 0.4)),
    "convergence_with_momentum": Expected(quick=(0.001, 0.2), full=(0.005, 0.2)),
    "rounds_for_the_same": Expected(quick=(2, 20), full=(2, 20)),
    "mel_off_true_magnitudes_db": Expected(quick=(0, 2), full=(0, 2)),
    "mel_off_griffin_lim_db": Expected(quick=(0, 5), full=(0, 5)),
    "mel_off_neural_db": Expected(quick=(0.3, 10), full=(0.3, 4)),
    "mos_recording": Expected(quick=(1.5, 5), full=(2.5, 5)),
    "mos_griffin_lim": Expected(quick=(1, 4.5), full=(1, 4)),
    "mos_neural": Expected(quick=(1, 4.5), full=(1.5, 4.5)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_coqui_api.py")
