"""Helpers that the scripts of this module share: device, data, evaluation, plots, saved models.

Letters used in shapes: B pictures in a batch, N pictures in a set, C classes (10 digits), D inputs (784 pixels).
"""

from __future__ import annotations

import gzip
import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import nn

from coursekit.data import fetch
from coursekit.data.transfer import DataUnavailable
from coursekit.device import choose_device
from coursekit.errors import CourseError
from coursekit.files import atomic_path
from coursekit.seeding import seed_everything

CLASSES = 10
SIDE = 28  # pixels; a picture is 28x28, so D = 784 numbers

# Okabe and Ito's colours: told apart with every common kind of colour blindness
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"

# ----------------------------------------------------------------------------------------------------------------------
# device


def get_device(requested: str = "auto") -> torch.device:
    """Choose where to compute, print the choice and its reason, and return it.

    Args:
        requested: The value of `--device`: "auto" (NVIDIA GPU, else Apple GPU, else CPU), "cpu", "cuda" or "mps".
    """
    choice = choose_device(requested)
    print(choice.describe())
    return choice.device


def prepare(settings: Any) -> torch.device:
    """Do what every script of this module does first: seed all random generators, choose the device."""
    seed_everything(settings.seed)
    return get_device(settings.device)


# ----------------------------------------------------------------------------------------------------------------------
# data


@dataclass(frozen=True)
class Digits:
    """Pictures of handwritten digits, as they are stored: nothing is normalised yet.

    Attributes:
        train_images: [N, 28, 28] uint8, 0 is paper and 255 is ink.
        train_labels: [N] int64, 0 to 9.
        test_images: [N, 28, 28] uint8; never used to train or to choose.
        test_labels: [N] int64.
        name: What to call the set in a sentence.
        is_stand_in: True for scikit-learn's digits, False for MNIST.
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    name: str
    is_stand_in: bool

    @property
    def mean(self) -> float:
        """Mean pixel of the training set on the scale 0 to 1. MNIST: 0.1307."""
        return self.train_images.float().mean().item() / 255

    @property
    def std(self) -> float:
        """Standard deviation of the training set's pixels on the scale 0 to 1. MNIST: 0.3081."""
        return self.train_images.float().std().item() / 255


def read_digits(quick: bool = False) -> Digits:
    """Return MNIST, or with `quick` (or when MNIST cannot be had) scikit-learn's digits; print which."""
    if quick:
        print("data: --quick uses scikit-learn's digits, a much smaller set than MNIST")
        return _scikit_learn_digits()
    try:
        found = fetch("mnist")
    except DataUnavailable as error:
        print(f"NOTE: {error}\nNOTE: going on as --quick does, with a much smaller set. To get MNIST: {error.hint}")
        return _scikit_learn_digits()
    print(f"data: {found.message}")
    train, test = open_mnist(found.root, train=True), open_mnist(found.root, train=False)
    return Digits(train.data, train.targets, test.data, test.targets, "MNIST", is_stand_in=False)


def open_mnist(root: Path, train: bool, transform: Callable | None = None) -> Any:
    """Open the four MNIST files below `root` as a `torchvision.datasets.MNIST`.

    torchvision reads unpacked files, and `root` may be a folder we must not write to, so each .gz is unpacked into a
    temporary folder (0.4 s). torchvision keeps the pictures in memory and does not need the folder again.
    """
    from torchvision.datasets import MNIST

    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder, "MNIST", "raw")
        unpacked.mkdir(parents=True)
        for packed in sorted((root / "MNIST" / "raw").glob("*.gz")):
            (unpacked / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
        return MNIST(folder, train=train, transform=transform)


def _scikit_learn_digits() -> Digits:
    """The 1,797 digits of scikit-learn, 8x8 pixels, drawn as MNIST draws its own: 20x20 in the middle of 28x28.

    They lie in the order in which 13 people wrote them, so the last 360 are mostly by people the training set has not
    seen. A shuffled split would put everybody's writing on both sides: 97 % instead of 90 %, and 7 points of it untrue.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    small = torch.from_numpy(found.images).float()[:, None] / 16  # [1797, 1, 8, 8], 0 to 1
    large = F.interpolate(small, size=(20, 20), mode="bilinear", align_corners=False)  # [1797, 1, 20, 20]
    images = (F.pad(large, (4, 4, 4, 4)).squeeze(1) * 255).round().to(torch.uint8)  # [1797, 28, 28]
    labels = torch.from_numpy(found.target).long()
    cut = len(labels) - 360  # concept: generalization
    return Digits(images[:cut], labels[:cut], images[cut:], labels[cut:], "scikit-learn digits", is_stand_in=True)


def normalize(images: torch.Tensor, mean: float, std: float) -> torch.Tensor:
    """Return [N, 28, 28] uint8 pictures as [N, 1, 28, 28] float32 with mean about 0 and deviation about 1.

    Args:
        images: Pixels 0 to 255.
        mean: Of the TRAINING set, on the scale 0 to 1, also when `images` is the test set.
        std: Of the TRAINING set.
    """
    # concept: normalization
    return images.float().div_(255).sub_(mean).div_(std).unsqueeze(1)  # in place: a copy of MNIST takes 188 MB


class TensorLoader:
    """Hands out batches from tensors that hold the whole set. Used like `torch.utils.data.DataLoader`.

    A DataLoader asks its dataset for one picture at a time: convert, normalise, stack, 60,000 times an epoch, in
    Python. Here all of that was done once, for all pictures together, and a batch is one indexing operation.
    benchmarks/loading.py measures the difference. It works as long as the whole set fits into memory.
    """

    def __init__(
        self,
        images: torch.Tensor,
        labels: torch.Tensor,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        if batch_size < 1:
            raise CourseError(
                f"a batch size of {batch_size} is not possible.", hint="use 1 or more; 32 to 256 are usual"
            )
        self.images, self.labels = images, labels
        self.batch_size, self.shuffle, self.augment = batch_size, shuffle, augment
        # A generator of its own: the order of the batches depends on the seed alone, not on what else drew numbers.
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        """Batches in one epoch; the last one may be smaller."""
        return math.ceil(len(self.labels) / self.batch_size)  # concept: epochs, batches and iterations

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """One epoch: every picture once. Yields images [B, 1, 28, 28] and labels [B]."""
        count = len(self.labels)
        order = torch.randperm(count, generator=self.generator) if self.shuffle else torch.arange(count)
        for rows in order.to(self.labels.device).split(self.batch_size):
            images = self.images[rows]
            yield (self.augment(images) if self.augment else images), self.labels[rows]


def load_mnist_data(
    batch_size: int = 128, quick: bool = False, device: torch.device | str = "cpu", seed: int = 0
) -> tuple[TensorLoader, TensorLoader, Digits]:
    """Load the whole set into memory, normalised, and return it as batches.

    Args:
        batch_size: Pictures in a training batch. The test set comes in batches of 1,000: nothing is learnt there, so
            its size changes only the speed.
        quick: Use scikit-learn's digits, without network.
        device: Where the tensors shall live.
        seed: Of the order in which training pictures come.

    Returns:
        train_loader (shuffled), test_loader (in order), and the digits they were made of. When MNIST could not be had,
        `digits.is_stand_in` is True although `quick` was not asked for.
    """
    digits = read_digits(quick)
    mean, std = digits.mean, digits.std
    train_images = normalize(digits.train_images, mean, std).to(device)
    test_images = normalize(digits.test_images, mean, std).to(device)
    train_loader = TensorLoader(train_images, digits.train_labels.to(device), batch_size, shuffle=True, seed=seed)
    test_loader = TensorLoader(test_images, digits.test_labels.to(device), batch_size=1000)
    print(f"{len(digits.train_labels):,} training and {len(digits.test_labels):,} test pictures of {digits.name}")
    return train_loader, test_loader, digits


# ----------------------------------------------------------------------------------------------------------------------
# models: evaluate, count, save, load


@torch.no_grad()  # no gradients are needed to look at results: saves time and memory
def evaluate_model(model: nn.Module, loader: Any) -> tuple[float, float]:
    """Return mean cross-entropy loss and accuracy (0 to 1) over a whole set.

    Leaves the model in evaluation mode (dropout off); training code calls `model.train()` before it goes on.
    """
    model.eval()
    loss_sum, correct, count = 0.0, 0, 0
    for images, labels in loader:
        logits = model(images)  # [B, 10]
        loss_sum += F.cross_entropy(logits, labels, reduction="sum").item()
        correct += (logits.argmax(dim=1) == labels).sum().item()
        count += len(labels)
    return loss_sum / count, correct / count


@torch.no_grad()
def predict(model: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the predicted digit [N] and the confidence [N] (probability of that digit, 0 to 1) of each picture."""
    model.eval()
    probabilities = model(images).softmax(dim=1)  # [N, 10], each row sums to 1
    confidence, digit = probabilities.max(dim=1)
    return digit, confidence


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers training may change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def save_model(model: nn.Module, path: Path, **facts: Any) -> None:
    """Save a model's weights with facts about them (numbers, texts, lists), whole or not at all.

    Only the numbers are saved, not the class: whoever loads them builds the same network first.
    """
    weights = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    with atomic_path(path) as temporary:
        torch.save({"weights": weights, **facts}, temporary)


def load_model(model: nn.Module, path: Path, how_to_make: str) -> dict[str, Any]:
    """Load weights saved by `save_model` into `model`; return the facts saved with them.

    Args:
        model: A network of the same architecture.
        path: The file.
        how_to_make: The command that writes the file, for the error message.

    Raises:
        CourseError: There is no such file, or it does not fit.
    """
    facts = read_saved_model(path, how_to_make)
    try:
        model.load_state_dict(facts.pop("weights"))
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise CourseError(f"{path.name} holds the weights of another network: {reason}", hint=how_to_make) from error
    return facts


def read_saved_model(path: Path, how_to_make: str) -> dict[str, Any]:
    """Return what `save_model` wrote: "weights" and the facts."""
    if not path.is_file():
        raise CourseError(f"there is no trained model yet: {path} does not exist.", hint=how_to_make)
    try:
        # weights_only: a .pth file is a pickle, and a pickle can run code; this loads numbers and nothing else
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load has no error class of its own
        raise CourseError(f"{path} is damaged or no model file: {type(error).__name__}.", hint=how_to_make) from error


# ----------------------------------------------------------------------------------------------------------------------
# plots


def save_figure(figure: Figure, path: Path) -> None:
    """Write a plot as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)


def plot_training_history(history: dict[str, list[float]], path: Path, title: str = "") -> str:
    """Draw loss and accuracy of the training and the test set, epoch by epoch.

    Args:
        history: Lists "train_loss", "train_accuracy", "test_loss", "test_accuracy" with one value an epoch.
        path: The PNG to write.
        title: What was trained on what.

    Returns:
        The plot in one line of text.
    """
    epochs = range(1, len(history["train_loss"]) + 1)
    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    for axes, quantity, scale, label in (
        (left, "loss", 1, "loss (cross-entropy, nats)"),
        (right, "accuracy", 100, "accuracy (%)"),
    ):
        for part, colour, style in (("train", BLUE, "o-"), ("test", ORANGE, "s--")):
            values = [scale * value for value in history[f"{part}_{quantity}"]]
            axes.plot(epochs, values, style, color=colour, label=f"{part} set", markersize=4)
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, path)
    best = min(epochs, key=lambda epoch: history["test_loss"][epoch - 1])
    return (
        f"{path.name}: train loss {history['train_loss'][0]:.3f} -> {history['train_loss'][-1]:.3f}, "
        f"test loss {history['test_loss'][0]:.3f} -> {history['test_loss'][-1]:.3f} (lowest in epoch {best}), "
        f"test accuracy {history['test_accuracy'][0]:.4f} -> {history['test_accuracy'][-1]:.4f}"
    )
