"""Coqui's Trainer without its own bookkeeping: what `coqui_trainer` replaces, and nothing else."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch.utils.data import DataLoader

from coursekit.seeding import seed_everything
from voice_pipeline.engines.checkpoints import restore_random_state
from voice_pipeline.engines.coqui import setup_coqui

setup_coqui()
from trainer import Trainer, TrainerArgs  # noqa: E402  (after setup_coqui, which keeps it from printing)
from trainer.generic_utils import KeepAverage  # noqa: E402
from trainer.logging import ConsoleLogger, DummyLogger  # noqa: E402

ENDLESS = 10**9


class SilentConsole(ConsoleLogger):
    """Says nothing."""

    @staticmethod
    def log_with_flush(msg: str) -> None:
        """Nothing."""


class ResumableLoader:
    """A data loader that can start in the middle of an epoch, with the random generators as they were there."""

    def __init__(self, loader: DataLoader[Any], device: str) -> None:
        self.loader = loader
        self.device = device
        self.skip = 0
        self.state: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.loader)
        for _ in range(self.skip):
            next(batches, None)
        if self.state is not None:
            restore_random_state(self.state, self.device)
        self.skip, self.state = 0, None
        yield from batches


class QuietTrainer(Trainer):
    """The Trainer on one given device and in one given folder; it saves, prints, plots and deletes nothing itself.

    Args:
        model: any Coqui model.
        config: its Coqui config; not changed.
        train_samples: given to `model.get_data_loader`.
        eval_samples: held-out samples.
        run_dir: the run folder.
        device: where to compute.
        seed: random seed.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        config: Any,
        train_samples: list[Any],
        eval_samples: list[Any],
        run_dir: Path,
        device: torch.device,
        seed: int,
    ) -> None:
        self.device = device
        seed_everything(seed)
        super().__init__(
            TrainerArgs(continue_path=str(run_dir)),
            _without_bookkeeping(config, run_dir, seed),
            model=cast(Any, model),
            train_samples=train_samples,
            eval_samples=eval_samples,
            c_logger=SilentConsole(),
            dashboard_logger=DummyLogger(),
            parse_command_line_args=False,
        )

    @torch.inference_mode()
    def measure_losses(self) -> dict[str, float]:
        """Mean losses on the held-out samples, by name; leaves the model in evaluation mode."""
        if self.eval_loader is None:
            self.eval_loader = self.get_eval_dataloader(self.eval_samples)
        self.keep_avg_eval = KeepAverage()
        self.model.eval()
        for number, batch in enumerate(self.eval_loader):
            self.eval_step(self.format_batch(batch), number)
        means = self.keep_avg_eval.avg_values.items()
        return {name.removeprefix("avg_"): float(value) for name, value in means if not name.endswith("_time")}

    @staticmethod
    def init_training(args: Any, coqpit_overrides: list[str], config: Any = None) -> tuple[Any, dict[str, str]]:
        """Use the folder given by `continue_path` as it is; resuming is ours."""
        return config, {}

    def setup_training_environment(  # type: ignore[override]  # a static method there
        self, args: Any, config: Any, gpu: int | None
    ) -> tuple[bool, int]:
        """One device, the one that was asked for, whatever else the machine has."""
        use_cuda = self.device.type == "cuda"
        if use_cuda:
            torch.cuda.set_device(self.device)
        return use_cuda, int(use_cuda)

    def format_batch(self, batch: Any) -> dict[str, Any]:
        """Move the batch to our device (the Trainer's own goes to CUDA wherever there is one)."""
        batch = self.model.format_batch(batch)
        moved = {
            name: value.contiguous().to(self.device) if torch.is_tensor(value) else value
            for name, value in batch.items()
        }
        return self.model.format_batch_on_device(moved)

    def _get_loader(self, *args: Any, **kwargs: Any) -> DataLoader[Any]:
        with contextlib.redirect_stderr(io.StringIO()):  # Coqui's data sets draw a progress bar each time
            return super()._get_loader(*args, **kwargs)

    def _setup_logger_config(self, log_file: str) -> None:
        pass

    def _restore_best_loss(self) -> None:
        pass

    def save_training_script(self) -> None:
        """Nothing."""

    def save_best_model(self) -> None:
        """Nothing; see `coqui_trainer`."""

    def save_checkpoint(self) -> None:
        """Nothing; see `coqui_trainer`."""

    def update_training_dashboard_logger(self, batch: Any = None, outputs: Any = None) -> None:
        """Nothing; see `run_log`."""


def _without_bookkeeping(config: Any, run_dir: Path, seed: int) -> Any:
    """A copy of a Coqui config in which the Trainer neither saves, evaluates, prints nor plots by itself."""
    own = copy.deepcopy(config)
    own.output_path = str(run_dir)
    own.epochs = own.test_delay_epochs = own.print_step = own.plot_step = own.save_step = ENDLESS
    own.run_eval = own.save_checkpoints = own.model_param_stats = own.print_eval = False
    own.training_seed = seed
    return own
