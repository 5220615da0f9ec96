"""Change one thing at a time: activation function, depth and width, and see what it does to the accuracy.

What you will learn
    - how to compare fairly: same data, same training, several seeds, and the spread printed beside the mean
    - what the activation function is worth: ReLU against Tanh against none at all
    - what more layers and more parameters buy, and what they cost
How to run it
    python 05_experiment_architectures.py --quick     scikit-learn's digits, 2 seeds, about 27 s
    python 05_experiment_architectures.py             MNIST, 3 seeds, about 72 s
Time and memory on 2 CPU cores: quick 27 s, full 72 s; 1.0 GB.
Writes outputs/: architecture_comparison.png
Concepts: ML_CONCEPTS_EXPLAINED.md (model capacity, activation functions, hyperparameters, overfitting and underfitting)
"""

import importlib
import statistics
import time
from dataclasses import dataclass, field

import torch
from dl_utils import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    count_parameters,
    evaluate_model,
    load_mnist_data,
    prepare,
    save_figure,
)
from matplotlib.figure import Figure
from torch import nn

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected
from coursekit.seeding import seed_everything

# ----------------------------------------------------------------------------------------------------------------------
# settings: everything but the architecture is as in 03_train_mnist.py

PARSER = script_parser(__doc__)
BATCH_SIZE = 128
LEARNING_RATE = 1e-3
EPOCHS, SEEDS = 5, 3  # full; the middle of three seeds says more than one lucky number
QUICK_EPOCHS, QUICK_SEEDS = 25, 2

train_epoch = importlib.import_module("03_train_mnist").train_epoch  # the import statement takes no leading digit


# concept: model capacity
@dataclass
class Architecture:
    """What is compared, and what came out.

    Attributes:
        sizes: Numbers going in, then the neurons of each layer; two layers are [784, 128, 10].
        activation: What stands between the layers.
        curves: Test accuracy after each epoch, one list a seed.
        gaps: Train accuracy minus test accuracy at the end, one number a seed.
    """

    name: str
    sizes: list[int]
    activation: type[nn.Module]
    colour: str
    curves: list[list[float]] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    parameters: int = 0
    seconds: float = 0.0

    @property
    def final(self) -> list[float]:
        """Test accuracy after the last epoch, one number a seed."""
        return [curve[-1] for curve in self.curves]

    @property
    def mean(self) -> float:
        return statistics.mean(self.final)


def architectures() -> list[Architecture]:
    return [
        Architecture("three layers, ReLU", [784, 512, 256, 10], nn.ReLU, BLUE),
        Architecture("two layers, ReLU", [784, 128, 10], nn.ReLU, ORANGE),  # SimpleNN of 03
        Architecture("two layers, Tanh", [784, 128, 10], nn.Tanh, GREEN),
        Architecture("two layers, none", [784, 128, 10], nn.Identity, GREY),
    ]


# ----------------------------------------------------------------------------------------------------------------------
# build and train


def build(sizes: list[int], activation: type[nn.Module]) -> nn.Sequential:
    """Chain linear layers, with the activation between them but not after the last: logits may be any number."""
    layers: list[nn.Module] = [nn.Flatten()]
    for number, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        if number:
            layers.append(activation())  # concept: activation functions
        layers.append(nn.Linear(inputs, outputs))
    return nn.Sequential(*layers)


def train_once(architecture: Architecture, seed: int, epochs: int, train_loader, test_loader, device) -> None:
    """Train from one seed and note the result in `architecture`. The seed decides first weights and batch order."""
    seed_everything(seed)
    train_loader.generator.manual_seed(seed)
    model = build(architecture.sizes, architecture.activation).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    loss_function = nn.CrossEntropyLoss()
    started = time.perf_counter()
    curve = []
    for _ in range(epochs):
        _, train_accuracy = train_epoch(model, train_loader, loss_function, optimizer)
        curve.append(evaluate_model(model, test_loader)[1])
    architecture.seconds += time.perf_counter() - started
    architecture.parameters = count_parameters(model)
    architecture.curves.append(curve)
    architecture.gaps.append(train_accuracy - curve[-1])


# ----------------------------------------------------------------------------------------------------------------------
# compare


def print_table(compared: list[Architecture]) -> None:
    print("\narchitecture          sizes                 parameters   test accuracy (lowest to highest)   gap     time")
    fastest = min(architecture.seconds for architecture in compared)
    for one in compared:
        sizes = "-".join(str(size) for size in one.sizes)
        spread = f"{one.mean:.4f} ({min(one.final):.4f} to {max(one.final):.4f})"
        gap = statistics.mean(one.gaps)  # high: it knows its training pictures by heart
        print(
            f"{one.name:<20}  {sizes:<20}  {one.parameters:>10,}   {spread:<33}"
            f"   {gap:+.3f}   x{one.seconds / fastest:.1f}"
        )
    print("gap: train minus test accuracy, how far it overfits")  # concept: overfitting and underfitting


def plot_comparison(compared: list[Architecture], data_name: str, path) -> None:
    """Left: learning curves, a line for the mean and a band for the seeds. Right: the last epoch, a dot a seed."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    figure.suptitle(f"Architectures on {data_name}, {len(compared[0].curves)} seeds each")
    left, right = figure.subplots(1, 2)
    for row, one in enumerate(compared):
        epochs = range(1, len(one.curves[0]) + 1)
        columns = [[100 * value for value in column] for column in zip(*one.curves, strict=True)]
        left.plot(epochs, [statistics.mean(column) for column in columns], color=one.colour, label=one.name)
        left.fill_between(epochs, list(map(min, columns)), list(map(max, columns)), color=one.colour, alpha=0.2, lw=0)
        right.plot([100 * value for value in one.final], [row] * len(one.final), "o", color=one.colour, alpha=0.6)
        right.plot(100 * one.mean, row, "|", color=one.colour, markersize=24, markeredgewidth=3)
        right.annotate(f"{one.mean:.2%}", (100 * one.mean, row), (0, 16), textcoords="offset points", ha="center")
    left.set(xlabel="epoch", ylabel="test accuracy (%)", title="while training")
    left.xaxis.get_major_locator().set_params(integer=True)
    right.set(xlabel="test accuracy (%)", title="last epoch (a dot a seed, bar: mean)")
    right.set_yticks(range(len(compared)), [f"{one.name}\n{one.parameters:,} parameters" for one in compared])
    right.set_ylim(len(compared) - 0.5, -0.7)
    right.margins(x=0.1)
    left.legend(loc="center right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    save_figure(figure, path)
    print(f"\n{path.name}: " + ", ".join(f"{one.name} {one.mean:.2%}" for one in compared))


def main(settings) -> dict:
    device = prepare(settings)
    train_loader, test_loader, digits = load_mnist_data(BATCH_SIZE, settings.quick, device, settings.seed)
    settings.quick = digits.is_stand_in  # without MNIST the quick expectations hold
    epochs, seeds = (QUICK_EPOCHS, QUICK_SEEDS) if settings.quick else (EPOCHS, SEEDS)  # concept: hyperparameters
    compared = architectures()
    for one in compared:
        for seed in range(settings.seed, settings.seed + seeds):
            train_once(one, seed, epochs, train_loader, test_loader, device)
        print(f"   trained {seeds} times: {one.name}, test accuracy {', '.join(f'{value:.4f}' for value in one.final)}")
    print_table(compared)
    plot_comparison(compared, digits.name, settings.out / "architecture_comparison.png")

    three, relu, tanh, none = compared
    print("\nWhat to conclude")
    print(f"   activation: none {none.mean:.1%}, Tanh {tanh.mean:.1%}, ReLU {relu.mean:.1%}. Without one, two layers")
    print("      are a single linear map; which one of the two matters far less than having one.")
    spread = max(relu.final) - min(relu.final)
    print(
        f"   depth and width: {three.mean - relu.mean:+.1%} for {three.parameters / relu.parameters:.1f} times as many"
    )
    print(f"      parameters. Two seeds of one and the same network differ by up to {spread:.1%}.\n")
    return {
        "three_layers_relu": three.mean,
        "two_layers_relu": relu.mean,
        "two_layers_tanh": tanh.mean,
        "two_layers_none": none.mean,
        "three_layers_parameters": three.parameters,
        "two_layers_parameters": relu.parameters,
    }


EXPECTED = {
    "three_layers_relu": Expected(quick=(0.85, 0.95), full=(0.974, 0.983)),
    "two_layers_relu": Expected(quick=(0.85, 0.95), full=(0.971, 0.979)),
    "two_layers_tanh": Expected(quick=(0.85, 0.95), full=(0.968, 0.976)),
    "two_layers_none": Expected(quick=(0.8, 0.95), full=(0.90, 0.93)),
    "three_layers_parameters": Expected(quick=(535_818, 535_818), full=(535_818, 535_818)),
    "two_layers_parameters": Expected(quick=(101_770, 101_770), full=(101_770, 101_770)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="06_beat_98_percent.py")
