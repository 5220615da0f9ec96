"""Checks the letter, the normalisation of ordinary and empty pictures, and that no batch is left out."""

import math

import torch

from coursekit.course import Wrong


def check(answer) -> None:
    pictures, labels = torch.rand(60, 8, 8), torch.randint(2, (60,))
    pictures[7] = 0.0
    pictures[33] = 0.75
    check_pictures(answer, pictures)
    losses = answer.train(pictures, labels)
    if len(losses) != 3:
        raise Wrong(f"Trained on 60 pictures in batches of 20: {len(losses)} losses, expected 3: {LEFT_OUT}.")
    if not all(math.isfinite(loss) for loss in losses):
        raise Wrong(f"Trained with two pictures of one colour. The losses are {losses}: some are still not numbers.")
    if not 0.3 < losses[0] < 1.5:
        raise Wrong(f"The first loss is {losses[0]:.3f}; two classes begin near ln 2 = 0.693.")
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The program is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "the loss was falling, and with a rate a hundred times smaller it turns nan at the same batch",
        "C": "cross_entropy works with scores and never forms that probability",
        "D": "zero_grad() is there, before backward()",
    }
    if letter != "B":
        raise Wrong(f"The program is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")


LEFT_OUT = "batches with a bad picture were left out, and their good pictures with them"


def check_pictures(answer, pictures: torch.Tensor) -> None:
    scaled = answer.normalise_each(pictures.clone())
    if scaled.shape != pictures.shape:
        raise Wrong(f"normalise_each of {list(pictures.shape)} has shape {list(scaled.shape)}: {LEFT_OUT}.")
    if not scaled.isfinite().all():
        raise Wrong("normalise_each of a picture of one colour is not finite: the division by 0 is still there.")
    ordinary = torch.tensor([place not in (7, 33) for place in range(60)])
    expected = (pictures - pictures.mean(dim=(1, 2), keepdim=True)) / pictures.std(dim=(1, 2), keepdim=True)
    if not torch.allclose(scaled[ordinary], expected[ordinary], atol=0.01):
        std = scaled[0].std()
        raise Wrong(f"An ordinary picture now has deviation {std:.3f}, expected 1: the repair changed good pictures.")
    if scaled[7].abs().max() > 1 or scaled[33].abs().max() > 1:
        raise Wrong("A picture of one colour must become small numbers, best all zeros: there is nothing to see on it.")
