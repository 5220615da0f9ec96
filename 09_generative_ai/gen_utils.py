"""What the scripts of this module share: pictures of digits, a judge of them, public models, grids of pictures.

Letters used in shapes: B pictures in a batch, N pictures in a set, S pixels of a side, Z numbers of a latent vector,
F features. Pictures are float32 `[N, 1, S, S]`, -1 (paper) to 1 (ink). Digits come from module 02's `dl_utils`, speech
from module 04's `audio_utils`, what is known of the model hub from module 06's `hub_models`.
"""

from __future__ import annotations

import functools
import hashlib
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from coursekit.course.modules import ROOT, load_script
from coursekit.errors import CourseError

hub_models = load_script(ROOT / "06_hf_transformers" / "hub_models.py")
quiet = hub_models.quiet  # keeps the progress bars and notes of Hugging Face's libraries off the screen
dl_utils = load_script(ROOT / "02_deep_learning_basics" / "dl_utils.py")
prepare = dl_utils.prepare  # seeds every generator, prints the device and its reason, returns the torch device
count_parameters, save_figure, save_model = dl_utils.count_parameters, dl_utils.save_figure, dl_utils.save_model
BLUE, ORANGE, GREEN, PURPLE, GREY = (getattr(dl_utils, name) for name in ("BLUE", "ORANGE", "GREEN", "PURPLE", "GREY"))
Loaded = TypeVar("Loaded")


@functools.cache
def audio_utils() -> Any:
    """Return module 04's helpers: speech to work on, levels, noise, spectrograms."""
    return load_script(ROOT / "04_speech_audio_processing" / "audio_utils.py")


# ----------------------------------------------------------------------------------------------------------------------
# pictures of digits


@dataclass(frozen=True)
class Pictures:
    """Handwritten digits, small and ready for a generator.

    Attributes:
        train: `[N, 1, S, S]`, -1 paper, 1 ink.
        labels: int64 `[N]`, 0 to 9.
        test: `[M, 1, S, S]`, never trained on.
        test_labels: int64 `[M]`.
        name: What to call the set in a sentence.
    """

    train: Tensor
    labels: Tensor
    test: Tensor
    test_labels: Tensor
    name: str

    @property
    def side(self) -> int:
        return self.train.shape[-1]


def load_pictures(settings: Namespace, side: int, most: int = 20_000) -> Pictures:
    """Return the digits of module 02 without their margin, `side` pixels high: scikit-learn's (quick) or MNIST.

    A full run without MNIST sets `settings.quick`, because the expectations of the quick run hold then.

    Args:
        settings: The script's.
        side: S. 8 is what scikit-learn's digits were drawn with, and the cheapest.
        most: Training pictures that are kept.
    """
    digits = dl_utils.read_digits(settings.quick)
    settings.quick = settings.quick or digits.is_stand_in

    def small(images: Tensor) -> Tensor:
        inner = images[:, None, 4:24, 4:24].float() / 127.5 - 1  # the middle 20x20 hold the digit
        return F.interpolate(inner, size=(side, side), mode="area")

    train, labels = small(digits.train_images[:most]), digits.train_labels[:most]
    test, test_labels = small(digits.test_images[:2000]), digits.test_labels[:2000]
    print(f"{len(train):,} pictures of {digits.name}, {side}x{side} pixels")
    return Pictures(train, labels, test, test_labels, digits.name)


def batches(count: int, size: int, steps: int, seed: int) -> Any:
    """Yield `steps` lots of `size` row numbers, in a new order each time the set of `count` is through."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randperm(count, generator=generator)
    for _ in range(steps):
        if len(rows) < size:
            rows = torch.cat([rows, torch.randperm(count, generator=generator)])
        yield rows[:size]
        rows = rows[size:]


# ----------------------------------------------------------------------------------------------------------------------
# how good are generated pictures? a judge that knows real ones, and a distance between two sets


class Judge(nn.Module):
    """A small classifier of real digits. Its last layer but one says how a picture looks, in 32 numbers.

    It plays the part that the Inception network plays in the well-known FID. It was never shown a generated picture,
    so it names some digit for anything; that is why its confidence alone proves nothing, and the distance is needed.
    """

    FEATURES = 32

    def __init__(self, side: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(side * side, 128), nn.ReLU(), nn.Dropout(0.2))
        self.features = nn.Linear(128, self.FEATURES)
        self.head = nn.Linear(self.FEATURES, 10)

    def forward(self, pictures: Tensor) -> Tensor:  # [N, 1, S, S] -> logits [N, 10]
        return self.head(torch.relu(self.features(self.body(pictures))))

    @classmethod
    def trained(cls, pictures: Pictures, seed: int, steps: int = 300) -> Judge:
        """Train a judge on the training pictures: about a second."""
        torch.manual_seed(seed)
        judge = cls(pictures.side)
        optimizer = torch.optim.Adam(judge.parameters(), lr=2e-3, weight_decay=1e-4)
        for rows in batches(len(pictures.train), 128, steps, seed):
            optimizer.zero_grad()
            F.cross_entropy(judge(pictures.train[rows]), pictures.labels[rows]).backward()
            optimizer.step()
        judge.eval()
        judge.accuracy = float((judge.classes(pictures.test) == pictures.test_labels).float().mean())
        return judge

    @torch.no_grad()
    def look(self, pictures: Tensor) -> np.ndarray:
        """Return how pictures look, `[N, 32]`."""
        return self.features(self.body(pictures.cpu())).double().numpy()

    @torch.no_grad()
    def classes(self, pictures: Tensor) -> Tensor:
        """Return which digit each picture is, int64 `[N]`."""
        return self(pictures.cpu()).argmax(dim=1)


def frechet(first: np.ndarray, second: np.ndarray) -> float:
    """Return the Frechet distance of two clouds of points `[N, F]`, each taken for a normal distribution.

    |m1 - m2|^2 + trace(C1 + C2 - 2 (C1 C2)^(1/2)); with Inception's features this is FID (Heusel 2017). 0 for equal
    clouds. It sees both faults of a generator: pictures that look wrong (the means differ), and pictures that are all
    alike (the spreads differ). The trace of the root is the sum of the roots of the eigenvalues of C1 C2.
    """
    # concept: quality of samples
    means = first.mean(axis=0) - second.mean(axis=0)
    covariances = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    eigenvalues = np.linalg.eigvals(covariances[0] @ covariances[1]).real
    roots = np.sqrt(np.maximum(eigenvalues, 0)).sum()
    return float(means @ means + np.trace(covariances[0] + covariances[1]) - 2 * roots)


def modes_covered(classes: Tensor | np.ndarray, modes: int, least: float = 0.02) -> int:
    """Return how many of `modes` kinds make up at least the share `least` of what was generated."""
    # concept: mode collapse
    counts = np.bincount(np.asarray(classes), minlength=modes)[:modes]
    return int((counts >= least * max(1, len(classes))).sum())


# ----------------------------------------------------------------------------------------------------------------------
# public models, where they can be had


def load_public(settings: Namespace, load: Callable[..., Loaded]) -> Loaded | None:
    """Load the model that `--model` names: a local folder in the public format, or a name on the model hub.

    Args:
        settings: The script's, with `model`.
        load: Called with the name and `local_files_only`; what a library's `from_pretrained` takes.

    Returns:
        The model; None after a note where the hub cannot be asked and the model was not fetched earlier.

    Raises:
        CourseError: The folder holds no such model, or `--quick` was asked to download.
    """
    # concept: public weights
    if Path(settings.model).expanduser().is_dir():
        return _load(settings.model, load, str(Path(settings.model).expanduser()), True)
    if settings.quick:
        raise CourseError(f"--quick downloads nothing, and {settings.model!r} is no folder.", hint="leave --quick out")
    if not hub_models.obstacle(download=True):  # asked once: Hugging Face's own code retries for most of a minute
        return _load(settings.model, load, settings.model, False)
    try:
        return load(settings.model, local_files_only=True)
    except (OSError, ValueError):
        print(f"NOTE: {settings.model} was never fetched, and the model hub is out of reach or forbidden.")
        print("NOTE: going on with the small model that this script trains itself.")
        return None


def _load(name: str, load: Callable[..., Loaded], where: str, local: bool) -> Loaded:
    try:
        return load(where, local_files_only=local)
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CourseError(
            f"--model {name} cannot be loaded: {reason}", hint="see --help for names that work, or give a local folder"
        ) from error


# ----------------------------------------------------------------------------------------------------------------------
# plots


def mosaic(pictures: Tensor, columns: int) -> np.ndarray:
    """Lay pictures `[N, C, S, S]`, -1..1, side by side, `columns` in a row: `[height, width]` or `[.., 3]`, 0..1."""
    kept = pictures[: len(pictures) // columns * columns].detach().cpu().float().clamp(-1, 1)
    rows, (channels, height, width) = len(kept) // columns, kept.shape[1:]
    framed = F.pad(kept, (0, 1, 0, 1), value=0.0)  # a grey line between them
    laid = framed.reshape(rows, columns, channels, height + 1, width + 1).permute(0, 3, 1, 4, 2)
    whole = laid.reshape(rows * (height + 1), columns * (width + 1), channels)
    return ((whole + 1) / 2).numpy().squeeze()


def draw_mosaic(axes: Any, pictures: Tensor, columns: int, title: str) -> None:
    """Draw pictures as a grid; digits as ink on paper."""
    laid = mosaic(pictures, columns)
    axes.imshow(laid, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(title, fontsize=10)
    axes.set_axis_off()


def wide_figure(columns: int, height: float = 4.0, ratios: Sequence[float] | None = None) -> tuple[Figure, Any]:
    """Return a figure and its axes in one row."""
    figure = Figure(figsize=(12, height), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False, width_ratios=ratios)[0]


# ----------------------------------------------------------------------------------------------------------------------
# the starter voice


def speak(settings: Namespace, text: str, voice: int | None = None) -> np.ndarray:
    """Return a sentence by the capstone's starter voice, float32 `[samples]` at 24,000 Hz, about -24 dB.

    It is kept in `<out>/spoken/`, so that the next run need not load the voice.

    Args:
        settings: The script's, with `out`.
        text: One sentence.
        voice: A number of one of the people whose voices the starter voice has heard; None for its narrator.
    """
    import soundfile

    from voice_pipeline.engines.starter.base_voice import main_embeddings, reference_embeddings

    audio = audio_utils()
    key = hashlib.sha256(f"{text}{voice}{audio.starter_version()}".encode()).hexdigest()[:10]
    path = settings.out / "spoken" / f"{key}.wav"
    if not path.is_file():
        others = main_embeddings() if voice is None else reference_embeddings()
        with audio.as_course_error():
            spoken = _engine().of_embedding(others[(voice or 0) % len(others)]).synthesize(text)
        level = audio.active_level(spoken, audio.SAMPLE_RATE)
        audio.write_wav(path, np.asarray(spoken, np.float32) * np.float32(10 ** ((-24 - level) / 20)))
    return soundfile.read(path, dtype="float32")[0]


@functools.cache
def _engine() -> Any:
    from voice_pipeline.engines.starter.engine import StarterEngine

    return StarterEngine()
