"""A tiny training with Coqui's Trainer, started by Coqui's own launcher; `10_several_processes.py` runs and reads it.

    python -m trainer.distribute --script coqui_worker.py --gpus 0,1 --folder=FOLDER

The launcher starts one process for each number of --gpus and tells it its rank. Each process trains the same straight
line on its own half of the data, in three ways, and writes its weights to FOLDER/WAY_RANK.pt:
    launcher   what happens on a machine without GPUs: Coqui counts none, so nobody talks to anybody
    wrapped    as on two GPUs, Coqui wraps the model for several processes (here with gloo, on the CPU)
    averaged   the same, and the gradients are averaged before the update
"""

from __future__ import annotations

import argparse
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import trainer.trainer as coqui
from trainer import Trainer, TrainerConfig, TrainerModel

from voice_pipeline.engines.coqui_quiet import QuietTrainer
from voice_pipeline.errors import PipelineError

WAYS = ("launcher", "wrapped", "averaged")
PARTS = 2  # processes
BATCH = 4  # of one process
EPOCHS = 3
SAMPLES = [torch.tensor([0.1 * number, 1.0, (-1.0) ** number]) for number in range(16)]


class Line(TrainerModel):
    """Fits y = 3 x1 + x2 - x3.

    Args:
        average: Whether gradients are averaged over the processes before each update.
    """

    def __init__(self, average: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.average = average
        self.line = torch.nn.Linear(3, 1)

    def forward(self, x: torch.Tensor, aux_input: Any = None) -> dict[str, torch.Tensor]:
        return {"model_outputs": self.line(x)}

    def before_gradient_clipping(self) -> None:
        """Coqui's Trainer calls this between backward and the update."""
        if self.average:
            for parameter in self.parameters():
                dist.all_reduce(parameter.grad)  # the sum over all processes ...
                parameter.grad /= dist.get_world_size()  # ... to their mean

    def get_data_loader(self, config: Any, *, is_eval: bool = False, samples: Any = None, verbose: bool = True) -> Any:
        return torch.utils.data.DataLoader(samples, batch_size=config.batch_size, shuffle=False)

    def format_batch(self, batch: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"x": batch}

    def train_step(self, batch: dict, criterion: Any, optimizer_idx: int | None = None) -> tuple[dict, dict]:
        outputs = self(batch["x"])
        target = batch["x"] @ torch.tensor([[3.0], [1.0], [-1.0]])
        return outputs, {"loss": criterion(outputs["model_outputs"], target)}

    def get_criterion(self) -> torch.nn.Module:
        return torch.nn.MSELoss()

    def get_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)

    def get_scheduler(self, optimizer: Any) -> Any:
        return [torch.optim.lr_scheduler.ConstantLR(one, factor=1.0) for one in optimizer]


class AsItIs(QuietTrainer):
    """The Trainer with its own way of finding out what the machine has."""

    def setup_training_environment(self, args: Any, config: Any, gpu: int | None) -> tuple[bool, int]:  # type: ignore[override]
        args.use_ddp = True  # what the launcher says by --use_ddp=true
        return Trainer.setup_training_environment(args, config, gpu)


class SeveralProcesses(QuietTrainer):
    """The Trainer as it is with several GPUs; only that it counts processes instead."""

    def setup_training_environment(self, args: Any, config: Any, gpu: int | None) -> tuple[bool, int]:  # type: ignore[override]
        return False, PARTS


def train(kind: type[QuietTrainer], samples: list[torch.Tensor], batch_size: int, folder: Path, average: bool) -> dict:
    """Train the line for EPOCHS; return its weights and what the Trainer thought it was doing."""
    folder.mkdir(parents=True, exist_ok=True)
    config = TrainerConfig(batch_size=batch_size)
    run = kind(Line(average), config, samples, [], folder, torch.device("cpu"), 0)
    run.config.epochs = EPOCHS
    run._fit()  # not fit(): that one ends the process where something fails
    return {"weights": run.model.line.weight.detach().clone(), "wrapped": run.use_pt_ddp}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rank", type=int, required=True, help="given by the launcher")
    parser.add_argument("--folder", type=Path, required=True)
    args, _ = parser.parse_known_args(argv)
    torch.set_num_threads(1)
    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the launcher says "0,1"; this lesson is about a machine without GPUs
    mine = SAMPLES[args.rank :: PARTS]
    results = {"launcher": train(AsItIs, mine, BATCH, args.folder / f"run_{args.rank}", average=False)}
    # Where Coqui would call NCCL, which needs GPUs, let it find gloo; a file is the meeting place of the processes
    address = (args.folder / "meeting_place").resolve().as_uri()
    limit = timedelta(seconds=120)  # for whoever waits for the other
    dist.init_process_group("gloo", init_method=address, rank=args.rank, world_size=PARTS, timeout=limit)
    coqui.init_distributed = lambda *_: None
    coqui.DDP_th = lambda model, **_: torch.nn.parallel.DistributedDataParallel(model)
    for way in WAYS[1:]:
        average = way == "averaged"
        results[way] = train(SeveralProcesses, mine, BATCH, args.folder / f"run_{args.rank}", average=average)
    dist.destroy_process_group()
    for way, result in results.items():
        torch.save(result, args.folder / f"{way}_{args.rank}.pt")


if __name__ == "__main__":
    try:
        main()
    except PipelineError as error:
        raise SystemExit(f"ERROR: {error}") from error
