"""Train the starter voice from nothing: an aligner first, then an acoustic model.

What you will learn
    - why a speech model needs durations, and how an aligner finds them without anybody marking a boundary
    - how one network speaks with many voices: it is told who speaks by a 256-number speaker embedding
    - how a long training survives being stopped: everything it needs to go on stands in one checkpoint

How to run it (each stage goes on where it was stopped)
    python 08_train_starter_voice.py --data DIR corpus       frames of every recording (README.md says what DIR holds)
    python 08_train_starter_voice.py align                   the aligner, then a duration for every symbol
    python 08_train_starter_voice.py acoustic --minutes 60   the acoustic model
    python 08_train_starter_voice.py export                  float16 weights into the capstone's starter_voice/

Time and memory on 2 CPU cores: corpus 12 min, align 8 min, acoustic 60 min or more; 3 GB.
Writes outputs/starter/: corpus/*.npz, aligner.safetensors, durations.npz, acoustic.ckpt, acoustic.safetensors,
curves.jsonl
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
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch
from starter_corpus import Utterance, flite, kathleen, libri, libritts, make_frames, with_speeds
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from coursekit.cli import run_main
from coursekit.errors import CourseError
from coursekit.files import atomic_path, write_text_atomic
from coursekit.progress import progress
from coursekit.seeding import seed_everything
from voice_pipeline.engines.checkpoints import save_weights
from voice_pipeline.engines.starter.aligner import Aligner
from voice_pipeline.engines.starter.data import Batch, Frames, bucketed
from voice_pipeline.engines.starter.model import StarterSettings, StarterTTS

HERE = Path(__file__).resolve().parent
WORK = HERE / "outputs" / "starter"
SHIPPED = HERE.parent / "capstone_voice_replication_pipeline" / "starter_voice"

# ----------------------------------------------------------------------------------------------------------------------
# settings


@dataclass
class Settings:
    seed: int = 0
    flite_sentences: int = 420  # sentences for each synthetic voice; more is clearer speech, less real colour
    align_steps: int = 1000  # the loss stops falling near 800
    align_longest: int = 450  # frames; short clips teach as much, and the cost grows with length squared
    align_frames: int = 4500  # frames a step
    align_rate: float = 2e-3  # Adam; the aligner has 0.1 M parameters and bears a high rate
    batch_frames: int = 7000  # frames a step (75 s of speech); more is smoother and slower
    rate: float = 1.5e-3  # AdamW peak learning rate; 3e-3 diverged now and then
    warmup: int = 300  # steps of rising learning rate; from there it falls with the square root of the step
    average: float = 0.998  # share of the running mean of the weights that each step keeps; 500 steps of memory
    steps: int = 40_000  # where training ends, unless --minutes ends it before
    shares: tuple = (("kathleen", 0.50), ("libri", 0.12), ("flite", 0.38))  # how often each kind is drawn
    checkpoint_every: int = 250  # steps; what a kill can cost


# ----------------------------------------------------------------------------------------------------------------------
# stage 1: the corpus


def list_corpus(data: Path, settings: Settings) -> list[Utterance]:
    """Every utterance, made-up speakers included."""
    real = kathleen(data / "female_speaker")
    transcripts = json.loads((WORK / "transcripts.json").read_text("utf-8"))
    voices = libri(data / "librispeech", transcripts) + libritts(data / "libritts")
    utterances = with_speeds(real, copies=1, seed=settings.seed) + with_speeds(voices, copies=2, seed=settings.seed)
    texts = data / "text_corpora" / "ljspeech_metadata_13100.csv"
    if shutil.which("flite") and texts.is_file():
        sentences = [line.split("|")[-1] for line in texts.read_text("utf-8").splitlines()]
        utterances += flite(sentences, settings.flite_sentences, settings.seed)
    else:
        print("NOTE: no synthetic voices: they need the program flite and", texts)
    return utterances


def transcribe_untranscribed(data: Path) -> None:
    """LibriSpeech clips that come without words get PocketSphinx's: not exact, but fifty voices are worth it."""
    target = WORK / "transcripts.json"
    if target.is_file():
        return
    import soundfile

    from voice_pipeline.recognizer import Recognizer

    texts = {}
    clips = [p for p in sorted((data / "librispeech").rglob("*.flac")) if not list(p.parent.glob("*.trans.txt"))]
    for path in progress(clips, desc="transcribe", unit="clip"):
        waveform, rate = soundfile.read(path, dtype="float32")
        texts[path.stem] = Recognizer.shared().transcribe(waveform, rate)
    write_text_atomic(target, json.dumps(texts, indent=1))


def _frames_of(item: Utterance) -> tuple[str, str]:
    torch.set_num_threads(1)
    try:
        return make_frames(item, WORK / "corpus").stem, ""
    except Exception as error:  # one bad file must not end an hour of work; it is listed
        return "", f"{item.speaker}: {item.path or item.text}: {error}"


def make_corpus(data: Path, settings: Settings) -> None:
    """Frames of every utterance, and an index of what they are."""
    (WORK / "corpus").mkdir(parents=True, exist_ok=True)
    transcribe_untranscribed(data)
    items = list_corpus(data, settings)
    with Pool(2) as pool:
        results = list(progress(pool.imap(_frames_of, items, chunksize=4), total=len(items), desc="frames"))
    index = [
        {"key": key, "speaker": item.speaker, "source": item.source, "held_out": item.held_out, "text": item.text}
        for item, (key, _) in zip(items, results, strict=True)
        if key
    ]
    write_text_atomic(WORK / "index.json", json.dumps(index, indent=0))
    for _, problem in results:
        if problem:
            print("left out:", problem)
    print(f"{len(index)} utterances of {len({row['speaker'] for row in index})} speakers (made-up ones included)")


# ----------------------------------------------------------------------------------------------------------------------
# stage 2: the aligner


def load_corpus() -> tuple[list[dict], list[Frames]]:
    """Index rows and frames, in the same order, without clips that are too fast to align or too long to batch."""
    if not (WORK / "index.json").is_file():
        raise CourseError("there is no corpus yet", hint="python 08_train_starter_voice.py --data DIR corpus")
    index = json.loads((WORK / "index.json").read_text("utf-8"))
    rows, clips = [], []
    for row in progress(index, desc="load corpus", unit="clip"):
        clip = Frames.load(WORK / "corpus" / f"{row['key']}.npz")
        if clip.alignable and len(clip.mel) <= 1700:
            rows.append(row)
            clips.append(clip)
    mean_of_speaker(rows, clips)
    return rows, clips


def mean_of_speaker(rows: list[dict], clips: list[Frames]) -> None:
    """Half way from each clip's own embedding to its speaker's mean: a voice, with a little of the day's mood."""
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(row["speaker"], []).append(index)
    for members in groups.values():
        mean = torch.stack([clips[i].embedding for i in members]).mean(0)
        for i in members:
            mixed = clips[i].embedding + mean
            clips[i].embedding = mixed / mixed.norm()


def train_aligner(settings: Settings) -> None:
    """Train the aligner, then write the durations of every clip."""
    rows, clips = load_corpus()
    seed_everything(settings.seed)
    rng = random.Random(settings.seed)
    aligner = Aligner()
    if (WORK / "aligner.safetensors").is_file():
        aligner = Aligner.read(WORK / "aligner.safetensors")
    else:
        optimizer = torch.optim.Adam(aligner.parameters(), lr=settings.align_rate)
        training = [
            clip
            for clip, row in zip(clips, rows, strict=True)
            if not row["held_out"] and len(clip.mel) <= settings.align_longest
        ]
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
        aligner.save(WORK / "aligner.safetensors")
    aligner.eval()
    durations = {}
    for row, clip in zip(rows, progress(clips, desc="durations", unit="clip"), strict=True):
        durations[row["key"]] = aligner.durations(clip).numpy()
    with atomic_path(WORK / "durations.npz") as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **durations)


# ----------------------------------------------------------------------------------------------------------------------
# stage 3: the acoustic model


def learning_rate(settings: Settings, step: int) -> float:
    """Linear warm-up, then down with the square root of the step (Vaswani et al. 2017).

    It depends on the step alone, so a training can be given more hours at any time.
    """
    return settings.rate * min((step + 1) / settings.warmup, math.sqrt(settings.warmup / (step + 1)))


def train_acoustic(settings: Settings, minutes: float | None) -> None:
    """Train until the steps or the minutes are used up. What is saved for use is a running mean of the weights:
    single steps jump about the place that all of them circle, and the mean is nearer to it (Polyak 1992)."""
    rows, clips = load_corpus()
    with np.load(WORK / "durations.npz") as durations:
        for row, clip in zip(rows, clips, strict=True):
            clip.durations = torch.from_numpy(durations[row["key"]])
    training = [i for i, row in enumerate(rows) if not row["held_out"]]
    held_out = [clips[i] for i, row in enumerate(rows) if row["held_out"]]
    counts = {name: max(1, sum(rows[i]["source"] == name for i in training)) for name, _ in settings.shares}
    weights = [dict(settings.shares)[rows[i]["source"]] / counts[rows[i]["source"]] for i in training]

    seed_everything(settings.seed)
    model = StarterTTS(StarterSettings())
    model.fit_normalisation([clips[i] for i in training])
    criterion = model.get_criterion()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}], lr=settings.rate
    )
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(settings.average), use_buffers=True)
    step, spent, epoch = 0, 0.0, 0
    if (WORK / "acoustic.ckpt").is_file():
        state = torch.load(WORK / "acoustic.ckpt", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        averaged.load_state_dict(state["averaged"])
        step, spent, epoch = state["step"], state["seconds"], state["epoch"] + 1
        print(f"going on at step {step}, after {spent / 60:.1f} minutes")
    budget = minutes * 60 if minutes else math.inf

    def finished() -> bool:
        return step >= settings.steps or spent >= budget

    bar = progress(total=settings.steps, desc="acoustic", unit="step")
    bar.update(step)
    recent: list[dict[str, float]] = []
    while not finished():
        rng = random.Random(f"{settings.seed}-{epoch}")  # an epoch's order depends on nothing but its number
        for members in bucketed([clips[i] for i in training], settings.batch_frames, rng, weights):
            if finished():
                break
            started = time.monotonic()
            model.train()
            rate = learning_rate(settings, step)
            for group in optimizer.param_groups:
                group["lr"] = rate
            _, losses = model.train_step(model.coqui_batch(Batch.collate(members)), criterion)
            if not torch.isfinite(losses["loss"]):
                raise CourseError(f"the loss is {losses['loss'].item()} at step {step}", hint="lower Settings.rate")
            optimizer.zero_grad()
            losses["loss"].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            averaged.update_parameters(model)
            step += 1
            spent += time.monotonic() - started
            recent.append({name: value.item() for name, value in losses.items()})
            bar.update()
            if step % settings.checkpoint_every == 0 or finished():
                means = {name: float(np.mean([row[name] for row in recent])) for name in recent[0]}
                row = {"step": step, "minutes": spent / 60, "rate": rate, **means}
                row["held_out"] = validate(averaged.module, held_out)
                print(json.dumps({k: round(v, 5) for k, v in row.items()}), flush=True)
                with open(WORK / "curves.jsonl", "a", encoding="utf-8") as handle:
                    handle.write(json.dumps(row) + "\n")
                recent.clear()
                with atomic_path(WORK / "acoustic.ckpt") as temporary:
                    torch.save(
                        {
                            "model": model.state_dict(),
                            "optimizer": optimizer.state_dict(),
                            "averaged": averaged.state_dict(),
                            "step": step,
                            "seconds": spent,
                            "epoch": epoch,
                        },
                        temporary,
                    )
                averaged.module.save(WORK / "acoustic.safetensors")
        epoch += 1
    bar.close()


@torch.no_grad()
def validate(model: StarterTTS, clips: list[Frames]) -> float:
    """Mean absolute error of the normalised mel on held-out sentences, durations and pitch given."""
    model.eval()
    batch = model.coqui_batch(Batch.collate(clips))
    _, losses = model.train_step(batch, model.get_criterion())
    return losses["loss_spec"].item()


# ----------------------------------------------------------------------------------------------------------------------
# stage 4: ship it


def known_speakers() -> dict[str, torch.Tensor]:
    """Embeddings, float16: one of each LibriSpeech speaker (the "other people" of a proof card), and the means of the
    speakers heard most (whose voices keep the model's pronunciation alive while it is fine-tuned)."""
    groups: dict[str, list[torch.Tensor]] = {}
    for row in json.loads((WORK / "index.json").read_text("utf-8")):
        if "@" not in row["speaker"]:
            clip = Frames.load(WORK / "corpus" / f"{row['key']}.npz")
            groups.setdefault(row["speaker"], []).append(clip.embedding)
    means = {name: torch.stack(rows).mean(0) for name, rows in groups.items()}
    main = [row / row.norm() for name, row in sorted(means.items()) if not name.startswith("libri")]
    return {
        "reference": torch.stack([groups[name][0] for name in sorted(groups) if name.startswith("libri")]).half(),
        "main": torch.stack(main).half(),
    }


def export() -> None:
    """Float16 weights and sizes into `starter_voice/`."""
    SHIPPED.mkdir(exist_ok=True)
    StarterTTS.read(WORK / "acoustic.safetensors").save(SHIPPED / "acoustic.safetensors")
    Aligner.read(WORK / "aligner.safetensors").save(SHIPPED / "aligner.safetensors")
    save_weights(SHIPPED / "speakers.safetensors", known_speakers())
    total = sum(path.stat().st_size for path in SHIPPED.glob("*.safetensors"))
    print(f"{SHIPPED}: {total / 1e6:.1f} MB of weights")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=["corpus", "align", "acoustic", "export"])
    parser.add_argument("--data", type=Path, help="folder with female_speaker, librispeech, libritts, text_corpora")
    parser.add_argument("--minutes", type=float, help="stop the acoustic training after this many minutes in all")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    args = parser.parse_args(argv)
    settings = Settings(seed=args.seed)
    torch.set_num_threads(2)
    if args.stage == "corpus":
        if args.data is None or not (args.data / "female_speaker").is_dir():
            raise CourseError("the corpus stage needs the training recordings", hint="--data DIR, see the docstring")
        make_corpus(args.data, settings)
    elif args.stage == "align":
        train_aligner(settings)
    elif args.stage == "acoustic":
        train_acoustic(settings, args.minutes)
    else:
        export()
    return 0


if __name__ == "__main__":
    sys.exit(run_main(main))
