"""Train the starter voice's vocoder: the network that filters pulses and noise into a voice.

What you will learn
    - why a spectrogram is not enough: it says how loud each band is, and nothing about where the waves stand
    - how much an old idea (the source-filter model of speech) saves a new one: before any training the copy is near
    - how an adversarial loss works: other networks learn to tell real sound from made sound, the vocoder to fool them
    - why a vocoder that copies well may speak badly: an acoustic model's spectra are smoother than any recording's, so
      it has to hear them in training as well

How to run it (it goes on where it was stopped)
    python 08_train_starter_voice.py --data DIR --only real corpus    pack the real recordings
    python 09_train_starter_vocoder.py train --minutes 60             --device cuda where there is a GPU
    python 09_train_starter_vocoder.py train --start W.safetensors --acoustic A.safetensors    with predicted spectra
    python 09_train_starter_vocoder.py export                         float16 weights into the capstone's starter_voice/

Time and memory: ten minutes on one GPU; on 2 CPU cores a step costs some seconds, so give it a night; 3 GB.
Writes outputs/starter/: vocoder.ckpt, vocoder.safetensors, vocoder_curves.jsonl
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (adversarial training)
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from starter_corpus import FrameBank, Packed, Spectra, at_speed, contour_at_speed
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from vocoder_critics import Critics, critics_loss, fooling_losses

from coursekit.cli import run_main
from coursekit.errors import CourseError
from coursekit.files import atomic_path
from coursekit.seeding import seed_everything
from voice_pipeline.engines.checkpoints import load_weights
from voice_pipeline.engines.starter.model import StarterTTS
from voice_pipeline.engines.starter.neural_vocoder import NeuralVocoder
from voice_pipeline.settings import AUDIO

HERE = Path(__file__).resolve().parent
WORK = HERE / "outputs" / "starter"
SHIPPED = HERE.parent / "capstone_voice_replication_pipeline" / "starter_voice"
HOP = AUDIO.hop_length
EDGE = AUDIO.n_fft // HOP // 2  # frames from the start of a cut to the first frame that lies wholly inside

# ----------------------------------------------------------------------------------------------------------------------
# settings


@dataclass
class Settings:
    seed: int = 0
    segment: int = 64  # frames of an example that are judged (0.7 s)
    batch: int = 24  # examples a step
    rate: float = 5e-4  # AdamW, vocoder; the critics have the same
    betas: tuple[float, float] = (0.8, 0.99)  # HiFi-GAN's: a short memory, because the opponents keep changing
    # share of the time without opponents: several times as fast, and the envelope comes first; with --start none
    alone: float = 0.15
    mel_weight: float = 10.0  # L1 of log mel; lower than usual: with predicted spectra it asks for what nobody can know
    spectrum_weight: float = 3.0  # L1 of log spectra at three sizes, so that no single frame grid can be cheated
    fooled_weight: float = 1.0
    alike_weight: float = 10.0  # what the critics' layers see should be alike
    jitter: float = 0.15  # the mel is disturbed by up to this deviation: at work it comes from a model, not from sound
    gain: float = 6.0  # dB, louder or softer at random
    average: float = 0.999  # running mean of the weights
    # how often each kind is drawn; many voices matter most
    shares: tuple = (("kathleen", 0.25), ("libri", 0.40), ("german", 0.05), ("teacher", 0.30))
    predicted: float = 0.6  # share of examples whose mel the acoustic model said, where there is one
    checkpoint_every: int = 500


# ----------------------------------------------------------------------------------------------------------------------
# sounds


@torch.no_grad()
def predictions(acoustic: StarterTTS, packed: Packed, device: str) -> dict[tuple[int, int], Tensor]:
    """What the acoustic model says for each recording and speed: its own spectra, with the durations, the pitch and the
    loudness of the recording, so that they lie frame on frame (HiFi-GAN's authors fine-tune on the same).

    Returns:
        (index of the recording, which speed) to mel and voicing, float16 `[T, 81]`.
    """
    bank = FrameBank(packed, device, {"kathleen", "libri", "teacher"})
    criterion = acoustic.get_criterion()
    said = {}
    order = np.argsort(bank.lengths)
    for rows in np.array_split(order, max(1, len(order) // 16)):
        outputs, _ = acoustic.train_step(acoustic.coqui_batch(bank.batch(rows.tolist())), criterion)
        for row, frames in zip(rows, outputs["model_outputs"], strict=True):
            frames = frames[: bank.lengths[row]]
            mel = acoustic.restore_mel(frames[:, : AUDIO.n_mels])
            voicing = frames[:, AUDIO.n_mels + 1 :].clamp(-1.0, 1.0)
            said[int(bank.index[row]), int(bank.which[row])] = torch.cat([mel, voicing], dim=1).half()
    return said


class SoundBank:
    """Every recording at every speed, in one long array on the device.

    Args:
        packed: the recordings.
        device: where training runs.
        settings: which kinds to take, and how long a cut is.
        acoustic: whose spectra are learned from beside the real ones; None for real ones alone.
    """

    def __init__(self, packed: Packed, device: str, settings: Settings, acoustic: StarterTTS | None = None) -> None:
        sounds, f0s, contours, rows = [], [], [], []
        said = predictions(acoustic, packed, device) if acoustic else {}
        predicted, known = [], []
        nothing = torch.zeros(1, AUDIO.n_mels + 1, dtype=torch.float16, device=device)
        self.spectra = Spectra(device)
        shares = dict(settings.shares)
        chosen = [i for i in range(len(packed)) if packed.source[i] in shares]
        with ThreadPoolExecutor() as pool:
            for index, waveform in zip(chosen, pool.map(packed.waveform, chosen), strict=True):
                for which, speed in enumerate(packed.speeds[index]):
                    if packed.held_out[index] and which:
                        continue
                    sound = at_speed(torch.from_numpy(waveform).to(device), float(speed))
                    sound = sound[: len(sound) // HOP * HOP]
                    n_frames = len(sound) // HOP
                    if n_frames < settings.segment + 4 * EDGE + 2:
                        continue
                    f0, contour = contour_at_speed(packed.f0[index], float(speed), n_frames)
                    sounds.append((sound.clamp(-1, 1) * 32767).to(torch.int16))
                    f0s.append(f0)
                    contours.append(contour)
                    rows.append(index)
                    known.append((index, which) in said)
                    if acoustic:
                        predicted.append(said.pop((index, which), nothing.expand(n_frames, -1))[:n_frames])
        self.source, self.held_out = packed.source[rows], packed.held_out[rows]
        self.frames = np.array([len(sound) // HOP for sound in sounds])
        self.starts = np.cumsum(self.frames) - self.frames  # in frames
        self.sound = torch.cat(sounds)
        self.f0 = torch.from_numpy(np.concatenate(f0s)).to(device)
        self.contour = torch.from_numpy(np.concatenate(contours)).to(device)
        self.predicted = torch.cat(predicted) if acoustic else None
        self.known = np.array(known)  # whether the acoustic model said it
        counts = {name: self.frames[(self.source == name) & ~self.held_out].sum() for name in shares}
        weights = np.array([shares[s] / max(1, counts[s]) for s in self.source]) * self.frames * ~self.held_out
        self.weights = weights / weights.sum()
        self.device = device

    def cut(self, first: np.ndarray, length: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Stretches of sound and what the vocoder is told about them.

        Args:
            first: where each begins, frames into the long array, `[B]`.
            length: frames of mel wanted.

        Returns:
            waveform `[B, (length - 1) * hop]` from the first frame's centre to the last one's, mel `[B, 80, length]`,
            F0 without holes `[B, length]`, voicing `[B, length]`.
        """
        start = torch.from_numpy(first).to(self.device)[:, None]
        samples = torch.arange((length - 1) * HOP + AUDIO.n_fft, device=self.device)[None] + start * HOP
        waveform = self.sound[samples].float() / 32767
        frames = torch.arange(length, device=self.device)[None] + start + EDGE
        contour = self.contour[frames]
        f0 = torch.where(contour > 0, contour, 150.0)
        voicing = torch.where(self.f0[frames] > 0, 1.0, -1.0)
        return waveform, self._mel(waveform), f0, voicing

    def _mel(self, waveform: Tensor) -> Tensor:
        return self.spectra.log_mel(waveform)[..., EDGE:-EDGE]

    def cut_predicted(self, first: np.ndarray, length: int) -> tuple[Tensor, Tensor]:
        """What the acoustic model says of the same stretches: mel `[B, 80, length]`, voicing `[B, length]`."""
        assert self.predicted is not None
        start = torch.from_numpy(first).to(self.device)[:, None]
        frames = self.predicted[torch.arange(length, device=self.device)[None] + start + EDGE].float()
        return frames[..., : AUDIO.n_mels].transpose(1, 2), frames[..., AUDIO.n_mels]

    def batch(self, settings: Settings, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """A random batch: the waveform between the outer frames' centres, disturbed mel, F0, voicing."""
        length = settings.segment + 2 * EDGE + 1
        rows = rng.choice(len(self.frames), settings.batch, p=self.weights)
        room = self.frames[rows] - length - 2 * EDGE
        first = self.starts[rows] + (rng.random(settings.batch) * room).astype(np.int64)
        waveform, mel, f0, voicing = self.cut(first, length)
        if self.predicted is not None:
            chosen = torch.from_numpy(self.known[rows] & (rng.random(settings.batch) < settings.predicted))
            chosen = chosen.to(self.device)[:, None]
            said, said_voicing = self.cut_predicted(first, length)
            mel, voicing = torch.where(chosen[..., None], said, mel), torch.where(chosen, said_voicing, voicing)
        gain = torch.from_numpy(rng.uniform(-settings.gain, settings.gain, settings.batch)).float().to(self.device)
        waveform = waveform * 10 ** (gain[:, None] / 20)
        mel = (mel + gain[:, None, None] * (math.log(10) / 20)).clamp_min(math.log(AUDIO.log_floor))
        strength = torch.from_numpy(rng.uniform(0, settings.jitter, settings.batch)).float().to(self.device)
        mel = mel + strength[:, None, None] * torch.randn_like(mel)
        half = AUDIO.n_fft // 2
        return waveform[:, half:-half], mel, f0, voicing


# ----------------------------------------------------------------------------------------------------------------------
# training


class SpectralLoss:
    """How far two waveforms are apart to the ear: log mel, and log spectra of three window sizes."""

    def __init__(self, spectra: Spectra, device: str) -> None:
        self.spectra = spectra
        self.windows = {size: torch.hann_window(size, device=device) for size in (512, 1024, 2048)}

    def __call__(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Mean absolute log-mel difference, and that of the log spectra."""
        mel = (self.spectra.log_mel(made) - self.spectra.log_mel(real)).abs().mean()
        parts = []
        for size, window in self.windows.items():
            ours, theirs = (
                torch.stft(x, size, size // 4, window=window, return_complex=True).abs().clamp_min(1e-3).log()
                for x in (made, real)
            )
            parts.append((ours - theirs).abs().mean())
        return mel, torch.stack(parts).mean()


def make(vocoder: torch.nn.Module, mel: Tensor, f0: Tensor, voicing: Tensor) -> Tensor:
    """The vocoder's waveform, with fresh noise and phase."""
    noise = torch.randn(len(mel), (mel.shape[2] - 1) * HOP, device=mel.device)
    return vocoder(mel, f0, voicing, noise, torch.rand(len(mel), device=mel.device))


@torch.no_grad()
def validate(vocoder: torch.nn.Module, bank: SoundBank, *, predicted: bool = False) -> float:
    """Mean absolute log-mel difference of the held-out sentences and their copies, from real or predicted spectra."""
    errors = []
    for row in np.flatnonzero(bank.held_out & (bank.known if predicted else True)):
        length = int(bank.frames[row]) - 2 * EDGE
        first = bank.starts[row : row + 1]
        waveform, mel, f0, voicing = bank.cut(first, length)
        if predicted:
            mel, voicing = bank.cut_predicted(first, length)
        half = AUDIO.n_fft // 2
        made, real = (bank.spectra.log_mel(x) for x in (make(vocoder, mel, f0, voicing), waveform[:, half:-half]))
        errors.append((made - real)[..., 4:-4].abs().mean())
    return torch.stack(errors).mean().item()


def train(
    settings: Settings, minutes: float, device: str, start: Path | None = None, acoustic: Path | None = None
) -> None:
    """Train until the minutes are used up; the learning rate falls with half a cosine over them.

    Args:
        settings: of the training.
        minutes: in all, those before an interruption included.
        device: "cpu" or "cuda".
        start: weights of a vocoder to go on from; the critics begin anew.
        acoustic: weights of an acoustic model whose spectra are learned from too.
    """
    paths = [WORK / f"{name}.npz" for name in ("real", "teacher") if (WORK / f"{name}.npz").is_file()]
    if not paths:
        raise CourseError("there is no corpus yet", hint="python 08_train_starter_voice.py --data DIR corpus")
    speaker = StarterTTS.read(acoustic, device) if acoustic else None
    bank = SoundBank(Packed.read(paths), device, settings, speaker)
    print(f"{len(bank.frames)} sounds, {bank.frames.sum() * HOP / AUDIO.sample_rate / 3600:.1f} hours on {device}")
    seed_everything(settings.seed)
    torch.backends.cudnn.benchmark = True  # every batch has the same shape
    vocoder, critics = NeuralVocoder().to(device), Critics().to(device)
    if start:
        weights = load_weights(start)
        vocoder.load_state_dict({name: value.float() for name, value in weights.items()})
    distance = SpectralLoss(bank.spectra, device)
    made_by = torch.optim.AdamW(vocoder.parameters(), lr=settings.rate, betas=settings.betas)
    judged_by = torch.optim.AdamW(critics.parameters(), lr=settings.rate, betas=settings.betas)
    averaged = AveragedModel(vocoder, multi_avg_fn=get_ema_multi_avg_fn(settings.average))
    parts = {
        "vocoder": vocoder,
        "critics": critics,
        "made_by": made_by,
        "judged_by": judged_by,
        "averaged": averaged,
    }
    step, spent = 0, 0.0
    if (WORK / "vocoder.ckpt").is_file():
        state = torch.load(WORK / "vocoder.ckpt", weights_only=True, map_location=device)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        step, spent = state["step"], state["seconds"]
        print(f"going on at step {step}, after {spent / 60:.1f} minutes")
    rng = np.random.default_rng([settings.seed, step])
    recent: list[dict[str, Tensor]] = []
    budget, mark = minutes * 60, time.monotonic()
    while spent < budget:
        rate = settings.rate * min((step + 1) / 100, 0.5 * (1 + math.cos(math.pi * spent / budget)))
        for group in [*made_by.param_groups, *judged_by.param_groups]:
            group["lr"] = rate
        real, mel, f0, voicing = bank.batch(settings, rng)
        made = make(vocoder, mel, f0, voicing)
        real, made = (x[:, EDGE * HOP : -EDGE * HOP] for x in (real, made))  # frames beyond the cut are missing there
        losses: dict[str, Tensor] = {}
        losses["mel"], losses["spectrum"] = distance(made, real)
        total = settings.mel_weight * losses["mel"] + settings.spectrum_weight * losses["spectrum"]
        if start or spent >= settings.alone * budget:
            with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
                losses["critics"] = critics_loss(critics(real), critics(made.detach()))
            judged_by.zero_grad()
            losses["critics"].backward()
            judged_by.step()
            critics.requires_grad_(False)
            with torch.autocast(device, dtype=torch.bfloat16, enabled=device == "cuda"):
                losses["fooled"], losses["alike"] = fooling_losses(critics(real), critics(made))
            critics.requires_grad_(True)
            total = total + settings.fooled_weight * losses["fooled"] + settings.alike_weight * losses["alike"]
        made_by.zero_grad()
        total.backward()
        losses["gradient"] = torch.nn.utils.clip_grad_norm_(vocoder.parameters(), 20.0)
        made_by.step()
        averaged.update_parameters(vocoder)
        step += 1
        recent.append({name: value.detach() for name, value in losses.items()})
        if step % 20 == 0 and device == "cuda":
            torch.cuda.synchronize()
        spent, mark = spent + time.monotonic() - mark, time.monotonic()
        if step % settings.checkpoint_every == 0 or spent >= budget:
            means = {n: float(torch.stack([row[n] for row in recent if n in row]).mean()) for n in recent[-1]}
            recent.clear()
            if not math.isfinite(means["gradient"]):
                raise CourseError(f"the gradient is {means['gradient']} at step {step}", hint="lower Settings.rate")
            row = {"step": step, "minutes": spent / 60, **means, "held_out": validate(averaged.module, bank)}
            if acoustic:
                row["held_out_predicted"] = validate(averaged.module, bank, predicted=True)
            print(json.dumps({name: round(value, 4) for name, value in row.items()}), flush=True)
            with open(WORK / "vocoder_curves.jsonl", "a", encoding="utf-8") as handle:
                handle.write(json.dumps(row) + "\n")
            with atomic_path(WORK / "vocoder.ckpt") as temporary:
                states = {name: part.state_dict() for name, part in parts.items()}
                torch.save({**states, "step": step, "seconds": spent}, temporary)
            averaged.module.save(WORK / "vocoder.safetensors")


def export() -> None:
    """Float16 weights into `starter_voice/`."""
    SHIPPED.mkdir(exist_ok=True)
    NeuralVocoder.read(WORK / "vocoder.safetensors").save(SHIPPED / "vocoder.safetensors")
    print(f"{SHIPPED / 'vocoder.safetensors'}: {(SHIPPED / 'vocoder.safetensors').stat().st_size / 1e6:.1f} MB")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=["train", "export"])
    parser.add_argument("--minutes", type=float, default=60.0, help="of training in all")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--start", type=Path, metavar="FILE", help="weights of an earlier vocoder to go on from")
    parser.add_argument("--acoustic", type=Path, metavar="FILE", help="weights of the model whose spectra it hears too")
    parser.add_argument("--rate", type=float, default=Settings.rate, help="peak learning rate")
    parser.add_argument("--batch", type=int, default=Settings.batch, help="examples a step")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    args = parser.parse_args(argv)
    if args.stage == "train":
        settings = Settings(seed=args.seed, batch=args.batch, rate=args.rate)
        train(settings, args.minutes, args.device, args.start, args.acoustic)
    else:
        export()
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
