"""Lab: gone on, and stuck

This training saves checkpoints and can be resumed; yesterday it was. Since then its loss has not come down by a hair.
No program complains, and weights, optimizer and step are all in the checkpoint. Run your copy
(`python my_answers/lab_stuck_after_resume.py`, in the folder of this module). Find the cause, put its letter into
DIAGNOSIS, and repair `resume`, so that a resumed run has the very losses that it would have had without the stop.

    A  The learning rate is not in the checkpoint, and the optimizer begins with the rate 0.
    B  The optimizer holds the weights of a network that nobody uses any more.
    C  The order of the clips is lost, so the same batch comes again and again.
    D  load_state_dict copies the weights only after the first step.

After: 03_checkpoint_and_resume.py
Concepts: checkpoints, reproducibility
Kind: lab
Time: 20 min
"""

import copy

import torch
from torch import nn

DIAGNOSIS = "?"


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
