"""Recording and clone of one sentence on one time axis: dynamic time warping, then mel, MFCC and pitch compared.

Two readings of a sentence never have the same rhythm. Warping finds which moment of one is which of the other (Sakoe
and Chiba 1978, `librosa.sequence.dtw`); what differs then is the sound, and the path itself is the rhythm.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np

from coursekit.files import write_text_atomic
from voice_pipeline.features import Features, extract
from voice_pipeline.plots import BLUE, VERMILION, figure_of_rows, mel_axis, save_figure
from voice_pipeline.settings import AUDIO, AudioSettings


@dataclass(frozen=True)
class Alignment:
    """Two readings of one sentence, aligned; T is the number of frames of the recording.

    Attributes:
        real: features of the recording.
        clone: features of the clone.
        clone_frame: for each frame of the recording the frame of the clone that belongs to it, int `[T]`.
        path: (recording frame, clone frame), int `[n, 2]`, from the first to the last.
        spectrum_db: difference of the smooth spectra without their level: RMS over mel bands, mean over the path, dB.
        semitones: pitch of the clone above the recording's where both are voiced, mean; None without such frames.
        pitch_correlation: of the two pitch curves in semitones there, -1..1; None when there are too few.
        both_voiced: share of the recording's frames where both have a pitch, 0..1.
        time_shift: largest difference of place after both are brought to one length, seconds.
    """

    real: Features
    clone: Features
    clone_frame: np.ndarray
    path: np.ndarray
    spectrum_db: float
    semitones: float | None
    pitch_correlation: float | None
    both_voiced: float
    time_shift: float

    def describe(self, audio: AudioSettings = AUDIO) -> str:
        """One line that says what the picture shows, plain ASCII."""
        seconds = [audio.seconds(one.mel.shape[1]) for one in (self.real, self.clone)]
        if self.semitones is None:
            pitch = "pitch cannot be compared (no moment where both have one; a whisper has none)"
        else:
            side = "above" if self.semitones >= 0 else "below"
            pitch = f"clone {abs(self.semitones):.1f} semitones {side} the recording"
            if self.pitch_correlation is not None:
                pitch += f", pitch curves correlate {self.pitch_correlation:+.2f}"
        return (
            f"recording {seconds[0]:.1f} s, clone {seconds[1]:.1f} s; after warping spectra differ by "
            f"{self.spectrum_db:.1f} dB, {pitch}; rhythm shifted by at most {self.time_shift:.2f} s"
        )

    def as_dict(self) -> dict[str, float | None]:
        """Plain values for JSON."""
        return {
            "spectrum_db": self.spectrum_db,
            "semitones": self.semitones,
            "pitch_correlation": self.pitch_correlation,
            "both_voiced": self.both_voiced,
            "time_shift": self.time_shift,
        }


def align(real: np.ndarray, clone: np.ndarray, audio: AudioSettings = AUDIO) -> Alignment:
    """Align two readings of one sentence.

    Args:
        real: float32 `[samples]` at `audio.sample_rate`.
        clone: float32 `[samples]`.
        audio: frame grid.
    """
    one, other = extract(real, audio), extract(clone, audio)
    shapes = [_shape(features.mfcc) for features in (one, other)]
    _, path = librosa.sequence.dtw(shapes[0], shapes[1], metric="euclidean")
    path = path[::-1]  # librosa walks from the end
    frames = one.mel.shape[1]
    clone_frame = np.array(
        [int(np.median(path[path[:, 0] == frame, 1])) for frame in range(frames)], dtype=int
    )  # a frame that stands for several takes the middle one
    gap = one.mfcc[1:, path[:, 0]] - other.mfcc[1:, path[:, 1]]
    pitch, warped = one.f0, other.f0[clone_frame]
    both = (pitch > 0) & (warped > 0)
    curves = [12 * np.log2(curve[both]) for curve in (pitch, warped)]
    moving = int(both.sum()) >= 10 and all(curve.std() > 1e-6 for curve in curves)
    scale = frames / max(1, other.mel.shape[1])
    return Alignment(
        real=one,
        clone=other,
        clone_frame=clone_frame,
        path=path,
        # MFCC are an orthonormal cosine transform of the mel in dB, so distances carry over (Parseval)
        spectrum_db=float(np.sqrt(np.square(gap).sum(axis=0) / audio.n_mels).mean()),
        semitones=float((curves[1] - curves[0]).mean()) if both.any() else None,
        pitch_correlation=float(np.corrcoef(*curves)[0, 1]) if moving else None,
        both_voiced=float(both.mean()),
        time_shift=float(np.abs(path[:, 1] * scale - path[:, 0]).max() / audio.frames_per_second),
    )


def plot_alignment(found: Alignment, title: str, path: Path, audio: AudioSettings = AUDIO) -> Path:
    """Draw both readings on the recording's time axis, and the path; a line of text goes beside the picture."""
    figure, axes = figure_of_rows(6, 13.0, [1.5, 1.5, 1.0, 1.0, 1.3, 1.6])
    frames = found.real.mel.shape[1]
    end = frames / audio.frames_per_second
    short = title if len(title) <= 100 else title[:97] + "..."
    axes[0].set_title(f"{short}\n{textwrap.fill(found.describe(audio), 105)}".replace("$", r"\$"), fontsize=10)
    mels = [found.real.mel * (20.0 / np.log(10.0)), found.clone.mel[:, found.clone_frame] * (20.0 / np.log(10.0))]
    top = max(float(mel.max()) for mel in mels)
    for axis, mel, name in zip(axes[:2], mels, ("recording", "clone, warped"), strict=True):
        image = axis.imshow(
            mel, origin="lower", aspect="auto", cmap="cividis", extent=(0, end, 0, len(mel)), vmin=top - 80, vmax=top
        )
        mel_axis(axis, audio)
        axis.set_ylabel(f"{name}\nHz (mel scale)")
        figure.colorbar(image, ax=axis, label="dB", pad=0.01)
    cepstra = [found.real.mfcc[1:], found.clone.mfcc[1:, found.clone_frame]]
    reach = float(np.percentile(np.abs(np.concatenate(cepstra, axis=1)), 99)) or 1.0
    for axis, mfcc, name in zip(axes[2:4], cepstra, ("recording", "clone, warped"), strict=True):
        image = axis.imshow(
            mfcc, origin="lower", aspect="auto", cmap="PuOr", extent=(0, end, 0.5, len(mfcc) + 0.5),
            vmin=-reach, vmax=reach,
        )  # fmt: skip
        axis.set_ylabel(f"{name}\nMFCC number")
        figure.colorbar(image, ax=axis, label="value", pad=0.01)
    times = np.arange(frames) / audio.frames_per_second
    for f0, name, color, style in (
        (found.real.f0, "recording", BLUE, "-"),
        (found.clone.f0[found.clone_frame], "clone, warped", VERMILION, "--"),
    ):
        axes[4].plot(times, np.where(f0 > 0, f0, np.nan), style, color=color, linewidth=2, label=name)
    axes[4].set(ylabel="pitch F0 (Hz)", xlabel="time in the recording (s)", xlim=(0, end))
    axes[4].legend(loc="upper right")
    if not (found.real.f0 > 0).any() and not (found.clone.f0 > 0).any():
        axes[4].text(0.5, 0.5, "neither has a pitch", transform=axes[4].transAxes, ha="center")
    axes[5].plot(found.path[:, 0] / audio.frames_per_second, found.path[:, 1] / audio.frames_per_second, color=BLUE)
    straight = [0, found.clone.mel.shape[1] / audio.frames_per_second]
    axes[5].plot([0, end], straight, ":", color="black", label="same rhythm")
    axes[5].set(xlabel="time in the recording (s)", ylabel="time in the clone (s)", xlim=(0, end), title="warping path")
    axes[5].legend(loc="upper left")
    save_figure(figure, path)
    write_text_atomic(path.with_suffix(".txt"), f"{short}: {found.describe(audio)}\n")
    return path


def _shape(mfcc: np.ndarray) -> np.ndarray:
    """MFCC without the level, each coefficient at mean 0 and deviation 1: two voices differ, their sounds do less."""
    rest: Any = mfcc[1:]
    return (rest - rest.mean(axis=1, keepdims=True)) / np.maximum(rest.std(axis=1, keepdims=True), 1e-3)
