"""How much faster is slicing one tensor than a DataLoader that reads picture by picture? Same batches, same accuracy.

Two ways to feed the training of 03_train_mnist.py are timed side by side, in one run:

    per picture   torch.utils.data.DataLoader over a torchvision data set: for each of the 60,000 pictures of an
                  epoch, Python makes a PIL image, a tensor (ToTensor), a normalised tensor (Normalize), and stacks 128
    one tensor    dl_utils.TensorLoader: converted and normalised once for all pictures, a batch is one indexing

Both get the pictures in the same order and start from the same weights, so they end at the same accuracy. What the one
tensor costs once (making it) is printed and counted. Both loaders work in this process, without worker processes.

PyTorch computes with one thread here, both ways: the network is too small to gain from a second one, and with two
threads on two cores any other busy program makes them wait for each other, and the ratio says nothing about loading.

    python benchmarks/loading.py --quick     scikit-learn's digits, about 10 s
    python benchmarks/loading.py             MNIST, 1 epoch each way, about 20 s; target: 8 times
"""

import importlib
import sys
import time
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from dl_utils import Digits, TensorLoader, evaluate_model, normalize, prepare, read_digits  # noqa: E402

from coursekit.cli import run_script, script_parser  # noqa: E402
from coursekit.expectations import Expected  # noqa: E402
from coursekit.seeding import seed_everything  # noqa: E402

PARSER = script_parser(__doc__)
PARSER.add_argument("--epochs", type=int, default=1, metavar="N", help="epochs each way (default 1)")
PARSER.add_argument("--threads", type=int, default=1, metavar="N", help="threads of PyTorch (default 1)")
BATCH_SIZE = 128
lesson = importlib.import_module("03_train_mnist")


class PerPicture(Dataset):
    """What torchvision.datasets.MNIST does when it is asked for one picture, on pictures already in memory."""

    def __init__(self, images: torch.Tensor, labels: torch.Tensor, transform) -> None:
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[position].numpy())), int(self.labels[position])


def per_picture_loader(digits: Digits, order: list[int]) -> DataLoader:
    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((digits.mean,), (digits.std,))])
    dataset = PerPicture(digits.train_images, digits.train_labels, steps)
    return DataLoader(dataset, batch_size=BATCH_SIZE, sampler=order)


def one_tensor_loader(digits: Digits, order: list[int]) -> TensorLoader:
    images = normalize(digits.train_images, digits.mean, digits.std)[order]
    return TensorLoader(images, digits.train_labels[order], BATCH_SIZE)


def timed(work) -> tuple[float, object]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def train_from(loader, test_loader, epochs: int, seed: int) -> tuple[float, float]:
    """Train SimpleNN from the seed's weights; return seconds of training and test accuracy."""
    seed_everything(seed)
    model = lesson.SimpleNN()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def work() -> None:
        for _ in range(epochs):
            lesson.train_epoch(model, loader, nn.CrossEntropyLoss(), optimizer)

    seconds, _ = timed(work)
    return seconds, evaluate_model(model, test_loader)[1]


def main(settings) -> dict:
    torch.set_num_threads(settings.threads)
    prepare(settings)
    digits = read_digits(settings.quick)
    settings.quick = digits.is_stand_in
    order = torch.randperm(len(digits.train_labels)).tolist()
    test_loader = TensorLoader(normalize(digits.test_images, digits.mean, digits.std), digits.test_labels, 1000)

    making, fast = timed(lambda: one_tensor_loader(digits, order))
    slow = per_picture_loader(digits, order)
    fast_seconds, fast_accuracy = train_from(fast, test_loader, settings.epochs, settings.seed)
    slow_seconds, slow_accuracy = train_from(slow, test_loader, settings.epochs, settings.seed)
    slow_loading, _ = timed(lambda: sum(len(labels) for _, labels in slow))
    fast_loading, _ = timed(lambda: sum(len(labels) for _, labels in fast))

    print(f"\n{settings.epochs} epoch(s) of {digits.name}, {torch.get_num_threads()} threads")
    print("               loading only   training   test accuracy")
    print(f"per picture    {slow_loading:>10.2f} s   {slow_seconds:>6.2f} s   {slow_accuracy:>13.4f}")
    print(f"one tensor     {fast_loading:>10.2f} s   {fast_seconds:>6.2f} s   {fast_accuracy:>13.4f}")
    print(f"making the one tensor takes {making:.2f} s, once")
    ratio = slow_seconds / fast_seconds
    with_making = slow_seconds / (fast_seconds + making)
    print(f"RATIO training {ratio:.1f} (with the making of the tensor: {with_making:.1f})")
    print(f"RATIO loading alone {slow_loading / fast_loading:.1f}\n")
    return {
        "training_ratio": ratio,
        "training_ratio_with_making": with_making,
        "loading_ratio": slow_loading / fast_loading,
        "accuracy_difference_in_points": 100 * (fast_accuracy - slow_accuracy),
    }


# The ratios are facts about your machine and not checked; the accuracies have to be equal but for the last rounding.
EXPECTED = {"accuracy_difference_in_points": Expected(quick=(-1.0, 1.0), full=(-0.1, 0.1))}

if __name__ == "__main__":
    run_script(main, str(HERE.parent / "benchmark_loading.py"), EXPECTED, parser=PARSER)
