"""Over-fitting on twenty clips, seen as it happens, and three ways to stop it in time.

What you will learn
    - the picture of over-fitting: the training loss falls to nothing while the loss on other voices rises
    - early stopping with patience, written out, and the price of being too hasty or too patient
    - why the clips that decide when to stop may not be those that judge
    - what helps more than stopping: more varied clips (augmentation), dropout, weight decay
How to run it
    python 04_early_stopping.py --quick     one seed, about 16 s
    python 04_early_stopping.py             5 seeds, about 2 min
Time and memory on 2 CPU cores: quick 16 s, full 2 min; 0.9 GB. The first run speaks its words first.
Writes outputs/: early_stopping.png, spoken/ (first run)
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (early stopping, checkpoints)
"""

import statistics
from dataclasses import dataclass, field, replace

import torch
from matplotlib.figure import Figure
from torch import Tensor
from train_utils import (
    BLUE,
    COLOURS,
    GREEN,
    ORANGE,
    Clips,
    WordNet,
    batches,
    copy_weights,
    evaluate,
    few_shots,
    load_digits,
    prepare,
    save_figure,
    train_step,
)

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.seeding import seed_everything

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
SHOTS = 2  # clips of each digit: twenty in all
BATCH = 20  # all of them in each step
QUICK_STEPS, FULL_STEPS = 120, 250
EVERY = 5  # steps between two looks
PATIENCE = 6  # looks without a new best before stopping: 30 steps
RATE = 5e-3  # high on purpose: what takes hundreds of steps at 1e-3 is over in a hundred here
NOISE = -0.4, 0.3  # level and spread of the noise under every clip, on the scale -1..1: a poor microphone
WRONG = 3  # of the twenty labels; every tenth is a usual share in what people collect by hand


# ----------------------------------------------------------------------------------------------------------------------
# a small, poor set of clips, as people really have them


def through_noise(clips: Clips, seed: int) -> Clips:
    """Return the clips as a poor microphone would have recorded them."""
    level, spread = NOISE
    random = torch.Generator().manual_seed(seed)
    noise = level + spread * torch.randn(clips.mels.shape, generator=random)
    return replace(clips, mels=torch.maximum(clips.mels, noise.clamp(-1, 1).to(clips.mels.device)))


def mislabel(clips: Clips, count: int) -> Clips:
    """Return the clips with the first `count` labels wrong. Whoever learns them all by heart learns these, too."""
    labels = clips.labels.clone()
    labels[:count] = (labels[:count] + 1) % len(clips.classes)
    return replace(clips, labels=labels)


# ----------------------------------------------------------------------------------------------------------------------
# stopping


@dataclass
class Stopper:
    """Keeps the best weights seen, and says when to give up.

    Attributes:
        patience: Looks without a new best that are allowed.
        best: The lowest loss seen.
        best_step: Where that was.
        weights: The weights there.
        looks: Since then.
    """

    patience: int
    best: float = float("inf")
    best_step: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    looks: int = 0

    def look(self, model: torch.nn.Module, step: int, loss: float) -> bool:
        """Note a loss on clips that are not trained on; return True to stop."""
        # concept: early stopping
        if loss < self.best:
            self.best, self.best_step, self.looks = loss, step, 0
            self.weights = copy_weights(model)  # stopping late is fine as long as the best is kept
        else:
            self.looks += 1
        return self.looks >= self.patience


@dataclass(frozen=True)
class History:
    """A run to its end, however bad: one value at each look. `states` are the weights there."""

    steps: list[int]
    train: list[float]
    validation: list[float]
    test: list[float]
    test_accuracy: list[float]

    def at(self, step: int) -> int:
        """The place of a step in the lists."""
        return self.steps.index(step)


def train(clips: Clips, validation: Clips, test: Clips, seed: int, steps: int, **changes) -> tuple[History, Stopper]:
    """Train for all `steps`; the stopper only notes where it would have stopped, so that both can be compared.

    Args:
        clips: The twenty.
        validation: Other clips, which decide.
        test: Yet other people, who judge.
        seed: Of weights, order and disturbances.
        changes: `augment` (bool), `dropout`, `weight_decay`.
    """
    seed_everything(seed)
    model = WordNet(10, dropout=changes.get("dropout", 0.0)).to(clips.mels.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=changes.get("weight_decay", 0.0))
    stream = batches(clips, BATCH, torch.Generator().manual_seed(seed), augment=changes.get("augment", False))
    stopper, stopped = Stopper(PATIENCE), False
    history = History([], [], [], [], [])
    for step in range(steps + 1):
        if step % EVERY == 0:
            losses = [evaluate(model, part) for part in (clips, validation, test)]
            history.steps.append(step)
            for row, (loss, _) in zip((history.train, history.validation, history.test), losses, strict=True):
                row.append(loss)
            history.test_accuracy.append(losses[2][1])
            if not stopped:  # concept: checkpoints
                stopped = stopper.look(model, step, losses[1][0])
        mels, labels = next(stream)
        train_step(model, optimizer, mels, labels)
    return history, stopper


def would_stop(losses: list[float], patience: int) -> tuple[int, int]:
    """Replay a curve of losses: return (look at which training ends, look whose weights are kept)."""
    stopper = Stopper(patience)
    for look, loss in enumerate(losses):
        if stopper.look(torch.nn.Identity(), look, loss):
            return look, stopper.best_step
    return len(losses) - 1, stopper.best_step


# ----------------------------------------------------------------------------------------------------------------------
# tables and the picture


def show_patience(histories: list[History]) -> dict[int, tuple[float, float]]:
    """Return, for each patience, the steps used and the test loss of the weights that were kept (means)."""
    found = {}
    print("\npatience (looks)   steps used   test loss of what is kept   test accuracy")
    for patience in (1, 2, 4, PATIENCE, 12, len(histories[0].steps)):
        ends, kept, right = [], [], []
        for history in histories:
            end, best = would_stop(history.validation, patience)
            ends.append(history.steps[end])
            kept.append(history.test[best])
            right.append(history.test_accuracy[best])
        found[patience] = (statistics.mean(ends), statistics.mean(kept))
        name = "never stop" if patience > 12 else str(patience)
        print(f"{name:>16} {found[patience][0]:>12.0f} {found[patience][1]:>27.3f} {statistics.mean(right):>15.0%}")
    return found


def peeking(histories: list[History]) -> tuple[float, float]:
    """Return the test loss when the test itself chose the step, and when the validation clips did (means)."""
    cheated = statistics.mean(min(history.test) for history in histories)
    honest = statistics.mean(history.test[would_stop(history.validation, 10**9)[1]] for history in histories)
    return cheated, honest


def plot(history: History, stopper: Stopper, ways: dict[str, History], path) -> None:
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for colour, (name, losses) in zip(
        (BLUE, ORANGE, GREEN),
        (("the twenty clips", history.train), ("validation", history.validation), ("test", history.test)),
        strict=True,
    ):
        left.plot(history.steps, losses, color=colour, label=name)
    left.axvline(stopper.best_step, color="black", linestyle="--", label=f"kept: step {stopper.best_step}")
    left.set(xlabel="step", ylabel="loss (nats)", title="over-fitting on twenty clips")
    for colour, (name, run) in zip(COLOURS, ways.items(), strict=False):
        right.plot(run.steps, [100 * value for value in run.test_accuracy], color=colour, label=name)
    right.set(xlabel="step", ylabel="test accuracy (%)", title="what helps besides stopping")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
        axes.set_ylim(bottom=0)
    save_figure(figure, path)


WAYS = {
    "nothing": {},
    "weight decay 0.1": {"weight_decay": 0.1},
    "dropout 0.3": {"dropout": 0.3},
    "augmentation": {"augment": True},
    "all three": {"augment": True, "dropout": 0.3, "weight_decay": 0.1},
}


def main(settings) -> dict:
    device = prepare(settings)
    digits = through_noise(load_digits(settings).to(device), settings.seed)
    people = sorted(set(digits.speakers.tolist()))
    share = len(people) // 3  # a third of the people each: to learn from, to decide by, to judge by
    groups = [people[:share], people[share : 2 * share], people[2 * share :]]
    pool, validation, test = (digits.where(_among(digits, group)) for group in groups)
    seeds = range(settings.seed, settings.seed + (1 if settings.quick else 5))
    print(f"\n20 noisy clips to learn from, {WRONG} of them with a wrong label; {len(validation)} to decide by,")
    print(f"{len(test)} to judge by: three groups of people")

    steps = QUICK_STEPS if settings.quick else FULL_STEPS
    runs = {name: [] for name in WAYS}
    for seed in seeds:
        twenty = mislabel(few_shots(pool, SHOTS, seed), WRONG)
        for name, changes in WAYS.items():
            runs[name].append(train(twenty, validation, test, seed, steps, **changes))
    bare = [history for history, _ in runs["nothing"]]
    first = bare[0]
    best = min(range(len(first.steps)), key=first.validation.__getitem__)
    print("\nstep    loss on the twenty   validation   test")
    for place in sorted({0, best // 2, best, (best + len(first.steps)) // 2, len(first.steps) - 1}):
        mark = "   <- lowest validation loss" if place == best else ""
        print(
            f"{first.steps[place]:>4} {first.train[place]:>20.3f} {first.validation[place]:>12.3f} "
            f"{first.test[place]:>6.3f}{mark}"
        )

    by_patience = show_patience(bare)
    cheated, honest = peeking(bare)
    print(f"\nTest loss when the test chooses the step: {cheated:.3f}; when validation does: {honest:.3f}.")
    print("   The first is not what you will get: nobody can choose by clips that are not there yet.")

    print("\nwith               lowest validation loss   test loss there   test accuracy there   at the end")
    kept, ends = {}, {}
    for name, found in runs.items():
        places = [min(range(len(run.steps)), key=run.validation.__getitem__) for run, _ in found]
        lowest = statistics.mean(run.validation[place] for (run, _), place in zip(found, places, strict=True))
        tested = statistics.mean(run.test[place] for (run, _), place in zip(found, places, strict=True))
        kept[name] = statistics.mean(run.test_accuracy[place] for (run, _), place in zip(found, places, strict=True))
        ends[name] = statistics.mean(run.validation[-1] for run, _ in found)
        print(f"{name:<18} {lowest:>22.3f} {tested:>17.3f} {kept[name]:>21.0%} {ends[name]:>12.3f}")
    plot(
        first,
        runs["nothing"][0][1],
        {name: found[0][0] for name, found in runs.items()},
        settings.out / "early_stopping.png",
    )
    last_train = statistics.mean(run.train[-1] for run in bare)
    print(f"\nearly_stopping.png: on the twenty the loss ends at {last_train:.4f}, on others at {ends['nothing']:.2f}")
    print("The capstone stops by what a listener would notice: it speaks eight sentences at every trial, measures how")
    print("alike and how intelligible they are, keeps the best, and gives up after three trials without a new best.\n")
    return {
        "train_loss_at_the_end": last_train,
        "validation_loss_lowest": statistics.mean(min(run.validation) for run in bare),
        "validation_loss_at_the_end": ends["nothing"],
        "gap_at_the_end": ends["nothing"] - last_train,
        "rise_of_the_validation_loss": ends["nothing"] - statistics.mean(min(run.validation) for run in bare),
        "steps_used_with_patience": by_patience[PATIENCE][0],
        "test_loss_patience_1": by_patience[1][1],
        "test_loss_with_patience": by_patience[PATIENCE][1],
        "gained_by_peeking": honest - cheated,
        "accuracy_bare": kept["nothing"],
        "accuracy_augmented": kept["augmentation"],
    }


def _among(clips: Clips, people: list[str]):
    import numpy as np

    return np.isin(clips.speakers, people)


EXPECTED = {
    "train_loss_at_the_end": Expected(quick=(0, 0.1), full=(0, 0.1)),
    "gap_at_the_end": Expected(quick=(0.3, 8), full=(0.3, 8)),
    "gained_by_peeking": Expected(quick=(0, 1), full=(0, 1)),
    "steps_used_with_patience": Expected(quick=(30, 120), full=(30, 250)),
    "accuracy_augmented": Expected(quick=(0.12, 1), full=None),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="05_mixed_precision.py")
