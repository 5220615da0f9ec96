"""Train a small network on handwritten digits: the loop that every later training script repeats.

What you will learn
    - how a network is written in PyTorch: layers in __init__, the forward pass in forward()
    - the five lines of a training step, and what each would break if it were missing
    - how to read a training: loss and accuracy of the training and the test set, epoch by epoch
    - the hyperparameters, each with its reason
How to run it
    python 03_train_mnist.py --quick     scikit-learn's 1,797 digits, no network, about 8 s
    python 03_train_mnist.py             MNIST, 5 epochs, 97 to 98 % right, about 9 s
Time and memory on 2 CPU cores: quick 8 s, full 9 s; 1.1 GB.
Writes outputs/: mnist_model.pth, training_history.png
Concepts: ML_CONCEPTS_EXPLAINED.md (forward and backward pass, loss functions, gradients, backpropagation, optimizers,
    learning rate, activation functions, epochs, batches and iterations, hyperparameters, generalization)

Letters in shapes: B pictures in a batch, D = 784 pixels, H = 128 hidden neurons, C = 10 classes.
"""

import time
from dataclasses import asdict, dataclass

import torch
from dl_utils import (
    count_parameters,
    evaluate_model,
    load_mnist_data,
    plot_training_history,
    prepare,
    save_model,
)
from torch import nn

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings


# concept: hyperparameters
@dataclass
class Hyperparameters:
    """What is decided before training; what training itself finds are the parameters (weights and biases)."""

    hidden: int = 128  # neurons in the hidden layer; 32 to 512. More: better up to a point, slower, easier to overfit
    batch_size: int = 128  # pictures a step; 32 to 256. More: smoother, fewer steps, often a little less accurate
    epochs: int = 5  # times every picture is seen; 5 to 20. Watch the test loss: when it rises, it was too many
    quick_epochs: int = 40  # the offline digits fill 12 batches instead of 469, so more epochs for enough steps
    learning_rate: float = 1e-3  # Adam's usual value; 1e-4 to 1e-2. Too small: slow. Too large: the loss jumps or grows


PARSER = script_parser(__doc__)
PARSER.add_argument("--epochs", type=int, metavar="N", help="epochs (default 5, with --quick 40)")

# ----------------------------------------------------------------------------------------------------------------------
# the network


class SimpleNN(nn.Module):
    """Two layers: 784 pixels -> 128 hidden neurons -> 10 scores, one for each digit. 101,770 parameters.

    Args:
        hidden: Neurons in the hidden layer (H).
    """

    def __init__(self, hidden: int = 128) -> None:
        super().__init__()  # lets nn.Module find the layers below, and with them the parameters
        self.flatten = nn.Flatten()  # a picture as one row of numbers: this network knows nothing of neighbours
        self.layer1 = nn.Linear(28 * 28, hidden)  # weights [H, D] and biases [H]: 128 * 784 + 128 = 100,480 numbers
        self.relu = nn.ReLU()  # without it, two layers would be worth no more than one  # concept: activation functions
        self.layer2 = nn.Linear(hidden, 10)  # weights [C, H] and biases [C]: 10 * 128 + 10 = 1,290 numbers

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return a score (logit) for each class, [B, 10]; the largest is the answer. No softmax: the loss has it."""
        pixels = self.flatten(images)  # [B, 1, 28, 28] -> [B, 784]
        features = self.relu(self.layer1(pixels))  # [B, 784] -> [B, 128]
        return self.layer2(features)  # [B, 128] -> [B, 10]


# ----------------------------------------------------------------------------------------------------------------------
# training


def train_epoch(model, train_loader, loss_function, optimizer) -> tuple[float, float]:
    """Show the model every training picture once. Returns mean loss and accuracy (0 to 1), measured on the way.

    They are measured while the weights change, so they lag behind: early batches met a worse model. That is one reason
    why the first epochs can look better on the test set, which is measured after the epoch.
    """
    model.train()  # layers such as dropout behave differently in training; evaluate_model() switches that off
    loss_sum, correct, count = 0.0, 0, 0
    for images, labels in train_loader:  # one turn is one iteration  # concept: epochs, batches and iterations
        optimizer.zero_grad()  # forget the last batch's gradients: backward() adds to what is there
        logits = model(images)  # forward: the model's answer, [B, 10]  # concept: forward and backward pass
        loss = loss_function(logits, labels)  # how wrong: one number for the batch  # concept: loss functions
        loss.backward()  # backward: fills parameter.grad for every parameter  # concept: backpropagation
        optimizer.step()  # move every parameter a little against its gradient  # concept: gradients, optimizers

        loss_sum += loss.item() * len(labels)  # .item(): the plain number; the tensor would keep its history in memory
        correct += (logits.argmax(dim=1) == labels).sum().item()
        count += len(labels)
    return loss_sum / count, correct / count


def train(model, train_loader, test_loader, epochs: int, learning_rate: float) -> dict[str, list[float]]:
    """Train and look at the test set after every epoch. Returns the history that plot_training_history() draws.

    The test set is only looked at: no weight is changed, no setting chosen by it.
    """
    # concept: generalization
    loss_function = nn.CrossEntropyLoss()  # softmax and negative log-likelihood in one, numerically safe
    # Adam gives each parameter a step size of its own; plain SGD would need a tuned rate and more epochs.
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)  # concept: optimizers, learning rate
    history = {name: [] for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy")}
    print("epoch   train loss   train accuracy   test loss   test accuracy   seconds")
    for epoch in range(1, epochs + 1):
        started = time.perf_counter()
        row = (*train_epoch(model, train_loader, loss_function, optimizer), *evaluate_model(model, test_loader))
        for values, value in zip(history.values(), row, strict=True):
            values.append(value)
        if epoch <= 5 or epoch == epochs or epoch % 5 == 0:
            numbers = f"{row[0]:>10.4f}   {row[1]:>14.4f}   {row[2]:>9.4f}   {row[3]:>13.4f}"
            print(f"{epoch:>5}   {numbers}   {time.perf_counter() - started:>7.1f}")
    return history


def main(settings) -> dict:
    device = prepare(settings)
    chosen = Hyperparameters()
    train_loader, test_loader, digits = load_mnist_data(chosen.batch_size, settings.quick, device, settings.seed)
    settings.quick = digits.is_stand_in  # without MNIST the quick expectations hold
    epochs = (
        settings.epochs if settings.epochs is not None else chosen.quick_epochs if settings.quick else chosen.epochs
    )
    if epochs < 1:
        raise CourseError(f"--epochs {epochs} trains nothing.", hint="use --epochs 1 or more; 5 is usual")

    model = SimpleNN(chosen.hidden).to(device)
    before_loss, before = evaluate_model(model, test_loader)
    print(f"\n{model}\n{count_parameters(model):,} parameters")
    print(f"{epochs} epochs of {len(train_loader)} iterations are {epochs * len(train_loader):,} steps")
    print(f"before training: test loss {before_loss:.3f}, test accuracy {before:.1%}; guessing has 2.303 and 10 %\n")

    history = train(model, train_loader, test_loader, epochs, chosen.learning_rate)
    print()
    title = f"SimpleNN on {digits.name}, {epochs} epochs"
    print(plot_training_history(history, settings.out / "training_history.png", title))
    save_model(
        model,
        settings.out / "mnist_model.pth",
        hyperparameters=asdict(chosen),
        data=digits.name,
        mean=digits.mean,  # whoever shows the model a picture has to normalise it with the same two numbers
        std=digits.std,
        test_accuracy=history["test_accuracy"][-1],
    )
    print(f"mnist_model.pth: the {count_parameters(model):,} trained numbers, and how they were made\n")
    return {
        "parameters": count_parameters(model),
        "accuracy_before": before,
        "train_accuracy": history["train_accuracy"][-1],
        "test_accuracy": history["test_accuracy"][-1],
        "test_loss": history["test_loss"][-1],
        "accuracy_gap": history["train_accuracy"][-1] - history["test_accuracy"][-1],
    }


EXPECTED = {
    "parameters": Expected(quick=(101_770, 101_770), full=(101_770, 101_770)),
    "test_accuracy": Expected(quick=(0.85, 0.95), full=(0.97, 0.98)),
    "test_loss": Expected(quick=(0.2, 0.6), full=(0.07, 0.1)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="04_load_model.py")
