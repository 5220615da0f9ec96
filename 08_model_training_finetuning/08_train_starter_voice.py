"""Train the starter voice from nothing: an aligner first, then an acoustic model that critics and a listener judge.

What you will learn
    - why a speech model needs durations, and how an aligner finds them without anybody marking a boundary
    - how one network speaks with many voices: it is told who speaks by a 256-number speaker embedding
    - why small errors do not make good speech, and what does: critics that know blur, a listener that asks for the
      speaker's voice, pitch and words
    - how a long training survives being stopped: everything it needs to go on stands in one checkpoint

How to run it (each stage goes on where it was stopped)
    python 08_train_starter_voice.py --data DIR corpus       pack every recording (README.md says what DIR holds)
    python 08_train_starter_voice.py align                   the aligner, then a duration for every symbol
    python 08_train_starter_voice.py phones                  the classifier of sounds that listens to words
    python 08_train_starter_voice.py acoustic --minutes 60   the acoustic model; --device cuda where there is a GPU
    python 08_train_starter_voice.py export                  float16 weights into the capstone's starter_voice/

The sentences read by a teacher are packed too when `starter_teacher.py` has written outputs/starter/kokoro.

Time and memory: on 2 CPU cores corpus 20 min, align 8 min, phones 4 min, acoustic about a second a step of 6,000
frames; 4 GB. On one H200 GPU 2,068 steps of 24,000 frames without critics and listener took 3 minutes.
Writes outputs/starter/: real.npz, teacher.npz, *.durations.npz, aligner.safetensors, phones.safetensors, acoustic.ckpt,
acoustic.safetensors, curves.jsonl
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (transfer learning, schedules, checkpoints)
"""

from __future__ import annotations

import argparse
import json
import math
import random
import shutil
import sys
import time
from dataclasses import dataclass, field
from multiprocessing import Pool
from pathlib import Path
from typing import Any

import numpy as np
import torch
from frame_critics import CriticSettings, Opponents
from starter_corpus import (
    FrameBank,
    Packed,
    Spectra,
    Utterance,
    kathleen,
    libri,
    libritts,
    pack_one,
    teacher,
    with_metadata,
    write_pack,
)
from starter_phones import PhoneSettings, train_phones
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from coursekit.cli import run_main
from coursekit.errors import CourseError
from coursekit.files import atomic_path, write_text_atomic
from coursekit.progress import progress
from coursekit.seeding import seed_everything
from voice_pipeline.engines.checkpoints import load_weights, save_weights
from voice_pipeline.engines.starter.aligner import Aligner
from voice_pipeline.engines.starter.data import Batch, Frames, bucketed
from voice_pipeline.engines.starter.finetune import Listener, Wanted
from voice_pipeline.engines.starter.model import StarterSettings, StarterTTS
from voice_pipeline.engines.starter.replay import replay_sentences

HERE = Path(__file__).resolve().parent
WORK = HERE / "outputs" / "starter"
SHIPPED = HERE.parent / "capstone_voice_replication_pipeline" / "starter_voice"

# ----------------------------------------------------------------------------------------------------------------------
# settings


@dataclass
class Settings:
    seed: int = 0
    real_quality: float = 0.8  # Opus at 59 kbit/s for real voices
    teacher_quality: float = 0.85  # 46 kbit/s for synthetic ones
    align_steps: int = 1000  # the loss stops falling near 800
    align_longest: int = 450  # frames; short clips teach as much, and the cost grows with length squared
    align_frames: int = 4500  # frames a step
    align_rate: float = 2e-3  # Adam; the aligner has 0.1 M parameters and bears a high rate
    batch_frames: int = 24_000  # frames a step (4 min of speech); on a CPU 7,000
    rate: float = 1.5e-3  # AdamW peak learning rate; 3e-3 diverged now and then
    warmup: int = 100  # steps of rising learning rate; from there half a cosine down to nothing
    # Two clips of one person differ by as much noise on each number of their embeddings; without it a model learns
    # which clip an embedding belongs to, and the clip by heart.
    voice_noise: float = 0.03
    average: float = 0.998  # share of the running mean of the weights that each step keeps; 500 steps of memory
    shares: tuple = (("kathleen", 0.28), ("libri", 0.08), ("teacher", 0.64))  # how often each kind is drawn
    checkpoint_every: int = 250  # steps; what a kill can cost
    critics: CriticSettings = field(default_factory=CriticSettings)
    spoken: int = 2  # sentences a step that the model speaks freely
    voices: tuple = (("kathleen", 0.15), ("libri", 0.35), ("teacher", 0.5))  # whose voices those are


# ----------------------------------------------------------------------------------------------------------------------
# stage 1: the corpus


def transcribe_untranscribed(data: Path) -> dict[str, str]:
    """LibriSpeech clips that come without words get PocketSphinx's: not exact, but fifty voices are worth it."""
    target = WORK / "transcripts.json"
    if not target.is_file():
        import soundfile

        from voice_pipeline.recognizer import Recognizer

        texts = {}
        clips = [p for p in sorted((data / "librispeech").rglob("*.flac")) if not list(p.parent.glob("*.trans.txt"))]
        for path in progress(clips, desc="transcribe", unit="clip"):
            waveform, rate = soundfile.read(path, dtype="float32")
            texts[path.stem] = Recognizer.shared().transcribe(waveform, rate)
        write_text_atomic(target, json.dumps(texts, indent=1))
    return json.loads(target.read_text("utf-8"))


def _packed(job: tuple[Utterance, float]) -> tuple[dict[str, np.ndarray] | None, str]:
    torch.set_num_threads(1)
    item, quality = job
    try:
        return pack_one(item, quality), ""
    except Exception as error:  # one bad file must not end an hour of work; it is listed
        return None, f"{item.speaker}: {item.path}: {error}"


def make_pack(name: str, items: list[Utterance], quality: float) -> None:
    """Pack the recordings into outputs/starter/NAME.npz, and list those that could not be packed."""
    with Pool(2) as pool:
        jobs = pool.imap(_packed, [(item, quality) for item in items], chunksize=4)
        results = list(progress(jobs, total=len(items), desc=name))
    kept = [(item, row) for item, (row, _) in zip(items, results, strict=True) if row is not None]
    write_pack(WORK / f"{name}.npz", [item for item, _ in kept], [row for _, row in kept])
    for _, problem in results:
        if problem:
            print("left out:", problem)
    seconds = sum(len(row["f0"]) for _, row in kept) * 256 / 24_000
    print(f"{name}: {len(kept)} recordings, {seconds / 3600:.2f} hours")


def make_corpus(data: Path, settings: Settings, only: str | None) -> None:
    WORK.mkdir(parents=True, exist_ok=True)
    if only in (None, "real"):
        voices = libri(data / "librispeech", transcribe_untranscribed(data)) + libritts(data / "libritts")
        german = with_metadata(data / "german_speaker", "german")
        make_pack("real", kathleen(data / "female_speaker") + voices + german, settings.real_quality)
    if only in (None, "teacher"):
        spoken = teacher(WORK / "kokoro")
        if spoken:
            make_pack("teacher", spoken, settings.teacher_quality)
        else:
            print("NOTE: no teacher's sentences; starter_teacher.py says how to make them")


# ----------------------------------------------------------------------------------------------------------------------
# stage 2: the aligner


def packs() -> list[Path]:
    """The packed corpora at hand."""
    found = [WORK / f"{name}.npz" for name in ("real", "teacher") if (WORK / f"{name}.npz").is_file()]
    if not found:
        raise CourseError("there is no corpus yet", hint="python 08_train_starter_voice.py --data DIR corpus")
    return found


def frames_of(packed: Packed, spectra: Spectra, index: int) -> Frames:
    """One recording at speed 1, as the aligner sees it."""
    mel = spectra.log_mel(torch.from_numpy(packed.waveform(index)))
    nothing = np.zeros(mel.shape[1], dtype=np.float32)
    return Frames.of(packed.ids[index], mel.numpy(), nothing, nothing, np.zeros(256), f"{index}")


def train_aligner(packed: Packed, settings: Settings) -> Aligner:
    seed_everything(settings.seed)
    rng = random.Random(settings.seed)
    spectra, aligner = Spectra("cpu"), Aligner()
    optimizer = torch.optim.Adam(aligner.parameters(), lr=settings.align_rate)
    usable = [i for i in range(len(packed)) if packed.source[i] != "german" and not packed.held_out[i]]
    chosen = rng.sample(usable, min(len(usable), 3000))
    clips = [frames_of(packed, spectra, index) for index in progress(chosen, desc="frames", unit="clip")]
    training = [clip for clip in clips if clip.alignable and len(clip.mel) <= settings.align_longest]
    bar = progress(total=settings.align_steps, desc="align", unit="step")
    losses: list[float] = []
    while len(losses) < settings.align_steps:
        for members in bucketed(training, settings.align_frames, rng):
            loss = aligner.loss(Batch.collate(members))
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(aligner.parameters(), 5.0)
            optimizer.step()
            losses.append(loss.item())
            bar.update()
            if len(losses) % 100 == 0:
                print(f"step {len(losses):5d}  forward-sum loss {np.mean(losses[-100:]):.3f}", flush=True)
            if len(losses) >= settings.align_steps:
                break
    bar.close()
    return aligner


_AT_HAND: dict[str, Any] = {}  # what each worker process keeps in memory


def _read_for_alignment(pack: Path, aligner: Path) -> None:
    torch.set_num_threads(1)
    _AT_HAND.update(packed=Packed.read([pack]), aligner=Aligner.read(aligner), spectra=Spectra("cpu"))


def _durations_of(index: int) -> np.ndarray:
    """Frames of each symbol; zeros where the clip is too short for its text."""
    clip = frames_of(_AT_HAND["packed"], _AT_HAND["spectra"], index)
    if not clip.alignable:
        return np.zeros(len(clip.ids), dtype=np.int64)
    return _AT_HAND["aligner"].durations(clip).numpy()


def align(settings: Settings) -> None:
    """Train the aligner unless it is there, then find the frames of every symbol."""
    target = WORK / "aligner.safetensors"
    if not target.is_file():
        train_aligner(Packed.read(packs()), settings).save(target)
    for path in packs():
        found = path.with_suffix(".durations.npz")
        if found.is_file() and found.stat().st_mtime > max(path.stat().st_mtime, target.stat().st_mtime):
            continue
        with Pool(2, _read_for_alignment, (path, target)) as pool:
            n = len(Packed.read([path]))
            jobs = pool.imap(_durations_of, range(n), chunksize=8)
            durations = list(progress(jobs, total=n, desc=f"durations of {path.stem}", unit="clip"))
        with atomic_path(found) as temporary, open(temporary, "wb") as handle:
            np.savez_compressed(handle, durations=np.concatenate(durations).astype(np.int16))


# ----------------------------------------------------------------------------------------------------------------------
# stage 3: the classifier of sounds


def make_phones(device: str) -> None:
    """Train it and put it where the listener looks for it."""
    settings = PhoneSettings()
    bank = FrameBank(Packed.read(packs()), device, {name for name, _ in settings.shares})
    error = train_phones(bank, settings, WORK / "phones.safetensors")
    SHIPPED.mkdir(exist_ok=True)
    shutil.copyfile(WORK / "phones.safetensors", SHIPPED / "phones.safetensors")
    print(f"held-out frames: {error:.3f} nats; {SHIPPED / 'phones.safetensors'}")


# ----------------------------------------------------------------------------------------------------------------------
# stage 4: the acoustic model


def learning_rate(settings: Settings, step: int, done: float) -> float:
    """Linear warm-up over steps, then half a cosine over the share of the time that is used up (0..1)."""
    return settings.rate * min((step + 1) / settings.warmup, 0.5 * (1.0 + math.cos(math.pi * min(1.0, done))))


def start_from(model: StarterTTS, path: Path) -> None:
    """Take over the weights and the normalisation of an earlier version; values it did not say begin at zero."""
    state = model.state_dict()
    for name, value in load_weights(path).items():
        if name not in state:
            continue
        if state[name].ndim and state[name].shape != value.shape:
            state[name].zero_()[: len(value)] = value
        else:
            state[name].copy_(value)


def heard(listener: Listener, model: StarterTTS, voices: Batch, noise: float) -> dict[str, Tensor]:
    """The listener's terms: the model speaks other sentences with the voices of these recordings."""
    speakers = []
    for embedding, f0 in zip(voices.embedding, voices.f0[:, 0], strict=True):
        told = torch.nn.functional.normalize(embedding + noise * torch.randn_like(embedding), dim=0)
        speakers.append((told, Wanted(embedding, model.mean_pitch(f0))))
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    for norm in norms:  # one sentence has no statistics worth learning; it is heard with those of all
        norm.eval()
    found = listener.losses(model, speakers)
    for norm in norms:
        norm.train()
    return found


def train_acoustic(settings: Settings, minutes: float, device: str, start: Path | None = None) -> None:
    """Train until the minutes are used up. What is saved for use is a running mean of the weights: single steps jump
    about the place that all of them circle, and the mean is nearer to it (Polyak 1992)."""
    bank = FrameBank(Packed.read(packs()), device, {name for name, _ in settings.shares})
    print(f"{len(bank)} recordings and speeds, {bank.lengths.sum() * 256 / 24_000 / 3600:.1f} hours on {device}")
    weights, voice_weights = bank.weights(settings.shares), bank.weights(settings.voices)
    held_out = [int(row) for row in np.flatnonzero(bank.held_out & (bank.which == 0))]

    seed_everything(settings.seed)
    size = StarterSettings()
    model = StarterTTS(size).to(device)
    if start is None:
        model.fit_normalisation(bank.mel.float(), bank.f0[bank.f0 > 0], bank.level)
    else:
        start_from(model, start)
    criterion = model.get_criterion()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=settings.rate
    )
    opponents, listener = Opponents(settings.critics, device), Listener(replay_sentences(), device)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True)
    step, spent, epoch = 0, 0.0, 0
    checkpoint = WORK / "acoustic.ckpt"
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        averaged.load_state_dict(state["averaged"])
        opponents.critics.load_state_dict(state["critics"])
        opponents.optimizer.load_state_dict(state["critics_optimizer"])
        step, spent, epoch = state["step"], state["seconds"], state["epoch"] + 1
        print(f"going on at step {step}, after {spent / 60:.1f} minutes")
    budget = minutes * 60
    recent: list[dict[str, Tensor]] = []
    mark = time.monotonic()
    while spent < budget:
        rng = random.Random(f"{settings.seed}-{epoch}")  # an epoch's order depends on nothing but its number
        for rows in bank.batches(settings.batch_frames, weights, rng):
            model.train()
            rate = learning_rate(settings, step, spent / budget)
            for group in optimizer.param_groups:
                group["lr"] = rate
            batch = bank.batch(rows)
            said = model.coqui_batch(batch)
            told = batch.embedding + settings.voice_noise * torch.randn_like(batch.embedding)
            said["d_vectors"] = torch.nn.functional.normalize(told, dim=1)
            outputs, losses = model.train_step(said, criterion)
            terms = opponents.fooled(batch, said["mel_input"], outputs["model_outputs"], step)
            speakers = bank.batch(rng.choices(range(len(bank)), weights=voice_weights, k=settings.spoken))
            terms |= heard(listener, model, speakers, settings.voice_noise)
            losses |= terms
            optimizer.zero_grad()
            (losses["loss"] + sum(terms.values())).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            averaged.update_parameters(model)
            step += 1
            recent.append({name: value.detach().float() for name, value in losses.items()})
            spent, mark = spent + time.monotonic() - mark, time.monotonic()
            finished = spent >= budget
            if step % settings.checkpoint_every == 0 or finished:
                means = {n: torch.stack([r[n] for r in recent if n in r]).mean().item() for n in recent[-1]}
                recent.clear()
                if not math.isfinite(means["loss"]):
                    raise CourseError(f"the loss is {means['loss']} before step {step}", hint="lower Settings.rate")
                row = {"step": step, "minutes": spent / 60, "rate": rate, **means}
                row["held_out"] = validate(averaged.module, bank.batch(held_out))
                print(json.dumps({k: round(v, 5) for k, v in row.items()}), flush=True)
                with open(WORK / "curves.jsonl", "a", encoding="utf-8") as handle:
                    handle.write(json.dumps(row) + "\n")
                with atomic_path(checkpoint) as temporary:
                    torch.save(
                        {
                            "model": model.state_dict(),
                            "optimizer": optimizer.state_dict(),
                            "averaged": averaged.state_dict(),
                            "critics": opponents.critics.state_dict(),
                            "critics_optimizer": opponents.optimizer.state_dict(),
                            "step": step,
                            "seconds": spent,
                            "epoch": epoch,
                        },
                        temporary,
                    )
                averaged.module.save(WORK / "acoustic.safetensors")
            if finished:
                break
        epoch += 1


@torch.no_grad()
def validate(model: StarterTTS, batch: Batch) -> float:
    """Mean absolute error of the normalised frames on held-out sentences, durations and pitch given."""
    model.eval()
    _, losses = model.train_step(model.coqui_batch(batch), model.get_criterion())
    return losses["loss_spec"].item()


# ----------------------------------------------------------------------------------------------------------------------
# stage 5: ship it


def known_speakers(packed: Packed) -> dict[str, torch.Tensor]:
    """Embeddings, float16: one of each LibriSpeech speaker (the "other people" of a proof card), and those of voices
    that the model knows well (whose speech keeps its pronunciation alive while it is fine-tuned)."""
    rng = random.Random(0)
    reference = {}
    for index, speaker in enumerate(packed.speaker):
        if packed.source[index] == "libri":
            reference.setdefault(str(speaker), packed.embeddings[index, 0])
    kathleen_mean = packed.embeddings[packed.source == "kathleen", 0].astype(np.float32).mean(0)
    blended = [i for i in range(len(packed)) if packed.source[i] == "teacher"]
    main = [kathleen_mean / np.linalg.norm(kathleen_mean)]
    main += [packed.embeddings[i, 0].astype(np.float32) for i in rng.sample(blended, min(19, len(blended)))]
    return {
        "reference": torch.from_numpy(np.stack([reference[name] for name in sorted(reference)])).half(),
        "main": torch.from_numpy(np.stack(main)).half(),
    }


def export() -> None:
    """Float16 weights and sizes into `starter_voice/`."""
    SHIPPED.mkdir(exist_ok=True)
    StarterTTS.read(WORK / "acoustic.safetensors").save(SHIPPED / "acoustic.safetensors")
    Aligner.read(WORK / "aligner.safetensors").save(SHIPPED / "aligner.safetensors")
    save_weights(SHIPPED / "speakers.safetensors", known_speakers(Packed.read(packs())))
    total = sum(path.stat().st_size for path in SHIPPED.glob("*.safetensors"))
    print(f"{SHIPPED}: {total / 1e6:.1f} MB of weights")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=["corpus", "align", "phones", "acoustic", "export"])
    parser.add_argument("--data", type=Path, help="folder with female_speaker, german_speaker, librispeech, libritts")
    parser.add_argument("--only", choices=["real", "teacher"], help="corpus: pack this part alone")
    parser.add_argument("--minutes", type=float, default=60.0, help="of acoustic training in all")
    parser.add_argument(
        "--start", type=Path, metavar="FILE", help="acoustic: weights of an earlier version to go on from"
    )
    parser.add_argument("--rate", type=float, default=Settings.rate, help="acoustic: peak learning rate")
    parser.add_argument("--device", default="cpu", help="of phones and acoustic")
    parser.add_argument("--batch-frames", type=int, default=Settings.batch_frames, help="frames a step")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    args = parser.parse_args(argv)
    settings = Settings(seed=args.seed, batch_frames=args.batch_frames, rate=args.rate)
    torch.set_num_threads(2)
    if args.stage == "corpus":
        if args.only != "teacher" and (args.data is None or not (args.data / "female_speaker").is_dir()):
            raise CourseError("the corpus stage needs the training recordings", hint="--data DIR, see the docstring")
        make_corpus(args.data, settings, args.only)
    elif args.stage == "align":
        align(settings)
    elif args.stage == "phones":
        make_phones(args.device)
    elif args.stage == "acoustic":
        train_acoustic(settings, args.minutes, args.device, args.start)
    else:
        export()
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
