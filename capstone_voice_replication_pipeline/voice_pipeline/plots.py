"""Pictures of a voice's features, each with a line of text that says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from coursekit.files import atomic_path, write_text_atomic
from voice_pipeline.features import ClipFeatures
from voice_pipeline.settings import AUDIO, AudioSettings
from voice_pipeline.voice_folder import VoiceFolder

# Okabe and Ito's palette, told apart with any colour vision.
BLUE, ORANGE, GREEN, VERMILION, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9"


def plot_examples(folder: VoiceFolder, clips: list[ClipFeatures], count: int = 2) -> list[Path]:
    """Draw the shortest and the longest clip (and those between, when `count` is more) into reports/."""
    by_length = sorted(clips, key=lambda clip: (clip.features.mel.shape[1], clip.clip_id))
    picks = sorted({round(place) for place in np.linspace(0, len(by_length) - 1, min(count, len(by_length)))})
    return [plot_clip(by_length[pick], folder.reports / f"features_{by_length[pick].clip_id}.png") for pick in picks]


def plot_clip(clip: ClipFeatures, path: Path, audio: AudioSettings = AUDIO) -> Path:
    """Waveform, mel with F0 drawn over it, MFCC and energy of one clip, on one time axis."""
    waveform, sample_rate = soundfile.read(clip.clip, dtype="float32")
    features = clip.features
    figure, (top, middle, cepstrum, bottom) = figure_of_rows(4, 10.0, [1.0, 2.0, 1.4, 1.0])
    seconds = len(waveform) / sample_rate
    times = np.arange(features.mel.shape[1]) / audio.frames_per_second
    extent_end = features.mel.shape[1] / audio.frames_per_second
    top.plot(np.arange(len(waveform)) / sample_rate, waveform, color=BLUE, linewidth=0.4)
    top.set(ylabel="amplitude", ylim=(-1, 1), title=_title(clip))
    decibels = features.mel * (20.0 / np.log(10.0))
    image = middle.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        cmap="cividis",
        extent=(0, extent_end, 0, len(features.mel)),
        vmin=decibels.max() - 80,
    )
    mel_axis(middle, audio)
    figure.colorbar(image, ax=middle, label="dB", pad=0.01)
    middle.plot(times, _mel_rows(features.f0, audio), color="white", linewidth=3.0)
    middle.plot(times, _mel_rows(features.f0, audio), color=VERMILION, linewidth=1.5, label="F0")
    middle.legend(loc="upper right")
    # The first coefficient is the level, ten times the others; it would hide them.
    rest = features.mfcc[1:]
    reach = float(np.percentile(np.abs(rest), 99)) or 1.0
    image = cepstrum.imshow(
        rest,
        origin="lower",
        aspect="auto",
        cmap="PuOr",
        vmin=-reach,
        vmax=reach,
        extent=(0, extent_end, 0.5, len(rest) + 0.5),
    )
    cepstrum.set(ylabel="MFCC number")
    figure.colorbar(image, ax=cepstrum, label="value", pad=0.01)
    bottom.plot(times, features.energy, color=GREEN)
    bottom.set(ylabel="energy (RMS)", xlabel="time (s)", ylim=(0, None))
    for axis in (top, middle, cepstrum, bottom):
        axis.set_xlim(0, seconds)
    save_figure(figure, path)
    write_text_atomic(path.with_suffix(".txt"), describe_clip(clip, audio) + "\n")
    return path


def plot_overview(
    folder: VoiceFolder, clips: list[ClipFeatures], statistics: dict[str, Any], audio: AudioSettings = AUDIO
) -> Path:
    """Durations, pitch, mean spectrum and level of the whole voice."""
    path = folder.reports / "features_overview.png"
    figure, axes = figure_of_rows(4, 11.0, [1, 1, 1, 1])
    durations = [audio.seconds(clip.features.mel.shape[1]) for clip in clips]
    f0 = np.concatenate([clip.features.f0 for clip in clips])
    axes[0].hist(durations, bins=np.arange(0, max(durations) + 1, 0.5), color=BLUE, edgecolor="white")
    axes[0].set(title=f"Voice '{folder.name}': {len(clips)} clips", xlabel="duration (s)", ylabel="clips")
    axes[1].hist(f0[f0 > 0], bins=np.arange(audio.f0_min, audio.f0_max + 1, 10), color=VERMILION, edgecolor="white")
    axes[1].axvline(
        statistics["f0_median_hz"], color="black", linestyle="--", label=f"median {statistics['f0_median_hz']} Hz"
    )
    axes[1].set(xlabel="fundamental frequency F0 (Hz)", ylabel="voiced frames")
    axes[1].legend()
    mean = np.concatenate([clip.features.mel for clip in clips], axis=1).mean(axis=1) * (20.0 / np.log(10.0))
    axes[2].plot(mel_centres(audio), mean, color=GREEN)
    axes[2].set(xlabel="frequency (Hz, mel bands)", ylabel="mean level (dB)", xlim=(0, audio.mel_fmax))
    levels = [float(np.sqrt(np.mean(np.square(clip.features.energy, dtype=np.float64)))) for clip in clips]
    axes[3].scatter(durations, 20 * np.log10(np.maximum(levels, 1e-6)), color=ORANGE, edgecolor="black")
    axes[3].set(xlabel="duration (s)", ylabel="clip level (dBFS RMS)")
    save_figure(figure, path)
    write_text_atomic(path.with_suffix(".txt"), describe_voice(folder.name, statistics) + "\n")
    return path


def describe_clip(clip: ClipFeatures, audio: AudioSettings = AUDIO) -> str:
    """One clip in one line."""
    f0 = clip.features.f0[clip.features.f0 > 0]
    pitch = f"F0 median {np.median(f0):.0f} Hz, {f0.min():.0f} to {f0.max():.0f} Hz" if len(f0) else "no voiced frame"
    share = len(f0) / len(clip.features.f0)
    seconds = audio.seconds(clip.features.mel.shape[1])
    return (
        f"{clip.clip_id}: {seconds:.1f} s, {pitch}, {share:.0%} of frames voiced, "
        f"peak energy {clip.features.energy.max():.3f} RMS"
    )


def describe_voice(name: str, statistics: dict[str, Any]) -> str:
    """The whole voice in one line."""
    return (
        f"{name}: {statistics['clips']} clips, {statistics['seconds']:.0f} s; F0 median "
        f"{statistics['f0_median_hz']:.0f} Hz, {statistics['f0_low_hz']:.0f} to {statistics['f0_high_hz']:.0f} Hz "
        f"({statistics['f0_range_semitones']:.0f} semitones); {statistics['characters_per_second']} characters "
        f"per second; SNR {statistics['snr_db']} dB"
    )


def mel_centres(audio: AudioSettings = AUDIO) -> np.ndarray:
    """Centre of each mel band, Hz, `[n_mels]`."""
    import librosa

    return librosa.mel_frequencies(audio.n_mels + 2, fmin=audio.mel_fmin, fmax=audio.mel_fmax)[1:-1]


def _mel_rows(frequencies: np.ndarray, audio: AudioSettings) -> np.ndarray:
    """Where frequencies in Hz lie on an axis of mel bands; NaN (not drawn) for 0."""
    rows = np.interp(frequencies, mel_centres(audio), np.arange(audio.n_mels) + 0.5)
    return np.where(frequencies > 0, rows, np.nan)


def mel_axis(axis: Any, audio: AudioSettings) -> None:
    ticks = np.array([200, 500, 1000, 2000, 4000, 8000])
    axis.set_yticks(_mel_rows(ticks, audio), [f"{tick}" for tick in ticks])
    axis.set_ylabel("frequency (Hz, mel scale)")


def _title(clip: ClipFeatures) -> str:
    text = clip.text if len(clip.text) <= 90 else clip.text[:87] + "..."
    return f"{clip.clip_id}: {text}".replace("$", r"\$")


def figure_of_rows(rows: int, height: float, ratios: list[float]) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, 1, height_ratios=ratios)


def save_figure(figure: Any, path: Path) -> None:
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
