"""Checks that the old task survives exactly, that the new head still learns, and the letter."""

import copy

import torch
from torch import nn

from coursekit.course import Wrong


def check(answer) -> None:
    torch.manual_seed(5)
    body, old_head, new_head = answer.make_body(), nn.Linear(16, 2), nn.Linear(16, 3)
    answer.train_body(body, old_head)
    before = {name: value.clone() for name, value in body.state_dict().items()}
    frozen, old_clips = copy.deepcopy(body), answer.old_task()[0]
    with torch.no_grad():
        wanted = old_head(frozen.eval()(old_clips))
    head_before = new_head.weight.detach().clone()
    losses = answer.train_head(body, new_head, *answer.new_task())
    if len(losses) != 40:
        raise Wrong(f"train_head returns {len(losses)} losses; forty steps were asked for.")
    if torch.equal(new_head.weight, head_before):
        raise Wrong("The new head has not changed: now nothing is trained at all.")
    moved = [name for name, value in body.state_dict().items() if not torch.equal(value, before[name])]
    running = [name for name in moved if "running" in name or "num_batches" in name]
    if [name for name in moved if name not in running]:
        raise Wrong(f"The body's weights have changed ({moved[0]}): it is not frozen any more.")
    if running:
        raise Wrong(
            f"Still moving: {', '.join(running[:3])}. They are no parameters, so requires_grad does not stop them; "
            "they follow the data while the body is in training mode."
        )
    with torch.no_grad():
        seen = old_head(body.eval()(old_clips))
    if (seen - wanted).abs().max() > 1e-5:
        raise Wrong("The body is unchanged, yet the old task comes out otherwise: the layers themselves were changed.")
    if losses[-1] > 0.9 * losses[0]:
        raise Wrong(f"The new head learns nothing: loss {losses[0]:.2f} to {losses[-1]:.2f}.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The program is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "the optimizer holds the head's weights alone",
        "C": "requires_grad_ stands before the optimizer and the first step",
        "D": "three outputs on the same sixteen inputs: it fits",
    }
    if letter != "B":
        raise Wrong(f"The program is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
