"""Records in which mode the model was at every pass, by a layer of its own."""

import torch
from torch import nn

from coursekit.course import Wrong

EPOCHS, BATCHES = 4, 3


class Recorder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.passes: list[tuple[bool, bool]] = []

    def forward(self, values):
        self.passes.append((self.training, torch.is_grad_enabled()))
        return values


def check(answer) -> None:
    torch.manual_seed(4)
    inputs, labels = torch.randn(10 * BATCHES, 20), torch.randint(2, (10 * BATCHES,))
    recorder = Recorder()
    model = nn.Sequential(nn.Linear(20, 8), recorder, nn.Dropout(0.5), nn.Linear(8, 2))
    accuracies = answer.train(model, inputs, labels, EPOCHS)
    if len(accuracies) != EPOCHS:
        raise Wrong(f"Trained for {EPOCHS} epochs; {len(accuracies)} accuracies came back.")
    steps = [training for training, gradients in recorder.passes if gradients]
    looks = [training for training, gradients in recorder.passes if not gradients]
    if len(steps) != EPOCHS * BATCHES or not looks:
        raise Wrong(f"{EPOCHS} epochs of {BATCHES} batches took {len(steps)} steps and {len(looks)} evaluations.")
    if any(looks):
        raise Wrong("Evaluated with dropout at work: the model was judged with half of its neurons switched off.")
    off = steps.count(False)
    if off:
        first = steps.index(False) // BATCHES + 1
        raise Wrong(
            f"{off} of {len(steps)} training steps, from epoch {first} on, ran in evaluation mode: "
            "after an evaluation nobody switches back."
        )
    dropout = [layer for layer in answer.make_model() if isinstance(layer, nn.Dropout)]
    if len(dropout) != 1 or dropout[0].p != 0.5:
        raise Wrong("make_model() has no dropout of 0.5 any more; the network was all right as it was.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The program is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "the optimizer knows parameters and gradients, and nothing of layers",
        "C": "that is its usual place, and in the first epoch it worked there",
        "D": "a with block ends where its indentation ends; gradients were computed all the time",
    }
    if letter != "B":
        raise Wrong(f"The program is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
