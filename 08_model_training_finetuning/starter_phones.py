"""Stage "phones" of 08_train_starter_voice.py: a classifier that says which sound each frame is.

It is the judge of words in `voice_pipeline.engines.starter.finetune.Listener`. Its labels are the aligner's durations.
What it hears is disturbed: a tilted spectrum (another microphone) and grain (so that it looks at shapes, not at
single values, which a model could fake).
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from starter_corpus import FrameBank
from torch import Tensor

from coursekit.progress import progress
from coursekit.seeding import seed_everything
from voice_pipeline.engines.starter.data import Batch
from voice_pipeline.engines.starter.phones import PhoneClassifier
from voice_pipeline.settings import AUDIO


@dataclass
class PhoneSettings:
    seed: int = 0
    steps: int = 500
    batch_frames: int = 6000
    rate: float = 2e-3  # AdamW peak; warm-up, then half a cosine
    warmup: int = 30
    tilt: float = 0.5  # deviation, natural log, from the lowest band to the highest
    grain: float = 0.3  # deviation of noise on every value
    shares: tuple = (("kathleen", 0.25), ("libri", 0.35), ("teacher", 0.4))


def inside(batch: Batch) -> Tensor:
    """`[B, T]`: 1 inside each clip, 0 in the padding."""
    places = torch.arange(batch.mel.shape[1], device=batch.mel.device)[None]
    return (places < batch.mel_lengths[:, None]).float()


def train_phones(bank: FrameBank, settings: PhoneSettings, path: Path) -> float:
    """Train on what is not held out, save, and give the mean cross-entropy of held-out frames in nats."""
    seed_everything(settings.seed)
    weights = bank.weights(settings.shares)
    held_out = bank.batch([int(row) for row in np.flatnonzero(bank.held_out & (bank.which == 0))])
    model = PhoneClassifier().to(bank.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=0.01)
    bar = progress(total=settings.steps, desc="phones", unit="step")
    step, epoch, recent = 0, 0, []
    across = torch.linspace(-1, 1, AUDIO.n_mels, device=bank.device)
    while step < settings.steps:
        for rows in bank.batches(settings.batch_frames, weights, random.Random(f"{settings.seed}-phones-{epoch}")):
            rate = min((step + 1) / settings.warmup, 0.5 * (1 + math.cos(math.pi * step / settings.steps)) + 0.01)
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * rate
            batch = bank.batch(rows)
            tilt = settings.tilt * torch.randn(len(batch.mel), 1, 1, device=bank.device) * across
            heard = batch.mel + tilt + settings.grain * torch.randn_like(batch.mel)
            loss = model.loss(heard, inside(batch), batch.ids, batch.durations)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            recent.append(loss.item())
            step += 1
            bar.update()
            if step % 100 == 0:
                print(f"step {step:5d}  cross-entropy {np.mean(recent[-100:]):.3f} nats", flush=True)
            if step >= settings.steps:
                break
        epoch += 1
    bar.close()
    model.save(path)
    model.eval()
    with torch.no_grad():
        return model.loss(held_out.mel, inside(held_out), held_out.ids, held_out.durations).item()
