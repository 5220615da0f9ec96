"""Checks accumulate_step against one step on the whole batch, with several optimizers and ways to cut."""

import torch
from torch import nn

from coursekit.course import Wrong


def make(seed: int, momentum: float = 0.9) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().reshape(-1) for value in model.parameters()])


def whole_step(model, optimizer, inputs, targets) -> float:
    loss = ((model(inputs).squeeze(1) - targets) ** 2).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def by_parts(parts, model, optimizer) -> None:
    """The usual wrong way: the mean of the parts' means."""
    optimizer.zero_grad()
    for inputs, targets in parts:
        (((model(inputs).squeeze(1) - targets) ** 2).mean() / len(parts)).backward()
    optimizer.step()


def check(answer) -> None:
    torch.manual_seed(7)
    inputs, targets = torch.randn(10, 3), torch.randn(10) * torch.linspace(0.1, 3, 10)
    for name, lengths in (("5 and 5", (5, 5)), ("4, 4 and 2", (4, 4, 2)), ("1 and 9", (1, 9)), ("all 10", (10,))):
        parts = list(zip(inputs.split(list(lengths)), targets.split(list(lengths)), strict=True))
        (mine, mine_optimizer), (true, true_optimizer) = make(1), make(1)
        for step in (1, 2):  # the second step shows what was left over from the first
            seen = answer.accumulate_step(mine, mine_optimizer, parts)
            wanted = whole_step(true, true_optimizer, inputs, targets)
            apart = (weights(mine) - weights(true)).abs().max().item()
            told = f"Parts of {name}, step {step}: the weights are {apart:.1e} from those of one step on all clips"
            if apart > 1e-5:
                explain(told, step, parts, mine)
            if not isinstance(seen, float) or abs(seen - wanted) > 1e-4:
                raise Wrong(f"Parts of {name}: it returns {seen!r}; the mean over all clips was {wanted:.5f}.")


def explain(told: str, step: int, parts, mine) -> None:
    if step == 2:
        raise Wrong(f"{told}: gradients add up until somebody erases them; yours are still there from the step before.")
    model, optimizer = make(1)
    by_parts(parts, model, optimizer)
    if (weights(model) - weights(mine)).abs().max() < 1e-5:
        raise Wrong(f"{told}: the mean of the means is not the mean, unless all parts have the same length.")
    model, optimizer = make(1)
    for inputs, targets in parts:
        whole_step(model, optimizer, inputs, targets)
    if (weights(model) - weights(mine)).abs().max() < 1e-5:
        raise Wrong(f"{told}: an update after each part is several small steps, not one.")
    model, optimizer = make(1)
    whole_step(model, optimizer, *parts[-1])
    if (weights(model) - weights(mine)).abs().max() < 1e-5:
        raise Wrong(f"{told}: erasing between the parts leaves the last part alone.")
    model, optimizer = make(1)
    optimizer.zero_grad()
    for inputs, targets in parts:
        ((model(inputs).squeeze(1) - targets) ** 2).mean().backward()
    optimizer.step()
    if (weights(model) - weights(mine)).abs().max() < 1e-5:
        raise Wrong(
            f"{told}: adding up the means of the parts makes the step as many times too large as there are parts."
        )
    raise Wrong(f"{told}.")
