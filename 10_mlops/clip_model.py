"""What training and serving share: bytes to waveform, waveform to numbers, numbers to a verdict.

The model says whether a recording is clean, noisy, clipped, quiet or cut off (module 04, script 09, made it first).
Here it is small enough to be operated: ten numbers in, five probabilities out, two matrices between. Training uses
scikit-learn; this file does not, so that a service starts at once and its image stays small.

Letters used in shapes: S samples, R recordings, F features (10), H hidden units, K kinds (5).
"""

from __future__ import annotations

import io
import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from coursekit.errors import CourseError
from coursekit.files import write_bytes_atomic, write_json_atomic
from voice_pipeline.measurements import clipped_share
from voice_pipeline.settings import AUDIO

logger = logging.getLogger("clips")

SAMPLE_RATE = AUDIO.sample_rate  # Hz, 24,000
KINDS = ("clean", "noisy", "clipped", "quiet", "truncated")
FEATURES = ("peak", "loud_frames", "soft_frames", "clipped_share", "near_peak", "crest", "start", "end", "flatness",
            "crossings")  # fmt: skip
FRAME, HOP = 480, 240  # samples, 20 and 10 ms
EDGE = SAMPLE_RATE // 20  # samples, 50 ms at either end

MAX_BYTES = 2_000_000  # 20 s of 48 kHz stereo at 16 bits; more is no clip
SECONDS = (0.3, 30.0)  # shortest and longest clip that is judged


class BadClip(CourseError):
    """A request that cannot be judged.

    Attributes:
        status: HTTP status.
        code: One word for programs.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def decode(body: bytes) -> np.ndarray:
    """Return the sound of a WAV, FLAC, OGG or MP3 file as float32 `[S]`, mono, 24,000 Hz.

    Raises:
        BadClip: Too many bytes, no sound file, too short, too long, or numbers that are none.
    """
    if len(body) > MAX_BYTES:
        raise BadClip(413, "too_large", f"the body has {len(body)} bytes; {MAX_BYTES} are the most")
    try:
        with soundfile.SoundFile(io.BytesIO(body)) as file:
            rate, seconds = file.samplerate, file.frames / file.samplerate
            if not SECONDS[0] <= seconds <= SECONDS[1]:  # asked of the header, before anything is unpacked
                message = f"the clip lasts {seconds:.2f} s; {SECONDS[0]} to {SECONDS[1]} s are judged"
                raise BadClip(422, "wrong_length", message)
            sound = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise BadClip(415, "not_audio", f"the body is no sound file that can be read: {error.error_string}") from error
    if not np.isfinite(sound).all():
        raise BadClip(422, "not_finite", "the clip holds numbers that are none (NaN or infinity)")
    return soxr.resample(sound.mean(axis=1), rate, SAMPLE_RATE).astype(np.float32)


def features(waveform: np.ndarray) -> np.ndarray:
    """Return the ten numbers of FEATURES for `[S]`, float64 `[F]`: ten of module 04's twelve, without its libraries."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform, FRAME)[::HOP]
    levels = _level(np.mean(np.square(frames, dtype=np.float64), axis=1))  # dB, one a frame
    loud, soft = np.percentile(levels, 95), np.percentile(levels, 5)
    magnitude = np.abs(waveform)
    peak = float(magnitude.max())
    peak_db = 20 * np.log10(max(peak, 1e-6))
    power = np.abs(np.fft.rfft(waveform)) ** 2 + 1e-12
    return np.array(
        [
            peak_db,
            loud,
            soft,
            np.log10(clipped_share(waveform) + 1e-5),
            np.log10(float(np.mean(magnitude > 0.95 * peak)) + 1e-5),
            peak_db - loud,
            _level(np.mean(np.square(waveform[:EDGE], dtype=np.float64))) - loud,  # a whole clip begins softly
            _level(np.mean(np.square(waveform[-EDGE:], dtype=np.float64))) - loud,
            10 * np.log10(np.exp(np.mean(np.log(power))) / power.mean()),  # hiss is flat, speech is not
            float(np.mean(waveform[1:] * waveform[:-1] < 0)),
        ]
    )


def _level(power: np.ndarray | float) -> np.ndarray:
    return 10 * np.log10(np.maximum(power, 1e-12))


@dataclass(frozen=True)
class ClipModel:
    """A network with one hidden layer. Immutable, so a request that has begun keeps the model it began with.

    Attributes:
        mean, scale: Of each feature in the training data, `[F]`.
        hidden: Weights `[F, H]` and bias `[H]`.
        output: Weights `[H, K]` and bias `[K]`.
        version: What the registry calls it.
    """

    mean: np.ndarray
    scale: np.ndarray
    hidden: tuple[np.ndarray, np.ndarray]
    output: tuple[np.ndarray, np.ndarray]
    version: str = "0"

    def probabilities(self, table: np.ndarray) -> np.ndarray:
        """Return how probable each kind is: `[R, F]` to `[R, K]`, rows add up to 1."""
        inner = np.maximum(((table - self.mean) / self.scale) @ self.hidden[0] + self.hidden[1], 0)  # [R, H]
        scores = inner @ self.output[0] + self.output[1]  # [R, K]
        probable = np.exp(scores - scores.max(axis=1, keepdims=True))
        probable /= probable.sum(axis=1, keepdims=True)
        return probable

    def to_bytes(self) -> bytes:
        """Return the model as a safetensors file: numbers and a few words, no code that loading could run."""
        parts = {"mean": self.mean, "scale": self.scale, "hidden_weight": self.hidden[0], "hidden_bias": self.hidden[1]}
        parts |= {"output_weight": self.output[0], "output_bias": self.output[1]}
        return save(
            {name: np.ascontiguousarray(part, np.float64) for name, part in parts.items()},
            {"version": self.version, "features": " ".join(FEATURES), "kinds": " ".join(KINDS)},
        )

    def save(self, path: Path) -> None:
        """Write the model, whole or not at all."""
        write_bytes_atomic(path, self.to_bytes())

    @classmethod
    def load(cls, path: Path) -> ClipModel:
        """Read a model.

        Raises:
            CourseError: It is no such file, or was made for other features: then its numbers would mean nothing here.
        """
        try:
            with safe_open(path, framework="np") as file:
                words, parts = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}
            if words.get("features") != " ".join(FEATURES) or words.get("kinds") != " ".join(KINDS):
                raise CourseError(f"{path.name} was made for other features.", hint="train it again with this code")
            return cls(
                parts["mean"], parts["scale"], (parts["hidden_weight"], parts["hidden_bias"]),
                (parts["output_weight"], parts["output_bias"]), words["version"],
            )  # fmt: skip
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise CourseError(f"{path} is no model: {error}", hint="run the script that makes it again") from error


# ----------------------------------------------------------------------------------------------------------------------
# which model is served: a folder of models and `current.json`, which names one of them


def point_to(models: Path, file: str, version: str) -> None:
    """Make a model of the folder the current one. Renaming `current.json` is the whole act: no request waits for it."""
    write_json_atomic(models / "current.json", {"file": file, "version": version})


class Current:
    """The model that `current.json` names; looked at again before each request, which costs one question to the disk.

    Args:
        models: The folder.

    Raises:
        CourseError: There is no model to begin with.
    """

    def __init__(self, models: Path) -> None:
        self.models = models
        self.loads = 0
        self._stamp = 0
        self._lock = threading.Lock()
        self._model = self._load()

    def model(self) -> ClipModel:
        """Return the current model; the one before it when the new one cannot be read."""
        try:
            stamp = (self.models / "current.json").stat().st_mtime_ns
            if stamp != self._stamp and self._lock.acquire(blocking=False):  # one thread loads, the others go on
                try:
                    self._model = self._load()  # concept: zero-downtime updates
                finally:
                    self._lock.release()
        except (OSError, CourseError) as error:
            logger.error("the new model is not used: %s", error)
        return self._model

    def _load(self) -> ClipModel:
        pointer = self.models / "current.json"
        try:
            self._stamp = pointer.stat().st_mtime_ns  # before reading: a change meanwhile is seen the next time
            named = json.loads(pointer.read_text(encoding="utf-8"))
            model = ClipModel.load(self.models / named["file"])
        except (OSError, ValueError, KeyError) as error:
            raise CourseError(
                f"{pointer} names no model: {error}", hint="run 03_serve_twice.py, which makes one"
            ) from error
        self.loads += 1
        return ClipModel(model.mean, model.scale, model.hidden, model.output, str(named["version"]))
