"""A toy for Coqui's Trainer: a tiny model whose loss shows a wrong random state, and ways to break it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from voice_pipeline.engines.coqui import setup_coqui
from voice_pipeline.engines.coqui_trainer import run_training
from voice_pipeline.engines.curves import read_curves

setup_coqui()
from trainer import TrainerConfig, TrainerModel  # noqa: E402  (after setup_coqui, which keeps it from printing)


@dataclass
class ToyConfig(TrainerConfig):
    batch_size: int = 2
    eval_batch_size: int = 2
    two_optimizers: bool = False


class ToyModel(TrainerModel):
    """Fits y = 3x with dropout and noise, so that a wrong random state shows in the loss.

    Args:
        config: its settings.
        spoil: given the number of the training step and its loss, returns the loss the Trainer sees.
    """

    def __init__(self, config: ToyConfig, spoil: Callable[[int, torch.Tensor], torch.Tensor] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.config, self.spoil, self.calls = config, spoil, 0
        self.line = torch.nn.Linear(4, 1)
        self.other = torch.nn.Linear(1, 1)
        self.drop = torch.nn.Dropout(0.5)

    def forward(self, x, aux_input=None):
        return {"model_outputs": self.line(self.drop(x) + 0.1 * torch.randn_like(x))}

    def get_data_loader(self, config, *, is_eval=False, samples=None, verbose=True):
        return torch.utils.data.DataLoader(samples, batch_size=config.batch_size, shuffle=not is_eval)

    def format_batch(self, batch):
        return {"x": batch}

    def train_step(self, batch, criterion, optimizer_idx=None):
        self.calls += self.training
        outputs = self(batch["x"])
        loss = criterion(outputs["model_outputs"], 3 * batch["x"].sum(1, keepdim=True))
        if optimizer_idx == 0:
            loss = self.other(torch.randn(1, 1)).square().mean()
        return outputs, {"loss": self.spoil(self.calls, loss) if self.spoil and self.training else loss}

    def eval_step(self, batch, criterion, optimizer_idx=None):
        return self.train_step(batch, criterion, optimizer_idx)

    def get_criterion(self):
        return [torch.nn.MSELoss()] * (2 if self.config.two_optimizers else 1)

    def get_optimizer(self):
        parts = [self.other, self.line] if self.config.two_optimizers else [self.line]
        return [torch.optim.Adam(part.parameters(), lr=0.1) for part in parts]

    def get_scheduler(self, optimizer):
        return [torch.optim.lr_scheduler.ExponentialLR(one, 0.9) for one in optimizer]


SAMPLES = [torch.full((4,), float(number)) for number in range(5)]  # 3 steps an epoch


def train(run_dir, steps=7, *, two=False, model=None, evaluate=True, **changes):
    config = ToyConfig(two_optimizers=two)
    settings = {"max_steps": steps, "eval_every": 2, "save_every": 1, **changes}
    return run_training(
        model or ToyModel(config), config, SAMPLES, SAMPLES[:2] if evaluate else [], run_dir, **settings
    )


def without_time(run_dir):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in read_curves(run_dir)]


def at_step(bad: int, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[int, torch.Tensor], torch.Tensor]:
    """A `spoil` that changes the loss of one step."""
    return lambda step, loss: change(loss) if step == bad else loss


class _BadGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, loss):
        return loss.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * math.nan


bad_gradient = _BadGradient.apply  # the loss is a number, its gradient is not: shows one step later
