"""Misconception: the optimizer still moves the weights of another network"""

import copy

import torch
from torch import nn

DIAGNOSIS = "B"


class Run:
    """A network, its optimizer, and how far it has come."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.02)
        self.step = 0


def one_step(run: Run) -> float:
    """Learn from the clips of this step; return the loss. This function is right."""
    random = torch.Generator().manual_seed(run.step)
    clips = torch.randn(16, 4, generator=random)
    loss = (run.model(clips).squeeze(1) - clips.sum(dim=1).sin()).square().mean()
    run.optimizer.zero_grad()
    loss.backward()
    run.optimizer.step()
    run.step += 1
    return loss.item()


def save(run: Run) -> dict:
    """Everything that matters, as a copy. This function is right."""
    return copy.deepcopy({"model": run.model.state_dict(), "optimizer": run.optimizer.state_dict(), "step": run.step})


def resume(state: dict) -> Run:
    """Return a run that goes on where the state was saved."""
    run = Run(seed=1)
    run.model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    run.model.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    for group in run.optimizer.param_groups:
        group["lr"] = 0.1
    run.step = state["step"]
    return run


if __name__ == "__main__":
    whole = Run(seed=0)
    losses = [one_step(whole) for _ in range(20)]
    print(f"step 20: loss {losses[-1]:.3f}")
    resumed = resume(save(whole))
    print("steps 21 to 60: loss of every tenth, never stopped / resumed")
    for _ in range(4):
        pairs = [(one_step(whole), one_step(resumed)) for _ in range(10)]
        print(f"   {pairs[-1][0]:.3f} / {pairs[-1][1]:.3f}")
