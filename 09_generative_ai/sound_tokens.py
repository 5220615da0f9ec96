"""Sound as whole numbers for 05_bark.py: residual vector quantisation, the teacher of the pairs of digits, measures.

Letters used in shapes: T steps, D numbers of a step (four frames of 80 mel bands, pitch, voicing), K codes in a book.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from gen_utils import batches, count_parameters
from sklearn.cluster import KMeans
from torch import Tensor

from voice_pipeline.engines.starter.base_voice import main_embeddings
from voice_pipeline.engines.starter.frontend import encode
from voice_pipeline.engines.starter.model import StarterTTS
from voice_pipeline.engines.starter.voice import shared_vocoder
from voice_pipeline.settings import AUDIO

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
STACK = 4  # mel frames in one step: 23 steps a second; Bark has 50 (meaning) and 75 (sound)
CODES, BOOKS = 64, 4  # K codes in each of 4 books; Bark 1,024 in each of 8
MEANINGS = 64  # semantic tokens; Bark 10,000
STEPS_MOST = 32  # longest sound, in steps: 1.4 s
RATE = 3e-3  # learning rate of every stage

# ----------------------------------------------------------------------------------------------------------------------
# sound as whole numbers


@dataclass
class Quantiser:
    """Residual vector quantisation: each book describes what the books before it left over.

    Attributes:
        books: Code vectors, float32 `[books, K, D]`.
        meaning: Code vectors of the semantic tokens, of the spectrum alone, `[MEANINGS, D']`.
    """

    books: Tensor
    meaning: Tensor

    @classmethod
    def fitted(cls, vectors: Tensor, seed: int) -> Quantiser:
        """Learn the books from `[N, D]` by k-means, one after the other."""
        # concept: audio as tokens
        books, left = [], vectors
        for _ in range(BOOKS):
            books.append(centres(left, CODES, seed))
            left = left - books[-1][torch.cdist(left, books[-1]).argmin(dim=1)]
        return cls(torch.stack(books), centres(spectrum(vectors), MEANINGS, seed))

    def codes(self, vectors: Tensor) -> Tensor:
        """Return the codes of `[T, D]`, int64 `[T, BOOKS]`."""
        found, left = [], vectors
        for book in self.books:
            found.append(torch.cdist(left, book).argmin(dim=1))
            left = left - book[found[-1]]
        return torch.stack(found, dim=1)

    def vectors(self, codes: Tensor) -> Tensor:
        """Return the sum of the code vectors of `[T, n]`, the first n books: `[T, D]`."""
        return sum(self.books[n][codes[:, n]] for n in range(codes.shape[1]))

    def meanings(self, vectors: Tensor) -> Tensor:
        """Return semantic tokens, int64 `[T]`."""
        return torch.cdist(spectrum(vectors), self.meaning).argmin(dim=1)


def centres(vectors: Tensor, count: int, seed: int) -> Tensor:
    found = KMeans(count, n_init=1, max_iter=30, random_state=seed).fit(vectors.numpy())
    return torch.from_numpy(found.cluster_centers_).float()


def spectrum(vectors: Tensor) -> Tensor:
    """Return the mean spectrum of each step, without pitch: `[T, STACK * 82]` to `[T, 80]`."""
    return vectors.reshape(len(vectors), STACK, -1)[:, :, : AUDIO.n_mels].mean(dim=1)


# ----------------------------------------------------------------------------------------------------------------------
# the teacher: the capstone's starter voice says all pairs


@torch.inference_mode()
def teach(teacher: StarterTTS) -> list[tuple[str, Tensor]]:
    """Return (text, frames `[T, STACK * 82]`) of all hundred pairs, by one of the starter's voices."""
    embedding = torch.from_numpy(main_embeddings()[0])
    said = []
    for first in DIGITS:
        for second in DIGITS:
            frames = teacher.predict(torch.tensor(encode(f"{first} {second}.")), embedding).frames.cpu()  # [T, 82]
            whole = frames[: len(frames) // STACK * STACK].reshape(-1, frames.shape[1] * STACK)
            said.append((f"{first} {second}", whole[:STEPS_MOST].clone()))
    return said


def to_sound(teacher: StarterTTS, vectors: Tensor) -> np.ndarray:
    """Turn `[T, STACK * 82]` into a waveform: here the course's vocoder; in Bark it is EnCodec's decoder."""
    frames = vectors.reshape(-1, AUDIO.n_mels + 2)
    f0, voicing = teacher.pitch_of(frames)
    mel = teacher.restore_mel(frames[:, : AUDIO.n_mels])
    with torch.inference_mode():
        return shared_vocoder("cpu").vocode(mel.T.numpy(), f0.numpy(), voicing.numpy())


# ----------------------------------------------------------------------------------------------------------------------
# measuring


def distance(first: Tensor, second: Tensor) -> float:
    """Return how far two sounds `[T, D]` are apart, after both were stretched to 24 steps."""
    stretched = [F.interpolate(sound.T[None], size=24, mode="linear")[0] for sound in (first, second)]
    return float((stretched[0] - stretched[1]).square().mean().sqrt())


def books_explain(quantiser: Quantiser, lessons: list[tuple[str, Tensor]]) -> list[float]:
    """Print and return which share of the variance of sounds never heard each further book explains."""
    # concept: audio as tokens
    sounds = torch.cat([vectors for _, vectors in lessons])
    codes = quantiser.codes(sounds)
    total = (sounds - sounds.mean(dim=0)).square().sum()
    shares = [float(1 - (sounds - quantiser.vectors(codes[:, :n])).square().sum() / total) for n in range(1, BOOKS + 1)]
    listed = ", ".join(f"{share:.0%}" for share in shares)
    print(f"books of {CODES} codes, variance of unheard pairs explained by 1, 2, 3, 4 of them: {listed}")
    return shares


# ----------------------------------------------------------------------------------------------------------------------
# training a stage


def padded(rows: list[Tensor], length: int, value: int) -> Tensor:
    return torch.stack([F.pad(row, (0, length - len(row)), value=value) for row in rows])


def train_stage(name: str, part: torch.nn.Module, loss_of: Callable[[Tensor], Tensor], count: int, steps: int,
                seed: int) -> float:  # fmt: skip
    """Train one stage; return the mean loss of the last tenth, nats for a token."""
    optimizer = torch.optim.AdamW(part.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    losses = []
    for rows in batches(count, 16, steps, seed):
        loss = loss_of(rows)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(part.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    last = float(np.mean(losses[-steps // 10 :]))
    print(f"   {name:<9} {count_parameters(part):>8,} weights   loss {losses[0]:.2f} -> {last:.2f}")
    return last
