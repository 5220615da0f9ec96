"""Misconception: the model was judged with half of its neurons switched off"""

import torch
from torch import Tensor, nn

DIAGNOSIS = "B"


class Watched(nn.Dropout):
    """Dropout that notes which share of its inputs it has switched off."""

    share = 0.0

    def forward(self, values: Tensor) -> Tensor:
        kept = super().forward(values)
        self.share = ((kept == 0) & (values != 0)).sum().item() / max((values != 0).sum().item(), 1)
        return kept


def make_model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(20, 64), nn.ReLU(), Watched(0.5), nn.Linear(64, 2))


def evaluate(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Return the accuracy, with the whole network at work."""
    with torch.no_grad():
        return (model(inputs).argmax(dim=1) == labels).float().mean().item()


def train(model: nn.Module, inputs: Tensor, labels: Tensor, epochs: int = 5) -> list[float]:
    """Train on batches of 10 and evaluate after each epoch; return the accuracies."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    accuracies = []
    for epoch in range(1, epochs + 1):
        model.train()  # again, as evaluate() has left it in evaluation mode
        for batch, targets in zip(inputs.split(10), labels.split(10), strict=True):
            loss = nn.functional.cross_entropy(model(batch), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        share = next((layer.share for layer in model if isinstance(layer, Watched)), 0.0)
        accuracies.append(evaluate(model, inputs, labels))
        print(f"epoch {epoch}: {share:4.0%} switched off, loss {loss.item():.4f}, accuracy {accuracies[-1]:.2f}")
    return accuracies


if __name__ == "__main__":
    torch.manual_seed(0)
    train(make_model(), torch.randn(50, 20), torch.randint(2, (50,)))
