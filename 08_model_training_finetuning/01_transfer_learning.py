"""Transfer learning: a network that knows thirty words learns ten digits from a few clips each, in four ways.

What you will learn
    - what "pre-trained" means: weights that already know what speech looks like
    - the four ways to use them: freeze all but the head, train a part, train everything, or start from nothing
    - how much transfer is worth with one, three and ten clips of each digit, in the same number of steps
How to run it
    python 01_transfer_learning.py --quick     what is on this machine, 2 seeds, about 30 s
    python 01_transfer_learning.py             600 recordings of digits, 3 seeds, about 58 s
    python 01_transfer_learning.py --shots 1   one clip a digit
Time and memory on 2 CPU cores: quick 30 s, full 58 s; 1.0 GB. The first run speaks its words first.
Writes outputs/: transfer_learning.png, spoken/ (first run: words, digits, the source network)
Concepts: TRAINING_CONCEPTS_EXPLAINED.md (transfer learning, fine-tuning)
"""

import statistics

import torch
from matplotlib.figure import Figure
from train_utils import (
    COLOURS,
    Clips,
    WordNet,
    batches,
    copy_weights,
    count_parameters,
    evaluate,
    few_shots,
    load_digits,
    prepare,
    save_figure,
    source_net,
    split_by_speaker,
    train_step,
)

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected
from coursekit.seeding import seed_everything

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
PARSER.add_argument("--shots", type=int, default=3, metavar="N", help="clips of each digit to learn from (3)")
QUICK_STEPS, FULL_STEPS = 60, 200  # of 10 clips; every way has the same number
BATCH = 10
EVERY = 10  # steps between two looks at the test
# Peak learning rates, found by trying three each. What is known already must not be thrown away by large steps, so
# "everything" has a lower one than "from nothing"; a head alone is a small, well-behaved problem and bears a high one.
RATES = {"frozen": 1e-2, "partly": 2e-3, "everything": 1e-3, "from nothing": 2e-3}
WAYS = tuple(RATES)

# ----------------------------------------------------------------------------------------------------------------------
# four ways


def make_student(way: str, source: dict[str, torch.Tensor], classes: int) -> WordNet:
    """Return a network for digits that starts from the source's weights, with the right parts frozen."""
    student = WordNet(classes)
    if way == "from nothing":
        return student
    # The head is new: it had an output for each of thirty words, and needs one for each digit.
    body = {name: value for name, value in source.items() if not name.startswith("head.")}
    student.load_state_dict(body, strict=False)  # concept: transfer learning
    trained = {"frozen": ("head.",), "partly": ("head.", "norm.", "blocks.2."), "everything": ("",)}[way]
    for name, parameter in student.named_parameters():
        parameter.requires_grad_(name.startswith(trained))  # a frozen weight gets no gradient, so it stays
    return student


def learn(student: WordNet, shots: Clips, test: Clips, rate: float, seed: int, steps: int) -> list[float]:
    """Train; return the test accuracy at steps 0, EVERY, 2 EVERY, ..."""
    generator = torch.Generator().manual_seed(seed)
    trained = [parameter for parameter in student.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.01)  # concept: fine-tuning
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    curve = [evaluate(student, test)[1]]
    for step, (mels, labels) in zip(range(1, steps + 1), batches(shots, BATCH, generator), strict=False):
        train_step(student, optimizer, mels, labels)
        schedule.step()
        if step % EVERY == 0:
            curve.append(evaluate(student, test)[1])
    return curve


def compare(
    source: dict, pool: Clips, test: Clips, shots: int, seeds: range, steps: int, ways: tuple[str, ...] = WAYS
) -> dict[str, list[list[float]]]:
    """Return the curves of every way, one a seed. A seed decides which clips are the few, and the first weights."""
    curves: dict[str, list[list[float]]] = {way: [] for way in ways}
    for seed in seeds:
        few = few_shots(pool, shots, seed)
        for way in ways:
            seed_everything(seed)
            student = make_student(way, source, len(pool.classes)).to(test.mels.device)
            curves[way].append(learn(student, few, test, RATES[way], seed, steps))
    return curves


def last(curves: list[list[float]]) -> float:
    return statistics.mean(curve[-1] for curve in curves)


# ----------------------------------------------------------------------------------------------------------------------
# the picture


def plot(curves: dict[str, list[list[float]]], by_shots: dict[int, dict[str, float]], name: str, path) -> None:
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle(f"Ten digits ({name}), voices never heard in training")
    for colour, way in zip(COLOURS, WAYS, strict=False):
        rows = [[100 * value for value in column] for column in zip(*curves[way], strict=True)]
        steps = [EVERY * number for number in range(len(rows))]
        left.plot(steps, [statistics.mean(row) for row in rows], color=colour, label=way)
        left.fill_between(steps, list(map(min, rows)), list(map(max, rows)), color=colour, alpha=0.15, lw=0)
    for colour, way in zip(COLOURS[2:], WAYS[2:], strict=False):
        right.plot(list(by_shots), [100 * row[way] for row in by_shots.values()], "o-", color=colour, label=way)
    left.set(xlabel="training step", ylabel="test accuracy (%)", title="four ways (line: mean, band: the seeds)")
    right.set(xlabel="clips of each digit", ylabel="test accuracy (%)", title="with more clips", xscale="log")
    right.set_xticks(list(by_shots), [str(count) for count in by_shots])
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    save_figure(figure, path)


def main(settings) -> dict:
    device = prepare(settings)
    digits = load_digits(settings)
    if not 1 <= settings.shots <= 20:
        raise CourseError(f"--shots {settings.shots} is not possible.", hint="use 1 to 20 clips of each digit")
    source, source_accuracy = source_net(settings, device)
    weights = copy_weights(source)
    pool, test = split_by_speaker(digits, 2 if digits.is_real else 6)
    pool, test = pool.to(device), test.to(device)
    seeds = range(settings.seed, settings.seed + (2 if settings.quick else 3))
    steps = QUICK_STEPS if settings.quick else FULL_STEPS
    print(f"\nsource: {len(source.head.bias)} words, {source_accuracy:.0%} right on voices it never heard")
    print(f"target: {len(test)} test clips of {len(set(test.speakers))} other voices, {settings.shots} clips a digit")

    curves = compare(weights, pool, test, settings.shots, seeds, steps)
    print(f"\nway            trained weights   after 0 steps   after 20   after {steps:>3}   (test accuracy)")
    for way in WAYS:
        trained = count_parameters(make_student(way, weights, 10))
        first, early = (statistics.mean(curve[place] for curve in curves[way]) for place in (0, 20 // EVERY))
        print(f"{way:<14} {trained:>15,} {first:>15.0%} {early:>10.0%} {last(curves[way]):>11.0%}")

    compared = WAYS[2:]  # everything, from nothing
    by_shots = {settings.shots: {way: last(curves[way]) for way in compared}}
    for shots in (1, 10) if settings.quick else (1, 10, 20):
        if shots not in by_shots:
            found = compare(weights, pool, test, shots, seeds, steps, compared)
            by_shots[shots] = {way: last(found[way]) for way in compared}
    by_shots = dict(sorted(by_shots.items()))
    gains = {shots: row["everything"] - row["from nothing"] for shots, row in by_shots.items()}
    print("\nclips a digit   " + "".join(f"{way:>14}" for way in compared) + "   gained by transfer")
    for shots, row in by_shots.items():
        print(f"{shots:>13}   " + "".join(f"{row[way]:>14.0%}" for way in compared) + f"   {gains[shots]:>+18.0%}")
    plot(curves, by_shots, digits.name, settings.out / "transfer_learning.png")
    most, fewest = max(by_shots), min(by_shots)
    print(
        f"\ntransfer_learning.png: transfer gains {gains[fewest]:+.0%} with {fewest} clip a digit, "
        f"{gains[most]:+.0%} with {most}"
    )
    print(
        "The capstone does the same with a whole voice: the starter voice knows how to speak, twenty clips say as whom."
    )
    print("Script 07 opens that up.\n")
    return {
        "source_accuracy": source_accuracy,
        "frozen": last(curves["frozen"]),
        "partly": last(curves["partly"]),
        "everything": last(curves["everything"]),
        "from_nothing": last(curves["from nothing"]),
        "gain_with_fewest": gains[fewest],
        "gain_with_most": gains[most],
        "trained_share_when_frozen": count_parameters(make_student("frozen", weights, 10))
        / count_parameters(WordNet(10)),
    }


# Few clips make a rough estimate, and recorded digits, which a quick run takes where they are, are harder.
EXPECTED = {
    "source_accuracy": Expected(quick=(0.85, 1), full=(0.85, 1)),
    "frozen": Expected(quick=(0.3, 1), full=None),
    "everything": Expected(quick=(0.3, 1), full=None),
    "from_nothing": Expected(quick=(0.2, 1), full=None),
    "gain_with_most": Expected(quick=(-0.1, 0.6), full=None),
    "trained_share_when_frozen": Expected(quick=(0.015, 0.03), full=(0.015, 0.03)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="02_learning_rate.py")
