"""The learning rate: find it in one short run, warm it up, let it fall, and see what each of that is worth.

What you will learn
    - the learning-rate finder: raise the rate at every step, and read from the loss where it is too high
    - five schedules in a line each, equal to PyTorch's to the last digit that matters
    - what warm-up protects from, and what a falling rate gains, measured over seeds
How to run it
    python 02_learning_rate.py --quick     2 seeds, about 19 s
    python 02_learning_rate.py             4 seeds, about 54 s
Time and memory on 2 CPU cores: quick 19 s, full 54 s; 0.9 GB. The first run speaks its words first.
Writes outputs/: learning_rate.png, spoken/ (first run)
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (learning-rate finder, schedules, warm-up)
"""

import math
import statistics
from collections.abc import Callable

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch.optim import lr_scheduler
from train_utils import (
    BLUE,
    COLOURS,
    ORANGE,
    Clips,
    WordNet,
    batches,
    draw_curves,
    evaluate,
    load_digits,
    prepare,
    save_figure,
    smoothed,
    split_by_speaker,
    train_step,
)

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.seeding import seed_everything
from voice_pipeline.engines.starter.finetune import FineTuneTTS

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
FINDER_STEPS = 100
LOWEST, HIGHEST = 1e-5, 1.0  # rates that the finder passes through
BLOWN_UP = 3.0  # times the best smoothed loss at which the finder stops
BATCH = 16
QUICK_STEPS, FULL_STEPS = 80, 200
WARM_UP = 20  # steps

# ----------------------------------------------------------------------------------------------------------------------
# the finder


def find_rate(clips: Clips, seed: int) -> tuple[list[float], list[float]]:
    """Train for a hundred steps, at each with a higher rate. Returns the rates and the smoothed losses (Smith 2015)."""
    seed_everything(seed)
    model = WordNet(len(clips.classes)).to(clips.mels.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LOWEST)
    stream = batches(clips, BATCH, torch.Generator().manual_seed(seed))
    rates, losses = [], []
    for step, (mels, labels) in zip(range(FINDER_STEPS), stream, strict=False):
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (FINDER_STEPS - 1))  # equal factors, not equal sums
        for group in optimizer.param_groups:
            group["lr"] = rate
        losses.append(train_step(model, optimizer, mels, labels))
        rates.append(rate)
        if not math.isfinite(losses[-1]) or smoothed(losses)[-1] > BLOWN_UP * min(smoothed(losses)):
            break
    return rates, smoothed(losses)


def read_finder(rates: list[float], losses: list[float]) -> tuple[float, float]:
    """Return (rate of the steepest fall, a tenth of the rate of the lowest loss): two usual ways to read the curve."""
    # concept: learning-rate finder
    fall = [later - earlier for earlier, later in zip(losses[:-5], losses[5:], strict=True)]  # over five steps
    steepest = min(range(len(fall)), key=fall.__getitem__)
    lowest = min(range(len(losses)), key=losses.__getitem__)
    return rates[steepest + 2], rates[lowest] / 10


# ----------------------------------------------------------------------------------------------------------------------
# schedules: step t of n to a factor on the peak rate


def constant(t: int, n: int) -> float:
    return 1.0


def staircase(t: int, n: int) -> float:
    return 0.1 ** (t // (n // 3))  # a tenth after each third


def exponential(t: int, n: int) -> float:
    return 0.01 ** (t / n)  # down to a hundredth


def cosine(t: int, n: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * t / n))  # concept: schedules


def warm_cosine(t: int, n: int) -> float:
    if t < WARM_UP:
        return (t + 1) / WARM_UP  # concept: warm-up
    return cosine(t - WARM_UP, n - WARM_UP)


SCHEDULES: dict[str, Callable[[int, int], float]] = {
    "constant": constant,
    "staircase": staircase,
    "exponential": exponential,
    "cosine": cosine,
    "warm-up, cosine": warm_cosine,
}


def torch_schedule(name: str, optimizer: torch.optim.Optimizer, n: int) -> lr_scheduler.LRScheduler:
    """The same schedules as PyTorch has them."""
    if name == "staircase":
        return lr_scheduler.StepLR(optimizer, step_size=n // 3, gamma=0.1)
    if name == "exponential":
        return lr_scheduler.ExponentialLR(optimizer, gamma=0.01 ** (1 / n))
    if name == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimizer, T_max=n)
    if name == "warm-up, cosine":
        # LinearLR's factor goes from 1/W at step 0 to 1 at step W - 1, then the cosine takes over
        rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / WARM_UP, end_factor=1.0, total_iters=WARM_UP - 1)
        fall = lr_scheduler.CosineAnnealingLR(optimizer, T_max=n - WARM_UP)
        return lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[WARM_UP])
    return lr_scheduler.ConstantLR(optimizer, factor=1.0)


def largest_difference(name: str, n: int) -> float:
    """Walk both versions side by side; return how far they are apart at most, relative to the peak."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch_schedule(name, optimizer, n)
    apart = 0.0
    for t in range(n):
        apart = max(apart, abs(optimizer.param_groups[0]["lr"] - SCHEDULES[name](t, n)))
        optimizer.step()
        schedule.step()
    return apart


# ----------------------------------------------------------------------------------------------------------------------
# what they are worth


def train(clips: Clips, test: Clips, rate: float, schedule: str, seed: int, steps: int) -> tuple[list, float]:
    """Return the training losses and the test accuracy after the last step."""
    seed_everything(seed)
    model = WordNet(len(clips.classes)).to(clips.mels.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    stream = batches(clips, BATCH, torch.Generator().manual_seed(seed))
    losses = []
    for t, (mels, labels) in zip(range(steps), stream, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate * SCHEDULES[schedule](t, steps)
        losses.append(train_step(model, optimizer, mels, labels))
    return losses, evaluate(model, test)[1]


def show_fixed_rates(clips: Clips, test: Clips, rates: list[float], seed: int) -> dict[float, float]:
    """Does the finder tell the truth? Train at fixed rates around what it said. Returns the mean loss of the end."""
    found = {}
    print("\nrate (constant)   loss, last 20 of 60 steps   test accuracy")
    for rate in rates:
        losses, accuracy = train(clips, test, rate, "constant", seed, steps=60)
        found[rate] = statistics.mean(losses[-20:])
        print(f"{rate:>15.1e} {found[rate]:>27.3f} {accuracy:>15.0%}")
    return found


def capstone_factor(step: int, total: int) -> float:
    """Return the capstone's factor for fine-tuning the starter voice at a step, by running its own scheduler."""

    class Rates:  # all that get_scheduler looks at
        total_steps = total

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    [schedule] = FineTuneTTS.get_scheduler(Rates, [optimizer])  # type: ignore[arg-type]
    return schedule.lr_lambdas[0](step)


def plot(finder, suggestion: float, curves: dict, n: int, path) -> None:
    figure = Figure(figsize=(13, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    rates, losses = finder
    left.plot(rates, losses, color=BLUE)
    left.axvline(suggestion, color=ORANGE, linestyle="--", label=f"suggested: {suggestion:.0e}")
    left.set(xscale="log", xlabel="learning rate", ylabel="loss (nats, smoothed)", title="the finder")
    left.grid(alpha=0.3)
    left.legend()
    shapes = {name: (range(n), [shape(t, n) for t in range(n)]) for name, shape in SCHEDULES.items()}
    draw_curves(middle, shapes, xlabel="step", ylabel="factor on the peak rate", title="schedules")
    middle.plot(range(n), [capstone_factor(t, n) for t in range(n)], "k:", label="the capstone, fine-tuning")
    middle.legend(fontsize=8)
    for colour, (name, losses) in zip(COLOURS, curves.items(), strict=False):
        right.plot(smoothed(losses), color=colour, label=name)
    right.set(xlabel="step", ylabel="loss (nats, smoothed)", title="first steps at four times that rate", yscale="log")
    right.grid(alpha=0.3)
    right.legend()
    save_figure(figure, path)


def main(settings) -> dict:
    device = prepare(settings)
    digits = load_digits(settings)
    clips, test = split_by_speaker(digits, 2 if digits.is_real else 6)
    clips, test = clips.to(device), test.to(device)
    seeds = range(settings.seed, settings.seed + (2 if settings.quick else 4))
    steps = QUICK_STEPS if settings.quick else FULL_STEPS

    finder = find_rate(clips, settings.seed)
    steepest, tenth = read_finder(*finder)
    print(f"\nThe finder passed {len(finder[0])} rates, {finder[0][0]:.0e} to {finder[0][-1]:.0e}:")
    print(f"   steepest fall at {steepest:.1e}; a tenth of where the loss was lowest: {tenth:.1e}")
    peak = math.sqrt(steepest * tenth)  # between the two, on a scale of factors
    fixed = show_fixed_rates(clips, test, [peak / 30, peak / 5, peak, peak * 30], settings.seed)
    worst = max(fixed.values())

    apart = {name: largest_difference(name, steps) for name in SCHEDULES}
    print(f"\nThe five schedules against PyTorch's: at most {max(apart.values()):.0e} apart\n")

    print(f"schedule ({steps:>3} steps, peak {4 * peak:.1e})   loss, last 20   test accuracy, mean (lowest to highest)")
    results, ends = {}, {}
    for name in SCHEDULES:
        runs = [train(clips, test, 4 * peak, name, seed, steps) for seed in seeds]
        results[name] = [accuracy for _, accuracy in runs]
        ends[name] = statistics.mean(statistics.mean(losses[-20:]) for losses, _ in runs)
        spread = f"{min(results[name]):.1%} to {max(results[name]):.1%}"
        print(f"{name:<36} {ends[name]:>13.3f}   {statistics.mean(results[name]):.1%} ({spread})")
    curves = {name: train(clips, test, 4 * peak, name, settings.seed, 40)[0] for name in ("cosine", "warm-up, cosine")}
    jump = {name: max(losses[:WARM_UP]) for name, losses in curves.items()}
    print(
        f"\nHighest loss of the first {WARM_UP} steps: {jump['cosine']:.1f} without warm-up, "
        f"{jump['warm-up, cosine']:.1f}"
        f" with; guessing is {F.cross_entropy(torch.zeros(1, 10), torch.tensor([0])).item():.1f}"
    )
    plot(finder, peak, curves, steps, settings.out / "learning_rate.png")
    print(f"learning_rate.png: the finder suggests {peak:.0e}; five schedules; warm-up keeps the first steps calm")
    print(
        f"The capstone fine-tunes with 20 steps of warm-up, then a straight line: {capstone_factor(0, 300):.2f} at "
        f"step 0, {capstone_factor(19, 300):.2f} at 19, {capstone_factor(300, 300):.2f} at 300.\n"
    )
    return {
        "suggested_rate": peak,
        "loss_at_suggestion": fixed[peak],
        "worst_fixed_loss": worst,
        "largest_difference_to_torch": max(apart.values()),
        "loss_constant": ends["constant"],
        "loss_cosine": ends["cosine"],
        "accuracy_constant": statistics.mean(results["constant"]),
        "accuracy_warm_cosine": statistics.mean(results["warm-up, cosine"]),
        "first_loss_without_warm_up": jump["cosine"],
        "first_loss_with_warm_up": jump["warm-up, cosine"],
        "capstone_last_factor": capstone_factor(300, 300),
    }


EXPECTED = {
    "suggested_rate": Expected(quick=(3e-4, 3e-2), full=(3e-4, 3e-2)),
    "loss_at_suggestion": Expected(quick=(0, 2.2), full=(0, 2.2)),
    "worst_fixed_loss": Expected(quick=(1.8, 30), full=(1.8, 30)),  # guessing is 2.3
    "largest_difference_to_torch": Expected(quick=(0, 1e-6), full=(0, 1e-6)),
    "accuracy_warm_cosine": Expected(quick=(0.25, 1), full=(0.25, 1)),
    "capstone_last_factor": Expected(quick=(0.099, 0.101), full=(0.099, 0.101)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_checkpoint_and_resume.py")
