"""Search for good settings with a fixed budget: grid, random, halving, and Optuna, each with the same number of steps.

What you will learn
    - why random settings beat a grid of the same cost, and why rates are drawn on a scale of factors
    - successive halving: give every candidate a little, and the better half of them more
    - what a library's sampler (Optuna's TPE) does differently, through ask and tell
    - that the winner's score is too good to be true, and how to find out what it is worth
How to run it
    python 09_hyperparameter_search.py --quick        12 full trainings' worth of steps for each method, about 21 s
    python 09_hyperparameter_search.py                the same with longer trainings, about 58 s
    python 09_hyperparameter_search.py --trials 24    twice the budget
Time and memory on 2 CPU cores: quick 21 s, full 58 s; 0.9 GB. The first run speaks its words first.
Writes outputs/: hyperparameter_search.png, trials.csv, spoken/ (first run)
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (hyperparameter search)
"""

import csv
import itertools
import math
import statistics
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from train_utils import (
    COLOURS,
    Clips,
    WordNet,
    batches,
    evaluate,
    few_shots,
    load_digits,
    prepare,
    save_figure,
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
PARSER.add_argument("--trials", type=int, default=12, metavar="N", help="full trainings that a method may spend (12)")
SHOTS, BATCH = 8, 16
QUICK_STEPS, FULL_STEPS = 40, 120  # of one full training

# name -> (lowest, highest): drawn on a scale of factors, 1e-4 to 1e-3 as often as 1e-2 to 1e-1
FACTORS = {"rate": (1e-4, 1e-1), "weight_decay": (1e-4, 1.0)}
# name -> (lowest, highest): drawn evenly
SUMS = {"dropout": (0.0, 0.5)}
WIDTHS = (16, 32, 64)


@dataclass(frozen=True)
class Choice:
    """One set of hyperparameters."""

    rate: float
    weight_decay: float
    dropout: float
    width: int

    def describe(self) -> str:
        return f"rate {self.rate:.1e}, decay {self.weight_decay:.0e}, dropout {self.dropout:.2f}, width {self.width}"


# ----------------------------------------------------------------------------------------------------------------------
# a training that can be gone on with, and what it costs


class Candidate:
    """A network with its settings; `train` may be called several times."""

    def __init__(self, choice: Choice, clips: Clips, total: int, seed: int) -> None:
        seed_everything(seed)
        self.choice, self.clips, self.total, self.step = choice, clips, total, 0
        self.model = WordNet(len(clips.classes), width=choice.width, dropout=choice.dropout).to(clips.mels.device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=choice.rate, weight_decay=choice.weight_decay)
        self.stream = batches(clips, BATCH, torch.Generator().manual_seed(seed))

    def train(self, steps: int) -> "Candidate":
        for _, (mels, labels) in zip(range(steps), self.stream, strict=False):
            for group in self.optimizer.param_groups:  # half a cosine over the whole training, however it is cut
                group["lr"] = self.choice.rate * 0.5 * (1 + math.cos(math.pi * self.step / self.total))
            train_step(self.model, self.optimizer, mels, labels)
            self.step += 1
        return self

    def loss(self, clips: Clips) -> float:
        found = evaluate(self.model, clips)[0]
        return found if math.isfinite(found) else 99.0  # a training that blew up is a result too: a bad one


@dataclass
class Search:
    """What a method tried: (steps spent so far, validation loss, settings), in order.

    Attributes:
        finalists: How many of the last were trained in full and may win; 0 for all.
    """

    name: str
    tried: list[tuple[int, float, Choice]]
    finalists: int = 0

    @property
    def best(self) -> tuple[int, float, Choice]:
        return min(self.tried[-self.finalists :], key=lambda row: row[1])

    def best_so_far(self) -> tuple[list[int], list[float]]:
        losses = np.minimum.accumulate([loss for _, loss, _ in self.tried])
        return [spent for spent, _, _ in self.tried], losses.tolist()


# ----------------------------------------------------------------------------------------------------------------------
# four ways to choose


def draw(random: np.random.Generator) -> Choice:
    """Return settings drawn by chance."""
    # concept: hyperparameter search
    factors = {name: float(10 ** random.uniform(*np.log10(ends))) for name, ends in FACTORS.items()}
    sums = {name: float(random.uniform(*ends)) for name, ends in SUMS.items()}
    return Choice(**factors, **sums, width=int(random.choice(WIDTHS)))


def grid(trials: int) -> list[Choice]:
    """Settings on a grid: three rates, two of each other thing; as many as the budget allows."""
    rates = (1e-4, 3e-3, 1e-1)
    points = itertools.product(rates, (1e-3, 0.1), (0.0, 0.3), (32,))
    return [Choice(*point) for point in itertools.islice(itertools.cycle(points), trials)]


def spend_evenly(name: str, choices: list[Choice], train: Clips, validation: Clips, steps: int, seed: int) -> Search:
    """Train every choice in full."""
    search = Search(name, [])
    for number, choice in enumerate(choices, 1):
        loss = Candidate(choice, train, steps, seed).train(steps).loss(validation)
        search.tried.append((number * steps, loss, choice))
    return search


def halving(trials: int, train: Clips, validation: Clips, steps: int, seed: int, random: np.random.Generator) -> Search:
    """Successive halving (Jamieson and Talwalkar 2016): three rounds of equal cost, the better half goes on.

    Round r trains n / 2^r candidates, each twice as long as the round before: s, 2 s, 4 s. Whoever passes all three has
    had 7 s, a full training. So n is 7 / 3 of the number of trainings that the budget holds.
    """
    alive = [Candidate(draw(random), train, steps, seed) for _ in range(7 * trials // 3)]
    search, spent, budget = Search("halving", []), 0, trials * steps // 3
    for number in range(3):
        if number:
            alive = sorted(alive, key=lambda one: one.loss(validation))[: len(alive) // 2]
        each = min(budget // len(alive), steps - alive[0].step)
        for candidate in alive:
            candidate.train(each)
            spent += each
            search.tried.append((spent, candidate.loss(validation), candidate.choice))
    search.finalists = len(alive)
    return search


def with_optuna(trials: int, train: Clips, validation: Clips, steps: int, seed: int) -> Search:
    """Let Optuna choose: after some random trials it draws where good ones lie closer than bad ones (TPE)."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(4, trials // 3)))
    search = Search("Optuna (TPE)", [])
    for number in range(1, trials + 1):
        trial = study.ask()  # ask for settings, train with them, tell the result: the loop stays ours
        values: dict[str, Any] = {
            name: trial.suggest_float(name, *ends, log=True) for name, ends in FACTORS.items()
        } | {name: trial.suggest_float(name, *ends) for name, ends in SUMS.items()}
        choice = Choice(**values, width=trial.suggest_categorical("width", WIDTHS))
        loss = Candidate(choice, train, steps, seed).train(steps).loss(validation)
        study.tell(trial, loss)
        search.tried.append((number * steps, loss, choice))
    return search


# ----------------------------------------------------------------------------------------------------------------------
# what the winner is worth


def again(choice: Choice, train: Clips, parts: list[Clips], steps: int, seeds: range) -> list[tuple[float, ...]]:
    """Train the winner with other seeds; return its losses on each part, a row a seed."""
    rows = []
    for seed in seeds:
        candidate = Candidate(choice, train, steps, seed).train(steps)
        rows.append(tuple(candidate.loss(part) for part in parts))
    return rows


def plot(searches: list[Search], path) -> None:
    figure = Figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for colour, search in zip(COLOURS, searches, strict=False):
        left.plot(*search.best_so_far(), "o-", color=colour, label=search.name, markersize=3)
        rates = [choice.rate for _, _, choice in search.tried]
        right.plot(
            rates, [min(loss, 5) for _, loss, _ in search.tried], "o", color=colour, label=search.name, alpha=0.6
        )
    left.set(
        xlabel="training steps spent",
        ylabel="best validation loss so far (nats)",
        title="the same budget",
    )
    right.set(xscale="log", xlabel="learning rate", ylabel="validation loss (nats, at most 5)", title="every trial")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    save_figure(figure, path)


def main(settings) -> dict:
    device = prepare(settings)
    if not 4 <= settings.trials <= 200:
        raise CourseError(f"--trials {settings.trials} is not possible.", hint="use 4 to 200")
    digits = load_digits(settings).to(device)
    people = sorted(set(digits.speakers.tolist()))
    share = len(people) // 3
    groups = [people[:share], people[share : 2 * share], people[2 * share :]]
    pool, validation, test = (digits.where(np.isin(digits.speakers, group)) for group in groups)
    train = few_shots(pool, SHOTS, settings.seed)
    steps = QUICK_STEPS if settings.quick else FULL_STEPS
    trials, seed = settings.trials, settings.seed
    random = np.random.default_rng(seed)
    print(
        f"\nbudget of each method: {trials} trainings of {steps} steps = {trials * steps:,} steps; {len(train)} clips"
    )

    searches = [
        spend_evenly("grid", grid(trials), train, validation, steps, seed),
        spend_evenly("random", [draw(random) for _ in range(trials)], train, validation, steps, seed),
        halving(trials, train, validation, steps, seed, random),
        with_optuna(trials, train, validation, steps, seed),
    ]
    print("\nmethod         trained   steps   different rates   best loss   its settings")
    for search in searches:
        _, loss, choice = search.best
        rates = len({row[2].rate for row in search.tried})
        print(
            f"{search.name:<14} {len(search.tried):>7} {search.tried[-1][0]:>7,} {rates:>17} {loss:>11.3f}   "
            + choice.describe()
        )
    winner = min(searches, key=lambda search: search.best[1])
    _, won, choice = winner.best
    rows = again(choice, train, [validation, test], steps, range(seed + 1, seed + 4))
    validated, tested = (statistics.mean(row[part] for row in rows) for part in (0, 1))
    typical = again(
        replace(choice, rate=3e-3, dropout=0.1, weight_decay=0.01), train, [test], steps, range(seed + 1, seed + 4)
    )
    usual = statistics.mean(row[0] for row in typical)
    print(f"\nThe winner ({winner.name}) had {won:.3f} when it won. With three other seeds: {validated:.3f} on the")
    print(f"same clips, {tested:.3f} on the test; the usual settings (rate 3e-3, dropout 0.1) give {usual:.3f} there.")
    print(
        "   The best of many noisy numbers is partly the luckiest. So train the winner again, and judge it elsewhere."
    )
    with atomic_path(settings.out / "trials.csv") as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "steps_spent", "validation_loss", *Choice.__dataclass_fields__])
        for search in searches:
            writer.writerows(
                [search.name, spent, round(loss, 5), *vars(one).values()] for spent, loss, one in search.tried
            )
    plot(searches, settings.out / "hyperparameter_search.png")
    bests = {search.name: search.best[1] for search in searches}
    print(
        "hyperparameter_search.png: best losses "
        + ", ".join(f"{name} {loss:.2f}" for name, loss in bests.items())
        + "\n"
    )
    return {
        "grid": bests["grid"],
        "random": bests["random"],
        "halving": bests["halving"],
        "optuna": bests["Optuna (TPE)"],
        "halving_candidates": len({row[2] for row in searches[2].tried}),
        "most_steps_over_budget": max(search.tried[-1][0] for search in searches) / (trials * steps),
        "loss_when_it_won": won,
        "loss_trained_again": validated,
        "loss_on_the_test": tested,
        "usual_settings_on_the_test": usual,
    }


EXPECTED = {
    "most_steps_over_budget": Expected(quick=(0.9, 1.0), full=(0.9, 1.0)),
    "halving_candidates": Expected(quick=(28, 28), full=(28, 28)),
    "random": Expected(quick=(0.01, 2.28), full=(0.01, 2.28)),  # guessing is 2.3
    "optuna": Expected(quick=(0.01, 2.28), full=(0.01, 2.28)),
    "loss_on_the_test": Expected(quick=(0.01, 4), full=(0.01, 4)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="10_several_processes.py")
