"""Misconception: cross_entropy works with scores"""

import torch
from torch import Tensor, nn

DIAGNOSIS = "C"


def make_pictures() -> tuple[Tensor, Tensor]:
    """200 pictures [200, 8, 8] of dots on the left (class 0) or on the right (class 1). The scanner missed one page."""
    torch.manual_seed(0)
    labels = torch.randint(2, (200,))
    pictures = torch.rand(200, 8, 8)
    pictures[labels == 0, :, 4:] *= 0.2
    pictures[labels == 1, :, :4] *= 0.2
    pictures[150] = 0.0
    return pictures, labels


def normalise_each(pictures: Tensor) -> Tensor:
    """Give each picture mean 0 and standard deviation 1, as one evens out the loudness of recordings."""
    mean = pictures.mean(dim=(1, 2), keepdim=True)
    std = pictures.std(dim=(1, 2), keepdim=True)
    return (pictures - mean) / std.clamp(min=1e-5)  # a picture without contrast becomes all zeros


def train(pictures: Tensor, labels: Tensor) -> list[float]:
    """Train on batches of 20; return the loss of every batch."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for batch, targets in zip(normalise_each(pictures).split(20), labels.split(20), strict=True):
        loss = nn.functional.cross_entropy(model(batch), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    for number, value in enumerate(train(*make_pictures()), 1):
        print(f"batch {number:2}: loss {value:.4f}")
