"""The starter model while it learns one voice: what trains, what stays, and what it is measured by."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader

from voice_pipeline.engines.starter.data import Batch, Frames
from voice_pipeline.engines.starter.model import StarterTTS


class FineTuneTTS(StarterTTS):
    """`StarterTTS` learning one speaker's clips.

    Batch normalisation keeps the base model's statistics: fifteen clips are too few to measure new ones. A clip whose
    embedding is all zeros belongs to the voice being learned; other clips bring their own embedding (see `replay`).

    Attributes:
        voice: the speaker embedding, float32 `[256]`; starts as the mean of the clips' embeddings and is trained.
    """

    learning_rate: float = 1e-4
    total_steps: int = 300

    def start_from(self, base: StarterTTS, embedding: Tensor) -> FineTuneTTS:
        """Take the base model's weights and a speaker embedding `[256]`."""
        self.load_state_dict(base.state_dict())
        self.voice = nn.Parameter(embedding.clone())
        return self

    def train(self, mode: bool = True) -> FineTuneTTS:
        """Training mode for everything but batch normalisation."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.eval()
        return self

    # ------------------------------------------------------------------------------------------------------------------
    # what Coqui's Trainer asks for

    def get_data_loader(
        self,
        config: Any,
        assets: Any = None,
        is_eval: bool = False,
        samples: list[Frames] | None = None,
        verbose: bool = True,
        num_gpus: int = 0,
        rank: int | None = None,
    ) -> DataLoader[Any]:
        """Batches of clips; the samples are `Frames` already."""
        size = config.eval_batch_size if is_eval else config.batch_size
        clips: Any = samples or []  # a list is all the data set that is needed
        return DataLoader(clips, batch_size=size, shuffle=not is_eval, collate_fn=self._collate)

    def _collate(self, clips: list[Frames]) -> dict[str, Any]:
        with torch.no_grad():
            return self.coqui_batch(Batch.collate(clips))

    def format_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Already in Coqui's form."""
        return batch

    def train_step(
        self, batch: dict[str, Any], criterion: nn.Module, optimizer_idx: int | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Coqui's losses; an all-zero embedding stands for `voice`."""
        given = batch["d_vectors"]
        own = given.square().sum(1, keepdim=True) == 0  # [B, 1]
        batch = {**batch, "d_vectors": torch.where(own, self.voice, given)}
        return super().train_step(batch, criterion)

    @torch.no_grad()
    def eval_step(self, batch: dict[str, Any], criterion: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
        """The same losses, without learning."""
        return self.train_step(batch, criterion)

    def get_lr(self) -> float:
        """Peak learning rate."""
        return self.learning_rate

    def get_optimizer(self) -> torch.optim.Optimizer:
        """AdamW over everything that trains."""
        trained = [value for value in self.parameters() if value.requires_grad]
        return torch.optim.AdamW(trained, lr=self.learning_rate, weight_decay=0.0)

    def get_scheduler(self, optimizer: list[torch.optim.Optimizer]) -> list[LRScheduler]:
        """Twenty steps of warm-up, then a straight line to a tenth."""

        def factor(step: int) -> float:
            return min((step + 1) / 20, max(0.1, 1.0 - 0.9 * step / max(1, self.total_steps)))

        return [LambdaLR(one, factor) for one in optimizer]
