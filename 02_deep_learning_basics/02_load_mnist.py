"""Look at the data before training anything: what is in it, how balanced it is, and what makes it hard.

What you will learn
    - what MNIST is: pictures as numbers, labels, a training set and a test set that is kept apart
    - how to check a data set in five minutes: shapes, ranges, class balance, pictures of every class
    - what normalization does, and why its two numbers come from the training set alone
    - why some pictures are hard, found without any network: by distance to the average picture of each class
How to run it
    python 02_load_mnist.py --quick     scikit-learn's 1,797 digits, no network, about 4 s
    python 02_load_mnist.py             MNIST, 70,000 digits; the first run downloads 12 MB, about 7 s
Time and memory on 2 CPU cores: quick 4 s, full 7 s; 1.7 GB.
Writes outputs/: mnist_samples.png
Concepts: ML_CONCEPTS_EXPLAINED.md (normalization, generalization, epochs, batches and iterations)
"""

import torch
from dl_utils import BLUE, CLASSES, ORANGE, SIDE, Digits, load_mnist_data, prepare, save_figure
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from coursekit.cli import run_script, script_parser
from coursekit.expectations import Expected

# ----------------------------------------------------------------------------------------------------------------------
# settings

PARSER = script_parser(__doc__)
BATCH_SIZE = 128  # pictures a batch; only its shape is looked at here
PICTURES_EACH = 8  # columns of the plot: ordinary pictures of each class; the hardest one is added as a last column

# ----------------------------------------------------------------------------------------------------------------------
# what is in it


def describe(digits: Digits) -> None:
    """Shapes, formats, ranges: the first thing to print about any data set."""
    for name, images, labels in (
        ("training", digits.train_images, digits.train_labels),
        ("test", digits.test_images, digits.test_labels),
    ):
        print(f"{name:>9} images {list(images.shape)} {images.dtype}, pixels {images.min()} to {images.max()}")
        print(f"{name:>9} labels {list(labels.shape)} {labels.dtype}, classes {labels.min()} to {labels.max()}")


def print_picture(image: torch.Tensor, label: int) -> None:
    """Draw a [28, 28] picture with characters: it is nothing but numbers."""
    print(
        f"\nThe first training picture is a {label}. Every second row and column, darker characters are larger numbers:"
    )
    for row in image[::2].tolist():
        line = "".join(" .:+#@"[pixel * 6 // 256] * 2 for pixel in row[::2])
        if line.strip():
            print("   " + line)


def class_balance(labels: torch.Tensor) -> torch.Tensor:
    """Return how often each class occurs, [10]. A class that is rare is learnt badly, and the accuracy hides it."""
    counts = labels.bincount(minlength=CLASSES)
    print("\nClass balance of the training set")
    for digit, count in enumerate(counts.tolist()):
        print(f"   {digit}: {count:>5,} {'#' * round(40 * count / counts.max().item())}")
    always = counts.max() / counts.sum()
    print(f"   Always answering {counts.argmax()} would be right in {always:.1%}: any useful model must beat that.")
    return counts


# ----------------------------------------------------------------------------------------------------------------------
# normalization


def show_normalization(digits: Digits, train: torch.Tensor, test: torch.Tensor) -> tuple[float, float]:
    """`train` and `test` are the pictures after (pixel - mean) / std. Returns the mean and std of `train`.

    A network's weights start as numbers around 0 and are tuned for inputs around 0 with a spread of about 1.
    The two statistics are part of the model: the test set, and every picture later, gets the same two numbers.
    """
    # concept: normalization
    print(f"\nNormalization: training pixels have mean {digits.mean:.4f} and deviation {digits.std:.4f} (scale 0 to 1)")
    print(f"   training set afterwards: mean {train.mean():+.4f}, deviation {train.std():.4f}: 0 and 1 by construction")
    print(
        f"   test set afterwards:     mean {test.mean():+.4f}, deviation {test.std():.4f}: close, and rightly not exact"
    )
    return train.mean().item(), train.std().item()


# ----------------------------------------------------------------------------------------------------------------------
# hard cases: how far can one get without learning?


def distances_to_averages(digits: Digits, images: torch.Tensor) -> torch.Tensor:
    """Return the distance [N, 10] of each picture to the average training picture of each class."""
    train = digits.train_images.flatten(1).float() / 255  # [N, 784]
    averages = torch.stack([train[digits.train_labels == digit].mean(dim=0) for digit in range(CLASSES)])  # [10, 784]
    return torch.cdist(images.flatten(1).float() / 255, averages)


def nearest_average_accuracy(digits: Digits) -> float:
    """Call each test picture what the nearest average is. It is the baseline a network has to beat."""
    # concept: generalization
    guesses = distances_to_averages(digits, digits.test_images).argmin(dim=1)  # judged on pictures not averaged
    accuracy = (guesses == digits.test_labels).double().mean().item()
    print(
        f"\nNearest average picture, no network: {accuracy:.1%} of the test set right. The rest are the harder cases."
    )
    return accuracy


def hardest(digits: Digits) -> torch.Tensor:
    """Return the position of one training picture of each class: the one most like another class, [10]."""
    distances = distances_to_averages(digits, digits.train_images)  # [N, 10]
    own = distances.gather(1, digits.train_labels[:, None]).squeeze(1)  # [N]; to the average of its own class
    others = distances.scatter(1, digits.train_labels[:, None], float("inf"))  # own class out of the competition
    excess = own - others.amin(dim=1)  # above 0: another class's average is nearer
    found = [torch.where(digits.train_labels == digit, excess, -1e9).argmax() for digit in range(CLASSES)]
    for digit, position in enumerate(found):
        print(f"   hardest {digit}: training picture {position:>5}, nearest to the average {others[position].argmin()}")
    return torch.stack(found)


# ----------------------------------------------------------------------------------------------------------------------
# the plot


def gallery(digits: Digits, hard: torch.Tensor) -> torch.Tensor:
    """Join pictures into one large picture [10 * 30, 9 * 30]: a row a class, the hardest one last, 2 pixels apart."""
    rows = []
    for digit in range(CLASSES):
        ordinary = (digits.train_labels == digit).nonzero().squeeze(1)[:PICTURES_EACH]
        images = digits.train_images[torch.cat([ordinary, hard[digit : digit + 1]])]  # [9, 28, 28]
        framed = torch.nn.functional.pad(images, (1, 1, 1, 1), value=40)  # [9, 30, 30]
        rows.append(torch.cat(list(framed), dim=1))  # side by side: [30, 270]
    return torch.cat(rows)  # below each other: [300, 270]


def plot_samples(digits: Digits, counts: torch.Tensor, hard: torch.Tensor, path) -> None:
    """Pictures of each class on the left, how many there are of each on the right."""
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(5, 4))
    cell = SIDE + 2
    left.imshow(gallery(digits, hard), cmap="gray_r", vmin=0, vmax=255)
    left.add_patch(Rectangle((PICTURES_EACH * cell, 0), cell - 1, CLASSES * cell - 1, fill=False, ec=ORANGE, lw=3))
    left.set(title=f"{digits.name}: first {PICTURES_EACH} of each class; framed: the hardest", ylabel="digit (label)")
    left.set(xticks=[], yticks=[cell * (digit + 0.5) for digit in range(CLASSES)], yticklabels=range(CLASSES))

    bars = right.barh(range(CLASSES), counts.tolist(), color=BLUE)
    right.bar_label(bars, padding=3)
    right.set(xlabel="training pictures (count)", ylabel="digit (label)", yticks=range(CLASSES), title="class balance")
    right.set_xlim(0, 1.15 * counts.max().item())
    right.invert_yaxis()  # 0 on top, as on the left
    save_figure(figure, path)
    print(
        f"mnist_samples.png: {PICTURES_EACH + 1} pictures of each of the {CLASSES} digits; "
        f"{counts.min():,} to {counts.max():,} pictures a class"
    )


def main(settings) -> dict:
    device = prepare(settings)
    train_loader, test_loader, digits = load_mnist_data(BATCH_SIZE, settings.quick, device, settings.seed)
    settings.quick = digits.is_stand_in  # without MNIST the quick expectations hold
    describe(digits)
    print_picture(digits.train_images[0], digits.train_labels[0].item())
    counts = class_balance(digits.train_labels)
    mean, std = show_normalization(digits, train_loader.images, test_loader.images)

    images, labels = next(iter(train_loader))  # concept: epochs, batches and iterations
    print(f"\nOne batch: images {list(images.shape)} {images.dtype}, labels {labels[:8].tolist()} ...")
    print(
        f"One epoch: {len(digits.train_labels):,} pictures / {BATCH_SIZE} = {len(train_loader)} iterations, rounded up"
    )

    accuracy = nearest_average_accuracy(digits)
    plot_samples(digits, counts, hardest(digits), settings.out / "mnist_samples.png")
    return {
        "training_pictures": len(digits.train_labels),
        "test_pictures": len(digits.test_labels),
        "rarest_class": counts.min().item(),
        "most_frequent_class": counts.max().item(),
        "mean_after": mean,
        "std_after": std,
        "nearest_average_accuracy": accuracy,
    }


# Nothing is random here: data and arithmetic are fixed.
EXPECTED = {
    "training_pictures": Expected(quick=(1437, 1437), full=(60_000, 60_000)),
    "test_pictures": Expected(quick=(360, 360), full=(10_000, 10_000)),
    "rarest_class": Expected(quick=(141, 141), full=(5421, 5421)),
    "most_frequent_class": Expected(quick=(146, 146), full=(6742, 6742)),
    "mean_after": Expected(quick=(-0.001, 0.001), full=(-0.001, 0.001)),
    "std_after": Expected(quick=(0.999, 1.001), full=(0.999, 1.001)),
    "nearest_average_accuracy": Expected(quick=(0.8, 0.95), full=(0.81, 0.83)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="03_train_mnist.py")
