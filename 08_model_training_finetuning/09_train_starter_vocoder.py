"""Train the starter voice's vocoder: the network that turns mel frames into sound.

What you will learn
    - why a spectrogram is not enough: it says how loud each band is, and nothing about the phase of the waves
    - how an adversarial loss works: a second network learns to tell real sound from made sound, the first to fool it
    - how to start from somebody else's weights although they were trained on other spectra

How to run it (each stage goes on where it was stopped)
    python 09_train_starter_vocoder.py --data DIR sounds          waveforms of every real recording
    python 09_train_starter_vocoder.py --init FILE train --minutes 60
    python 09_train_starter_vocoder.py export                     float16 weights into the capstone's starter_voice/

FILE is `generator_v2` of HiFi-GAN's published LJ_V2 weights (MIT; trained on LJSpeech, public domain, at 22.05 kHz).
Without --init the training starts from nothing and takes much longer.

Time and memory on 2 CPU cores: sounds 1 min, train an hour brings it half way; 2 GB.
Writes outputs/starter/: sounds.npz, vocoder.ckpt, vocoder.safetensors, vocoder_curves.jsonl
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (transfer learning, adversarial training)
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import librosa
import numpy as np
import torch
from starter_corpus import Utterance, kathleen, libri, libritts, waveform_of, with_speeds
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from TTS.vocoder.layers.losses import MultiScaleSTFTLoss
from TTS.vocoder.models.melgan_multiscale_discriminator import MelganMultiscaleDiscriminator

from coursekit.cli import run_main
from coursekit.errors import CourseError
from coursekit.files import atomic_path
from coursekit.progress import progress
from coursekit.seeding import seed_everything
from voice_pipeline.acoustics import mel_filters
from voice_pipeline.engines.starter.neural_vocoder import NeuralVocoder
from voice_pipeline.settings import AUDIO

HERE = Path(__file__).resolve().parent
WORK = HERE / "outputs" / "starter"
SHIPPED = HERE.parent / "capstone_voice_replication_pipeline" / "starter_voice"
HOP = AUDIO.hop_length
EDGE = AUDIO.n_fft // 2 - HOP // 2  # samples before the first frame's share of a waveform, and after the last one's

# ----------------------------------------------------------------------------------------------------------------------
# settings


@dataclass
class Settings:
    seed: int = 0
    segment: int = 32  # frames of a training example (0.34 s); longer teaches little more and costs as much more
    batch: int = 8  # examples a step
    rate: float = 8e-4  # Adam, both networks; HiFi-GAN uses 2e-4 for a million steps, here are some thousand
    betas: tuple[float, float] = (0.8, 0.99)  # HiFi-GAN's: a short memory, because the opponent keeps changing
    alone: int = 8000  # steps without an opponent: three times as fast, and the new last layer has to learn anyway
    mel_weight: float = 15.0  # L1 of log mel
    stft_weight: float = 2.5  # three sizes of spectra, so that no single frame grid can be cheated
    feature_weight: float = 2.0  # what the opponent's layers see should be alike
    average: float = 0.998  # running mean of the weights; 500 steps of memory
    half_time: int = 8000  # steps after which the learning rate has halved
    shares: tuple = (("kathleen", 0.35), ("libri", 0.65))  # how often each kind is drawn: many voices matter most
    checkpoint_every: int = 250


# ----------------------------------------------------------------------------------------------------------------------
# stage 1: the sounds


def list_sounds(data: Path, seed: int) -> list[Utterance]:
    """Real recordings only (a synthetic voice would teach its own artefacts), each at several speeds."""
    transcripts = json.loads((WORK / "transcripts.json").read_text("utf-8"))
    many = libri(data / "librispeech", transcripts) + libritts(data / "libritts")
    return with_speeds(kathleen(data / "female_speaker"), copies=1, seed=seed) + with_speeds(many, copies=4, seed=seed)


def _sound_of(item: Utterance) -> np.ndarray:
    return np.round(waveform_of(item) * 32767).astype(np.int16)


def make_sounds(data: Path, settings: Settings) -> None:
    items = list_sounds(data, settings.seed)
    with Pool(2) as pool:
        sounds = list(progress(pool.imap(_sound_of, items, chunksize=8), total=len(items), desc="sounds"))
    with atomic_path(WORK / "sounds.npz") as temporary, open(temporary, "wb") as handle:
        np.savez(
            handle,
            samples=np.concatenate(sounds),
            lengths=np.array([len(sound) for sound in sounds]),
            sources=np.array([item.source for item in items]),
            held_out=np.array([item.held_out for item in items]),
        )
    print(f"{len(sounds)} recordings, {sum(map(len, sounds)) / AUDIO.sample_rate / 3600:.1f} hours")


class Sounds:
    """All recordings in memory, one long int16 array."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CourseError("there are no sounds yet", hint="python 09_train_starter_vocoder.py --data DIR sounds")
        with np.load(path) as file:
            self.samples, self.lengths, self.sources = file["samples"], file["lengths"], file["sources"]
            self.held_out = file["held_out"]
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])

    def segments(self, settings: Settings, rng: random.Random) -> Iterator[Tensor]:
        """Batches of waveforms, float32 `[B, (segment + edges) * hop]`, without end. Louder and softer at random."""
        usable = ~self.held_out & (self.lengths > self.width(settings))
        pools = [np.flatnonzero(usable & (self.sources == name)) for name, _ in settings.shares]
        totals = [np.cumsum(self.lengths[pool]) for pool in pools]
        weights = [weight for _, weight in settings.shares]
        while True:
            batch = []
            for kind in rng.choices(range(len(pools)), weights=weights, k=settings.batch):
                index = pools[kind][np.searchsorted(totals[kind], rng.randrange(int(totals[kind][-1])), side="right")]
                start = self.starts[index] + rng.randrange(int(self.lengths[index]) - self.width(settings))
                sound = self.samples[start : start + self.width(settings)].astype(np.float32) / 32767
                batch.append(sound * 10 ** (rng.uniform(-6, 4) / 20))
            yield torch.from_numpy(np.stack(batch)).clamp(-1, 1)

    @staticmethod
    def width(settings: Settings) -> int:
        return settings.segment * HOP + AUDIO.n_fft


# ----------------------------------------------------------------------------------------------------------------------
# stage 2: training

FILTERS = torch.from_numpy(mel_filters())  # [80, 513]
WINDOW = torch.hann_window(AUDIO.n_fft)


def log_mel(waveform: Tensor) -> Tensor:
    """`[B, n]` -> `[B, 80, frames]`: the frames that lie wholly inside, the first centred at sample n_fft / 2."""
    spectrum = torch.stft(waveform, AUDIO.n_fft, HOP, window=WINDOW, center=False, return_complex=True)
    magnitude = (spectrum.real.square() + spectrum.imag.square()).clamp_min(1e-12).sqrt()
    return (FILTERS @ magnitude).clamp_min(AUDIO.log_floor).log()


def start_from_hifigan(vocoder: NeuralVocoder, path: Path) -> None:
    """Take over the published HiFi-GAN V2 up to its second upsampling.

    It was trained on other mel bands (0 to 8 kHz of 22.05 kHz). Played at 24 kHz, all it knows moves up by 24 / 22.05,
    and each of its bands lies between two of ours: a linear map, which is folded into the first convolution.
    """
    published = torch.load(path, map_location="cpu", weights_only=True)["generator"]
    plain = {}
    for name, value in published.items():
        if name.endswith("weight_v"):  # undo the weight norm: direction times length
            direction = value.flatten(1).norm(dim=1).view(-1, *[1] * (value.ndim - 1))
            plain[name[:-2]] = value / direction * published[name[:-1] + "g"]
        elif name.endswith("bias"):
            plain[name] = value
    ratio = AUDIO.sample_rate / 22_050
    ours = librosa.mel_frequencies(n_mels=AUDIO.n_mels + 2, fmin=AUDIO.mel_fmin, fmax=AUDIO.mel_fmax)[1:-1]
    theirs = librosa.mel_frequencies(n_mels=82, fmin=0.0, fmax=8000.0)[1:-1] * ratio
    to_theirs = np.stack([np.interp(theirs, ours, row) for row in np.eye(AUDIO.n_mels)], axis=1)  # [theirs, ours]
    first = plain["conv_pre.weight"]
    plain["conv_pre.bias"] = plain["conv_pre.bias"] + first.sum((1, 2)) * math.log(ratio)  # their bins are narrower
    plain["conv_pre.weight"] = torch.einsum("oik,ij->ojk", first, torch.from_numpy(to_theirs).float())
    mine = NeuralVocoder(vocoder.settings)
    mine.remove_weight_norm()
    kept = {name: value for name, value in plain.items() if name in mine.state_dict() and "conv_post" not in name}
    kept = {name: value for name, value in kept.items() if value.shape == mine.state_dict()[name].shape}
    mine.load_state_dict(kept, strict=False)
    for name, module in vocoder.named_modules():  # weight norm works out direction and length by itself
        source = dict(mine.named_modules()).get(name)
        if hasattr(module, "parametrizations") and source is not None:
            with torch.no_grad():
                module.weight = source.weight.detach().clone()
                module.bias.copy_(source.bias)
    print(f"{len(kept)} of {len(plain)} tensors come from {path.name}")


def discriminator_loss(opponent: torch.nn.Module, real: Tensor, made: Tensor) -> Tensor:
    """Least squares (Mao et al. 2017): real sound is a one, made sound a zero."""
    on_real, _ = opponent(real)
    on_made, _ = opponent(made.detach())
    return sum((1 - r).square().mean() + m.square().mean() for r, m in zip(on_real, on_made, strict=True))


def fooling_loss(opponent: torch.nn.Module, real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """The generator's two: made sound should pass for real, and look like it in every layer of the opponent."""
    with torch.no_grad():
        _, of_real = opponent(real)
    on_made, of_made = opponent(made)
    fooled = sum((1 - score).square().mean() for score in on_made)
    alike = sum(
        (r - m).abs().mean()
        for real_layers, made_layers in zip(of_real, of_made, strict=True)
        for r, m in zip(real_layers[:-1], made_layers[:-1], strict=True)
    )
    return fooled, alike


@torch.no_grad()
def validate(vocoder: NeuralVocoder, sounds: Sounds) -> float:
    """Mean absolute log-mel difference of the held-out sentences and their copies."""
    errors = []
    for index in np.flatnonzero(sounds.held_out):
        start = sounds.starts[index]
        real = torch.from_numpy(sounds.samples[start : start + sounds.lengths[index]].astype(np.float32) / 32767)
        mel = log_mel(real[None])
        made = vocoder(mel)[:, 0]
        errors.append((log_mel(torch.nn.functional.pad(made, (EDGE, EDGE)))[..., 2:-2] - mel[..., 2:-2]).abs().mean())
    return torch.stack(errors).mean().item()


def train(settings: Settings, minutes: float | None, init: Path | None) -> None:
    """Train until the minutes are used up; more can be added at any time."""
    sounds = Sounds(WORK / "sounds.npz")
    seed_everything(settings.seed)
    vocoder = NeuralVocoder()
    opponent = MelganMultiscaleDiscriminator(base_channels=16, max_channels=256)
    spectra = MultiScaleSTFTLoss()
    if init is not None and not (WORK / "vocoder.ckpt").is_file():
        start_from_hifigan(vocoder, init)
    made_by = torch.optim.AdamW(vocoder.parameters(), lr=settings.rate, betas=settings.betas)
    judged_by = torch.optim.AdamW(opponent.parameters(), lr=settings.rate, betas=settings.betas)
    averaged = AveragedModel(vocoder, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
    parts = {
        "vocoder": vocoder,
        "opponent": opponent,
        "made_by": made_by,
        "judged_by": judged_by,
        "averaged": averaged,
    }
    step, spent = 0, 0.0
    if (WORK / "vocoder.ckpt").is_file():
        state = torch.load(WORK / "vocoder.ckpt", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        step, spent = state["step"], state["seconds"]
        print(f"going on at step {step}, after {spent / 60:.1f} minutes")
    batches = sounds.segments(settings, random.Random(f"{settings.seed}-{step}"))
    recent: list[dict[str, float]] = []
    budget = minutes * 60 if minutes else math.inf
    while spent < budget:
        started = time.monotonic()
        for optimizer in (made_by, judged_by):
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * min(1.0, (step + 1) / 100) * 0.5 ** (step / settings.half_time)
        waveform = next(batches)  # [B, segment * hop + n_fft]
        mel = log_mel(waveform)  # [B, 80, segment + 1]
        real = waveform[:, None, EDGE : EDGE + mel.shape[2] * HOP]  # [B, 1, (segment + 1) * hop]
        made = vocoder(mel)
        losses = {"mel": (log_mel(made[:, 0]) - log_mel(real[:, 0])).abs().mean()}
        magnitude, convergence = spectra(made[:, 0], real[:, 0])
        losses["stft"] = magnitude + convergence
        total = settings.mel_weight * losses["mel"] + settings.stft_weight * losses["stft"]
        if step >= settings.alone:
            losses["opponent"] = discriminator_loss(opponent, real, made)
            judged_by.zero_grad()
            losses["opponent"].backward()
            judged_by.step()
            losses["fooled"], losses["alike"] = fooling_loss(opponent, real, made)
            total = total + losses["fooled"] + settings.feature_weight * losses["alike"]
        made_by.zero_grad()
        total.backward()
        size = torch.nn.utils.clip_grad_norm_(vocoder.parameters(), 50.0)
        if not torch.isfinite(size):
            raise CourseError(f"the gradient is {size.item()} at step {step}", hint="lower Settings.rate")
        made_by.step()
        averaged.update_parameters(vocoder)
        step += 1
        spent += time.monotonic() - started
        recent.append({name: value.item() for name, value in losses.items()})
        if step % settings.checkpoint_every == 0 or spent >= budget:
            means = {name: float(np.mean([row[name] for row in recent if name in row])) for name in recent[-1]}
            row = {"step": step, "minutes": spent / 60, **means, "held_out": validate(averaged.module, sounds)}
            print(json.dumps({name: round(value, 4) for name, value in row.items()}), flush=True)
            with open(WORK / "vocoder_curves.jsonl", "a", encoding="utf-8") as handle:
                handle.write(json.dumps(row) + "\n")
            recent.clear()
            state = {name: part.state_dict() for name, part in parts.items()}
            with atomic_path(WORK / "vocoder.ckpt") as temporary:
                torch.save({**state, "step": step, "seconds": spent}, temporary)
            averaged.module.save(WORK / "vocoder.safetensors")


# ----------------------------------------------------------------------------------------------------------------------
# stage 3: ship it


def export() -> None:
    """Float16 weights and size into `starter_voice/`."""
    NeuralVocoder.read(WORK / "vocoder.safetensors").save(SHIPPED / "vocoder.safetensors")
    print(f"{SHIPPED / 'vocoder.safetensors'}: {(SHIPPED / 'vocoder.safetensors').stat().st_size / 1e6:.1f} MB")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=["sounds", "train", "export"])
    parser.add_argument("--data", type=Path, help="folder with female_speaker, librispeech, libritts")
    parser.add_argument("--init", type=Path, help="HiFi-GAN's published generator_v2, to start from")
    parser.add_argument("--minutes", type=float, help="stop training after this many minutes in all")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    args = parser.parse_args(argv)
    settings = Settings(seed=args.seed)
    torch.set_num_threads(2)
    if args.stage == "sounds":
        if args.data is None or not (args.data / "female_speaker").is_dir():
            raise CourseError("the sounds stage needs the training recordings", hint="--data DIR, see the docstring")
        make_sounds(args.data, settings)
    elif args.stage == "train":
        train(settings, args.minutes, args.init)
    else:
        export()
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
