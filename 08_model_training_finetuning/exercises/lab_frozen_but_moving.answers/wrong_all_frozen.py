"""Misconception: now nothing is trained at all"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DIAGNOSIS = "B"


def make_body() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 16), nn.BatchNorm1d(16))


def old_task() -> tuple[Tensor, Tensor]:
    """Clips [400, 8] of two classes."""
    torch.manual_seed(0)
    clips = torch.randn(400, 8)
    return clips, (clips[:, :4].sum(dim=1) > clips[:, 4:].sum(dim=1)).long()


def new_task() -> tuple[Tensor, Tensor]:
    """Clips [200, 8] from another microphone: three times as loud, with an offset; three classes."""
    torch.manual_seed(1)
    clips = 3 * torch.randn(200, 8) + 2
    return clips, clips[:, :3].argmax(dim=1)


def train_body(body: nn.Module, head: nn.Module) -> None:
    """Learn the old task. This function is right."""
    clips, labels = old_task()
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=0.01)
    body.train()
    for _ in range(60):
        loss = F.cross_entropy(head(body(clips)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def train_head(body: nn.Module, head: nn.Module, clips: Tensor, labels: Tensor) -> list[float]:
    """Train the head on a frozen body; return the losses of forty steps."""
    body.requires_grad_(False)
    optimizer = torch.optim.AdamW(head.parameters(), lr=0.0, weight_decay=0.1)
    losses = []
    for _ in range(40):
        body.eval(), head.train()  # frozen means: its running means stand still, too
        loss = F.cross_entropy(head(body(clips)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def accuracy(body: nn.Module, head: nn.Module, clips: Tensor, labels: Tensor) -> float:
    body.eval(), head.eval()
    return (head(body(clips)).argmax(dim=1) == labels).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(2)
    body, old_head, new_head = make_body(), nn.Linear(16, 2), nn.Linear(16, 3)
    train_body(body, old_head)
    print(f"the old task: {accuracy(body, old_head, *old_task()):.1%} right")
    losses = train_head(body, new_head, *new_task())
    print(f"the new head: loss {losses[0]:.2f} to {losses[-1]:.2f}")
    print(f"the old task with the old head: {accuracy(body, old_head, *old_task()):.1%} right")
