"""Checks the repaired loss on numbers whose loss is known, and the letter."""

import torch

from coursekit.course import Wrong


def check(answer) -> None:
    generator = torch.Generator().manual_seed(4)
    for size in (1, 5):
        made, x = torch.rand(2, size, 64, generator=generator) * 2 - 1
        mean, log_variance = torch.randn(2, size, 8, generator=generator)
        error = ((made - x).square() / (2 * 0.25**2)).sum(dim=1)
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
        seen = answer.loss_of(made, x, mean, log_variance)
        if seen.shape != ():
            raise Wrong(f"loss_of must return one number, not an array of shape {tuple(seen.shape)}.")
        told = f"The loss of {size} pictures is {seen:.2f} nats, expected {(error + kl).mean():.2f}."
        if torch.isclose(seen, (error + kl).mean(), rtol=1e-4):
            continue
        if torch.isclose(seen, (error / 64 + kl / 8).mean(), rtol=1e-4):
            raise Wrong(f"{told} Now both are means; a pixel and a number of the code still weigh differently.")
        if torch.isclose(seen, (error / 64).mean(), rtol=1e-4) or torch.isclose(seen, error.mean(), rtol=1e-4):
            raise Wrong(f"{told} The KL is gone: that is an autoencoder with noise, and nothing can be drawn from it.")
        if torch.isclose(seen, (error / 64 - kl).mean(), rtol=1e-4):
            raise Wrong(f"{told} With a minus the codes are rewarded for leaving the place that is drawn from.")
        raise Wrong(told)
    letter = str(answer.DIAGNOSIS).strip().upper()
    if letter == "?":
        raise Wrong("The loss is right. Put the letter of the cause into DIAGNOSIS.")
    reasons = {
        "A": "the noise follows from the code's own spread, which is learnt",
        "B": "the KL was added, and is never below 0, as it should be",
        "D": "the digits are copied well by the same decoder once the loss is right",
    }
    if letter != "C":
        raise Wrong(f"The loss is right; DIAGNOSIS is {letter!r}: {reasons.get(letter, 'there is no such cause')}.")
