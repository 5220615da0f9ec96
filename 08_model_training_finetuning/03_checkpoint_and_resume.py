"""Checkpoints: a training that is killed on purpose, goes on, and draws the very curve it would have drawn.

What you will learn
    - what a checkpoint must hold: weights are not enough, and each part left out shows in the curve
    - how to write one so that a kill in the middle of writing costs nothing
    - how to prove that resuming works: the same losses to the last bit
How to run it
    python 03_checkpoint_and_resume.py --quick     60 steps, killed once, about 23 s
    python 03_checkpoint_and_resume.py             200 steps, killed three times, about 56 s
Time and memory on 2 CPU cores: quick 23 s, full 56 s; 0.9 GB. The first run speaks its words first.
Writes outputs/: checkpoint_and_resume.png, killed_run/, toy_run/, spoken/ (first run)
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (checkpoints, reproducibility)
"""

import io
import json
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import nn
from train_utils import (
    COLOURS,
    GREY,
    Clips,
    WordNet,
    disturb,
    load_digits,
    prepare,
    save_figure,
    split_by_speaker,
    train_step,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.files import atomic_path
from coursekit.seeding import seed_everything

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument(
    "--worker", action="store_true", help="be the training that is killed (the script starts it itself)"
)
QUICK_STEPS, FULL_STEPS = 60, 200
SAVE_EVERY = 10  # steps; what a kill can cost
BATCH = 32
RATE = 3e-3
PATIENCE = 200.0  # seconds to wait for the worker, on a slow machine

# ----------------------------------------------------------------------------------------------------------------------
# a training whose whole state is in one object


class Training:
    """Everything that decides the next step: weights, optimizer, schedule, place in the data, sources of chance."""

    def __init__(self, clips: Clips, steps: int, seed: int) -> None:
        seed_everything(seed)
        self.clips, self.steps, self.step = clips, steps, 0
        self.model = WordNet(len(clips.classes)).to(clips.mels.device)  # with dropout: chance in every step
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=RATE)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps)
        # concept: reproducibility
        self.generator = torch.Generator().manual_seed(seed)  # order of the clips, and what is done to them
        self.order: torch.Tensor = torch.empty(0, dtype=torch.int64)  # clips left in this epoch

    def one_step(self) -> float:
        """Draw a batch, learn from it, return its loss."""
        if len(self.order) < BATCH:
            self.order = torch.randperm(len(self.clips), generator=self.generator)
        rows, self.order = self.order[:BATCH].to(self.clips.mels.device), self.order[BATCH:]
        mels = disturb(self.clips.mels[rows], self.generator)
        loss = train_step(self.model, self.optimizer, mels, self.clips.labels[rows])
        self.schedule.step()
        self.step += 1
        return loss

    def state(self) -> dict:
        # concept: checkpoints
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),  # Adam's running means: without them it starts to learn anew
            "schedule": self.schedule.state_dict(),  # where on the curve of the learning rate
            "step": self.step,
            "order": self.order,  # which clips this epoch has not seen
            "generator": self.generator.get_state(),  # how the next epoch is shuffled
            "random": torch.get_rng_state(),  # dropout's (on a GPU, torch.cuda.get_rng_state() as well)
        }

    def restore(self, state: dict, leave_out: str = "") -> None:
        """Take over a state; `leave_out` names a part to forget, to see what that does."""
        if leave_out != "model":
            self.model.load_state_dict(state["model"])
        if leave_out != "optimizer":
            self.optimizer.load_state_dict(state["optimizer"])
        if leave_out != "schedule":
            self.schedule.load_state_dict(state["schedule"])
        if leave_out != "data order":
            self.order = state["order"].clone()
            self.generator.set_state(state["generator"])
        if leave_out != "random":
            torch.set_rng_state(state["random"])
        if leave_out in ("optimizer", "schedule"):  # the rate lives in the optimizer: set what the schedule says
            for group in self.optimizer.param_groups:
                group["lr"] = self.schedule.get_last_lr()[0]
        self.step = state["step"]


def save(state: dict, path: Path) -> None:
    """Write under another name, then rename: whoever looks finds the old checkpoint or the new one, never a half."""
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def load(path: Path) -> dict:
    return torch.load(path, weights_only=True)  # a pickle may hold code; this reads numbers and nothing else


# ----------------------------------------------------------------------------------------------------------------------
# the worker, and its killer


def work(training: Training, folder: Path) -> None:
    """Train to the end from whatever stands in `folder`; a line in losses.jsonl after each step."""
    checkpoint, log = folder / "checkpoint.pt", folder / "losses.jsonl"
    if checkpoint.is_file():
        training.restore(load(checkpoint))
        kept = read_losses(log)[: training.step]  # the lines after the checkpoint are of steps that are done again
        log.write_text("".join(json.dumps(loss) + "\n" for loss in kept), encoding="utf-8")
    with open(log, "a", encoding="utf-8") as file:
        while training.step < training.steps:
            file.write(json.dumps(training.one_step()) + "\n")
            file.flush()
            if training.step % SAVE_EVERY == 0 or training.step == training.steps:
                save(training.state(), checkpoint)


def read_losses(path: Path) -> list[float]:
    """The whole lines of a log; a kill may leave half a line at its end."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]


def run_and_kill(settings: Namespace, folder: Path, kill_at: int) -> int:
    """Start the worker as a process of its own, kill it once it has done `kill_at` steps; return how many it had done.

    kill() is what a power cut is to a process: no clean-up, no exception, no last word.
    """
    flags = ["--quick"] if settings.quick else []
    flags += ["--worker", "--seed", str(settings.seed), "--device", settings.device, "--out", str(settings.out)]
    worker = subprocess.Popen([sys.executable, __file__, *flags], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE
    while worker.poll() is None and len(read_losses(folder / "losses.jsonl")) < kill_at:
        if time.monotonic() > deadline:
            worker.kill()
            raise CourseError(f"no {kill_at} steps in {PATIENCE:.0f} s.", hint="run it again on a less busy machine")
        time.sleep(0.02)
    worker.kill()
    worker.wait()
    return len(read_losses(folder / "losses.jsonl"))


# ----------------------------------------------------------------------------------------------------------------------
# what each part is worth


def through_a_file(state: dict) -> dict:
    """What saving and loading gives back: a deep copy, so that going on with the training does not change it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return torch.load(io.BytesIO(buffer.getvalue()), weights_only=True)


def forget_each(clips: Clips, steps: int, seed: int) -> dict[str, list[float]]:
    """Resume from the middle, once with everything and then without one part each; return the curves from there."""
    training = Training(clips, steps, seed)
    for _ in range(steps // 2):
        training.one_step()
    saved = through_a_file(training.state())
    curves = {}
    for part in ("nothing", "optimizer", "schedule", "data order", "random", "model"):
        again = Training(clips, steps, seed + 1)  # another seed: nothing may come from the start but the state
        again.restore(saved, leave_out=part)
        curves[part] = [again.one_step() for _ in range(steps - steps // 2)]
    return curves


# ----------------------------------------------------------------------------------------------------------------------
# the capstone's version, on the same clips


def capstone_run(clips: Clips, folder: Path, seed: int) -> tuple[list[float], list[float]]:
    """Train the same network with the capstone's run_training: 8 steps at once, and 8 with a stop after the fourth."""
    from voice_pipeline.engines.coqui import setup_coqui

    setup_coqui()
    from trainer import TrainerConfig, TrainerModel

    from voice_pipeline.engines.coqui_trainer import run_training

    class Words(TrainerModel):
        """WordNet in the form that Coqui's Trainer asks for: what to load, how to step, what to optimise with."""

        def __init__(self) -> None:
            super().__init__()
            seed_everything(seed)
            self.net = WordNet(10)

        def get_data_loader(self, config, *, is_eval=False, samples=None, verbose=True):
            return torch.utils.data.DataLoader(samples, batch_size=16, shuffle=not is_eval)

        def format_batch(self, batch):
            return {"mels": batch[0], "labels": batch[1]}

        def train_step(self, batch, criterion, optimizer_idx=None):
            logits = self.net(batch["mels"])
            return {"model_outputs": logits}, {"loss": criterion(logits, batch["labels"])}

        eval_step = train_step

        def forward(self, x, aux_input=None):
            return {"model_outputs": self.net(x)}

        def get_criterion(self):
            return nn.CrossEntropyLoss()

        def get_optimizer(self):
            return torch.optim.AdamW(self.parameters(), lr=RATE)

        def get_scheduler(self, optimizer):
            return [torch.optim.lr_scheduler.ConstantLR(one, factor=1.0) for one in optimizer]

    samples = [(clips.mels[row].cpu(), clips.labels[row].cpu()) for row in range(48)]
    curves = []
    for name, stops in (("whole", (8,)), ("stopped", (4, 8))):
        for stop in stops:  # run_training looks into the folder, and goes on where the run there stopped
            config = TrainerConfig(batch_size=16)
            done = run_training(Words(), config, samples, [], folder / name, max_steps=stop, seed=seed, save_every=1)
        curves.append([row["loss"] for row in done.curves if row["split"] == "train"])
    return curves[0], curves[1]


def plot(truth: list[float], parts: list[list[float]], forgotten: dict[str, list[float]], path: Path) -> None:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(range(1, len(truth) + 1), truth, color=GREY, linewidth=5, alpha=0.4, label="never stopped")
    for number, (colour, part) in enumerate(zip(COLOURS, parts, strict=False)):
        start = len(truth) - len(part) + 1
        left.plot(range(start, len(truth) + 1), part, color=colour, label=f"start {number + 1}, from step {start}")
    left.set(xlabel="step", ylabel="loss (nats)", title="killed, and gone on")
    half = len(truth) - len(forgotten["nothing"])
    right.axhline(0, color=GREY)
    for colour, (name, curve) in zip(COLOURS, list(forgotten.items())[1:], strict=False):
        gap = [loss - true for loss, true in zip(curve, truth[half:], strict=True)]
        right.plot(range(half + 1, len(truth) + 1), gap, color=colour, label=f"without {name}")
    right.set(xlabel="step", ylabel="loss minus the whole run's (nats)", title="one part forgotten")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    save_figure(figure, path)


def main(settings) -> dict:
    device = prepare(settings)
    digits = load_digits(settings)
    clips = split_by_speaker(digits, 2 if digits.is_real else 6)[0].to(device)
    steps = QUICK_STEPS if settings.quick else FULL_STEPS
    folder = settings.out / "killed_run"
    if settings.worker:
        work(Training(clips, steps, settings.seed), folder)
        sys.exit(0)

    whole = Training(clips, steps, settings.seed)
    truth = [whole.one_step() for _ in range(steps)]
    print(f"\nnever stopped: {steps} steps, loss {truth[0]:.3f} to {truth[-1]:.3f}")

    shutil.rmtree(folder, ignore_errors=True)  # an old run would be gone on with
    folder.mkdir(parents=True)
    kills = [25] if settings.quick else [25, 90, 140]
    starts = [0]
    for kill_at in kills:
        done = run_and_kill(settings, folder, kill_at)
        starts.append(load(folder / "checkpoint.pt")["step"])
        print(f"killed: {done} steps were done, the checkpoint is from step {starts[-1]}")
    work(Training(clips, steps, settings.seed + 1), folder)  # the last start is left alone, in this process
    resumed = read_losses(folder / "losses.jsonl")
    apart = max(abs(a - b) for a, b in zip(truth, resumed, strict=True))
    print(f"gone on to step {len(resumed)}: largest difference to the run that was never stopped: {apart:.1e}")
    size = (folder / "checkpoint.pt").stat().st_size
    weights = sum(value.numel() * 4 for value in whole.model.state_dict().values())
    print(
        f"the checkpoint has {size / 1e6:.2f} MB, {size / weights:.1f} times the weights: two means of each are in it"
    )

    forgotten = forget_each(clips, steps, settings.seed)
    half = truth[steps // 2 :]
    print(
        "\nresumed from the middle without   first difference   mean loss of the next ten (whole run "
        f"{sum(half[:10]) / 10:.3f})"
    )
    gaps = {}
    for part, curve in forgotten.items():
        gaps[part] = max(abs(a - b) for a, b in zip(curve, half, strict=True))
        first = next((step for step, (a, b) in enumerate(zip(curve, half, strict=True), 1) if a != b), None)
        print(f"{part:<32} {'never' if first is None else f'step +{first}':>17} {sum(curve[:10]) / 10:>15.3f}")

    toy = settings.out / "toy_run"
    shutil.rmtree(toy, ignore_errors=True)
    once, twice = capstone_run(clips, toy, settings.seed)
    capstone = max(abs(a - b) for a, b in zip(once, twice, strict=True))
    print(f"\nThe capstone's run_training (Coqui's Trainer), 8 steps with a stop after 4: {capstone:.1e} apart")
    parts = [resumed[start:] for start in starts]
    plot(truth, parts, forgotten, settings.out / "checkpoint_and_resume.png")
    print(
        f"checkpoint_and_resume.png: {len(starts)} starts, one curve; what is forgotten shows after step {steps // 2}\n"
    )
    return {
        "difference_after_kills": apart,
        "kills": len(kills),
        **{f"difference_without_{part.replace(' ', '_')}": gap for part, gap in gaps.items()},
        "difference_of_the_capstone": capstone,
        "checkpoint_over_weights": size / weights,
    }


EXPECTED = {
    "difference_after_kills": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
    "difference_without_nothing": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
    "difference_without_optimizer": Expected(quick=(0.01, 10), full=(0.01, 10)),
    "difference_without_schedule": Expected(quick=(0.01, 10), full=(0.01, 10)),
    "difference_without_data_order": Expected(quick=(0.01, 10), full=(0.01, 10)),
    "difference_without_random": Expected(quick=(0.001, 10), full=(0.001, 10)),
    "difference_of_the_capstone": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
    "checkpoint_over_weights": Expected(quick=(2.9, 3.4), full=(2.9, 3.4)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_early_stopping.py")
