"""What the scripts of this module share: spoken words to learn, a small network, one training step, plots.

Letters used in shapes: B batch, N clips, T frames, K mel bands, H channels inside the network, C classes.

Two tasks, so that something can be carried from one to the other:
    words    thirty English words, spoken by the capstone's starter voice with many voices: the source
    digits   zero to nine: recordings (Free Spoken Digit Dataset) where they are at hand, else other synthetic voices
"""

from __future__ import annotations

import functools
import hashlib
import time
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor, nn

from coursekit.data import DataUnavailable, fetch
from coursekit.device import choose_device
from coursekit.errors import CourseError
from coursekit.files import atomic_path, sha256_file
from coursekit.seeding import seed_everything
from voice_pipeline.acoustics import log_mel, mel_filters
from voice_pipeline.engines.starter.base_voice import ACOUSTIC, reference_embeddings
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO

FRAMES = 64  # T: 0.68 s, long enough for one word
RANGE = 8.0  # nepers (70 dB) below the loudest cell that are kept
TOP_HZ = 4_000  # what a recording of 8,000 Hz can hold; all clips are cut there, so that they can be compared

# Okabe and Ito's colours: told apart with every common kind of colour blindness
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#666666"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, GREY)

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
WORDS = (
    "apple banana river mountain window yellow purple garden doctor winter summer music paper table kitchen planet "
    "monkey tiger rabbit butter coffee sugar letter people water father mother sister brother finger"
).split()

# ----------------------------------------------------------------------------------------------------------------------
# what every script does first


def prepare(settings: Namespace) -> torch.device:
    """Seed every generator, choose the device, print both with the reason."""
    seed_everything(settings.seed)
    choice = choose_device(settings.device)
    print(choice.describe())
    return choice.device


@contextmanager
def as_course_error() -> Iterator[None]:
    """Give the capstone's refusals the form that the lesson scripts print."""
    try:
        yield
    except PipelineError as error:
        raise CourseError(str(error), hint=error.hint) from error


# ----------------------------------------------------------------------------------------------------------------------
# clips


@dataclass(frozen=True)
class Clips:
    """Spoken words as pictures of one size.

    Attributes:
        mels: float32 `[N, T, K]`, -1 (70 dB below the loudest cell, or less) to 1 (the loudest).
        labels: int64 `[N]`, the place of the word in `classes`.
        speakers: Who speaks, text `[N]`.
        classes: The words.
        name: What to call the set in a sentence.
        is_real: True for recordings of people.
    """

    mels: Tensor
    labels: Tensor
    speakers: np.ndarray
    classes: tuple[str, ...]
    name: str
    is_real: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def where(self, chosen: np.ndarray) -> Clips:
        """Return some of the clips: a mask `[N]` of bools, or row numbers."""
        rows = torch.from_numpy(np.flatnonzero(chosen) if chosen.dtype == bool else chosen)
        return Clips(
            self.mels[rows], self.labels[rows], self.speakers[rows.numpy()], self.classes, self.name, self.is_real
        )

    def to(self, device: torch.device) -> Clips:
        return Clips(self.mels.to(device), self.labels.to(device), self.speakers, self.classes, self.name, self.is_real)


@functools.cache
def bands() -> int:
    """K: how many of the course's mel bands lie below TOP_HZ."""
    first_above = int(TOP_HZ * AUDIO.n_fft / AUDIO.sample_rate) + 1
    return int((mel_filters()[:, first_above:].sum(axis=1) == 0).sum())


def picture(mel: np.ndarray) -> np.ndarray:
    """Natural-log mel `[80, any]` to `[T, K]`: the word in the middle, its loudest cell at 1, 70 dB below at -1."""
    cells = mel[: bands()].T
    cells = np.maximum(cells - cells.max(), -RANGE) * (2 / RANGE) + 1  # how loud the recording is does not matter
    active = np.flatnonzero(cells.max(axis=1) > -0.25)  # frames within 43 dB of the loudest
    start = int(active[0] + active[-1] + 1 - FRAMES) // 2
    padded = np.pad(cells, ((FRAMES, FRAMES), (0, 0)), constant_values=-1)
    return padded[start + FRAMES : start + 2 * FRAMES].astype(np.float32)


def load_words(settings: Namespace, n_words: int = 30, n_voices: int = 16) -> Clips:
    """Return the source task: words by the first synthetic voices. Made on the first run, then kept in `spoken/`."""
    return _spoken(settings, "words", WORDS[:n_words], range(n_voices), takes=1)


def load_digits(settings: Namespace) -> Clips:
    """Return the target task: 600 recordings of six people, or 320 clips of sixteen synthetic voices.

    A quick run downloads nothing; a run without the recordings sets `settings.quick`, because the expectations of the
    quick run hold then.
    """
    try:
        data = fetch("spoken_digits", download=not settings.quick)
    except DataUnavailable as reason:
        print(f"NOTE: {reason}")
        settings.quick = True
        return _spoken(settings, "digits", DIGITS, range(40, 56), takes=2)
    print(data.message)
    import soundfile
    import soxr

    mels, labels, speakers = [], [], []
    for path in data.files:  # named {digit}_{speaker}_{take}.wav
        waveform, rate = soundfile.read(path, dtype="float32")
        mels.append(picture(log_mel(soxr.resample(waveform, rate, AUDIO.sample_rate).astype(np.float32))))
        digit, speaker, _ = path.stem.split("_")
        labels.append(int(digit))
        speakers.append(speaker)
    return Clips(
        torch.from_numpy(np.stack(mels)), torch.tensor(labels), np.array(speakers), DIGITS, "recorded digits", True
    )


def _spoken(settings: Namespace, name: str, words: Sequence[str], voices: range, takes: int) -> Clips:
    """Words by synthetic voices, each at another pace."""
    kind = f"{sha256_file(ACOUSTIC)}{words}{voices}{takes}{FRAMES}{RANGE}"  # another voice or list, another file
    path = settings.out / "spoken" / f"{name}_{hashlib.sha256(kind.encode()).hexdigest()[:8]}.npz"
    if not path.is_file():
        with as_course_error():
            _speak_all(path, words, voices, takes)
    with np.load(path) as file:
        mels, labels, speakers = file["mels"].astype(np.float32), file["labels"], file["speakers"]
    print(
        f"{name}: {len(labels)} clips of {len(words)} words by {len(voices)} synthetic voices, in {path.parent.name}/"
    )
    return Clips(torch.from_numpy(mels), torch.from_numpy(labels), speakers, tuple(words), f"synthetic {name}")


def _speak_all(path: Path, words: Sequence[str], voices: range, takes: int) -> None:
    from voice_pipeline.engines.starter.frontend import encode
    from voice_pipeline.engines.starter.model import StarterTTS

    model, embeddings = StarterTTS.read(ACOUSTIC), torch.from_numpy(reference_embeddings())
    random = np.random.default_rng(0)
    ids = [torch.tensor(encode(f"{word}.")) for word in words]
    mels, labels, speakers = [], [], []
    for voice in voices:
        for _ in range(takes):
            for label, symbols in enumerate(ids):
                pace = random.uniform(0.8, 1.25)
                spoken = model.speak(symbols, embeddings[voice % len(embeddings)], length_scale=pace)
                mels.append(picture(spoken.mel.T.numpy()))
                labels.append(label)
                speakers.append(f"voice{voice}")
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file,
            mels=np.stack(mels).astype(np.float16),
            labels=np.array(labels, dtype=np.int64),
            speakers=np.array(speakers),
        )


def split_by_speaker(clips: Clips, n_test: int) -> tuple[Clips, Clips]:
    """Return (training clips, test clips); the last `n_test` speakers by name are heard in the test alone."""
    last = sorted(set(clips.speakers.tolist()))[-n_test:]
    test = np.isin(clips.speakers, last)
    return clips.where(~test), clips.where(test)


def few_shots(clips: Clips, shots: int, seed: int) -> Clips:
    """Return `shots` clips of each class, chosen by chance."""
    random = np.random.default_rng(seed)
    labels = clips.labels.cpu().numpy()
    rows = [random.permutation(np.flatnonzero(labels == label))[:shots] for label in range(len(clips.classes))]
    return clips.where(np.concatenate(rows))


# ----------------------------------------------------------------------------------------------------------------------
# a network


class Block(nn.Module):
    """A ConvNeXt block (Liu 2022; the course's vocoder is made of the same): look at neighbours, then think.

    Almost all of its weights are in two linear layers, and it has no batch normalisation: each clip is judged alone,
    whatever else is in its batch. Scripts 05 and 10 need exactly that.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.near = nn.Conv1d(width, width, 7, padding=3, groups=width)  # 7 positions, each channel by itself
        self.norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 2 * width)
        self.narrow = nn.Linear(2 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:  # [B, T/2, H]
        y = self.near(x.transpose(1, 2)).transpose(1, 2)
        y = self.narrow(F.gelu(self.widen(self.norm(y))))
        return x + self.drop(y)


class WordNet(nn.Module):
    """A clip to one score for each class: 60,000 weights, about 10 ms for a step of 32 clips.

    Args:
        classes: C.
        width: H.
        blocks: How many.
        dropout: Share of the numbers that a block forgets while it is trained.
    """

    def __init__(self, classes: int, width: int = 64, blocks: int = 3, dropout: float = 0.1) -> None:
        super().__init__()
        self.entry = nn.Linear(2 * bands(), width)
        self.blocks = nn.ModuleList(Block(width, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(2 * width, classes)

    def forward(self, mels: Tensor) -> Tensor:
        x = self.entry(mels.reshape(len(mels), FRAMES // 2, -1))  # two frames at a time: [B, T/2, 2K] -> [B, T/2, H]
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        return self.head(torch.cat([x.mean(dim=1), x.amax(dim=1)], dim=1))  # [B, 2H] -> [B, C]


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers training may change."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights of now; `load_state_dict` brings them back."""
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


# ----------------------------------------------------------------------------------------------------------------------
# training


def disturb(mels: Tensor, generator: torch.Generator) -> Tensor:
    """Move each clip by up to 6 frames (64 ms) and lay noise of some level under it: the word stays the same.

    Args:
        mels: `[B, T, K]`.
        generator: Source of chance, on the CPU.
    """
    count = len(mels)
    shift = torch.randint(-6, 7, (count, 1), generator=generator)
    rows = (torch.arange(FRAMES)[None] + shift).clamp(0, FRAMES - 1)  # [B, T]
    moved = mels[torch.arange(count)[:, None], rows.to(mels.device)]
    floor = torch.rand(count, 1, 1, generator=generator) - 1.0  # -1 none .. 0 as loud as speech 35 dB below its peak
    noise = floor + 0.15 * torch.randn(mels.shape, generator=generator)
    return torch.maximum(moved, noise.to(mels.device))


def batches(
    clips: Clips, batch_size: int, generator: torch.Generator, augment: bool = True
) -> Iterator[tuple[Tensor, Tensor]]:
    """Endless batches: every clip once in random order, then every clip again. Yields `[B, T, K]` and `[B]`."""
    while True:
        order = torch.randperm(len(clips), generator=generator)
        for rows in order.split(batch_size):
            mels = clips.mels[rows.to(clips.mels.device)]
            yield (disturb(mels, generator) if augment else mels), clips.labels[rows.to(clips.mels.device)]


def train_step(model: nn.Module, optimizer: torch.optim.Optimizer, mels: Tensor, labels: Tensor) -> float:
    """One step: loss, gradients, update. Returns the loss before the update."""
    loss = F.cross_entropy(model(mels), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model: nn.Module, clips: Clips) -> tuple[float, float]:
    """Return mean loss and accuracy (0..1); the model is as it was before, in training or evaluation mode."""
    before = model.training
    model.eval()
    logits = torch.cat([model(part) for part in clips.mels.split(200)])
    model.train(before)
    return F.cross_entropy(logits, clips.labels).item(), (logits.argmax(1) == clips.labels).float().mean().item()


def source_net(settings: Namespace, device: torch.device) -> tuple[WordNet, float]:
    """Return a network that tells the thirty words apart, and its accuracy on voices it was not trained on.

    It is trained on the first run (some seconds) and kept in `spoken/`, as published weights would be.
    """
    steps = 250 if settings.quick else 600
    words = load_words(settings)
    train, test = split_by_speaker(words, 4)
    path = settings.out / "spoken" / f"source_net_{steps}_{sha256_file(ACOUSTIC)[:8]}.pt"
    model = WordNet(len(words.classes))
    if not path.is_file():
        seed_everything(settings.seed)
        model = WordNet(len(words.classes)).to(device)
        started = time.perf_counter()
        generator = torch.Generator().manual_seed(settings.seed)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
        for _, (mels, labels) in zip(range(steps), batches(train.to(device), 32, generator), strict=False):
            train_step(model, optimizer, mels, labels)
            schedule.step()
        with atomic_path(path) as temporary:
            torch.save({name: value.cpu() for name, value in model.state_dict().items()}, temporary)
        print(f"trained the source network: {steps} steps, {time.perf_counter() - started:.1f} s")
    model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    model = model.to(device)
    return model, evaluate(model, test.to(device))[1]


# ----------------------------------------------------------------------------------------------------------------------
# plots


def save_figure(figure: Figure, path: Path) -> None:
    """Write a plot as PNG, whole or not at all."""
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def smoothed(values: Sequence[float], keep: float = 0.9) -> list[float]:
    """Return a running mean that forgets: each new value counts 1 - keep; corrected for its start at nothing."""
    mean, found = 0.0, []
    for number, value in enumerate(values, 1):
        mean = keep * mean + (1 - keep) * value
        found.append(mean / (1 - keep**number))
    return found


def draw_curves(axes: Any, curves: dict[str, tuple[Sequence[float], Sequence[float]]], **labels: str) -> None:
    """Draw named curves (x, y) in the module's colours, with a legend and a faint grid."""
    for colour, (name, (x, y)) in zip(COLOURS * 3, curves.items(), strict=False):
        axes.plot(x, y, color=colour, label=name)
    axes.set(**labels)
    axes.grid(alpha=0.3)
    axes.legend()
