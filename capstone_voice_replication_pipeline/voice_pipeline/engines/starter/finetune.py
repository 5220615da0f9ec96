"""The starter model while it learns one voice: what trains, what stays, and what it is measured by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader

from voice_pipeline.engines.starter.base_voice import PHONES
from voice_pipeline.engines.starter.data import Batch, Frames
from voice_pipeline.engines.starter.frontend import encode
from voice_pipeline.engines.starter.model import StarterTTS
from voice_pipeline.engines.starter.phones import PhoneClassifier
from voice_pipeline.engines.starter.voice import shared_vocoder
from voice_pipeline.engines.starter.voice_loss import SHORTEST, VoiceLoss
from voice_pipeline.settings import AUDIO


@dataclass(frozen=True)
class Wanted:
    """What a listener expects to hear.

    Attributes:
        target: speaker embedding, unit vector `[256]`.
        pitch: mean normalised log F0 of the speaker's voiced frames; None where none is voiced (a whisperer).
        length_scale: of the durations, see `Calibration`.
    """

    target: Tensor
    pitch: float | None
    length_scale: float = 1.0


class Listener:
    """Lets a model speak sentences that nobody recorded, and says how far they are from the speaker and from the words.

    The clips teach what the speaker's sounds look like; this teaches that whole sentences, with the model's own pitch
    and durations and through the vocoder, come out in the speaker's voice, at the speaker's pitch, and can still be
    understood. No recording is needed for it.

    Args:
        sentences: normalised texts, of which random ones are spoken.
        device: where the model learns.
    """

    count = 2  # sentences a step
    voice_weight = 5.0
    pitch_weight = 1.0
    words_weight = 0.5
    grain = 0.3  # deviation of noise on the frames that are read: a hidden pattern that only looks like a sound drowns

    def __init__(self, sentences: Sequence[str], device: str) -> None:
        self.texts = [torch.tensor(encode(sentence), device=device) for sentence in sentences]
        self.vocoder = shared_vocoder(device).requires_grad_(False)
        self.encoder = VoiceLoss(device)
        self.phones = PhoneClassifier.read(PHONES).to(device)

    def losses(self, model: StarterTTS, speakers: Sequence[tuple[Tensor, Wanted]]) -> dict[str, Tensor]:
        """Weighted terms, each a mean over sentences: voice (one minus the cosine), its pitch (distance of the mean, in
        deviations of log F0), words (cross-entropy of the frames, nats).

        Args:
            model: what speaks.
            speakers: for each sentence the embedding `[256]` that the model is told, and what is expected of it.
        """
        found: dict[str, list[Tensor]] = {"voice": [], "voice_pitch": [], "words": []}
        for voice, wanted in speakers:
            ids = self.texts[int(torch.randint(len(self.texts), (1,)))]
            said = model.predict(ids, voice, length_scale=wanted.length_scale)
            mel = model.restore_mel(said.frames[:, : AUDIO.n_mels])  # [T, 80]
            f0, voicing = model.pitch_of(said.frames.detach())  # a loss far behind the vocoder can't steer pitch
            noise = torch.randn(1, (len(f0) - 1) * AUDIO.hop_length).to(f0.device)
            sound = self.vocoder(mel.T[None], f0[None], voicing[None], noise, torch.rand(1).to(f0.device))
            padded = nn.functional.pad(sound, (0, max(0, SHORTEST - sound.shape[1])))
            found["voice"].append(self.voice_weight * self.encoder(padded, wanted.target))
            voiced = said.frames[voicing > 0, AUDIO.n_mels]
            if wanted.pitch is not None and len(voiced):
                found["voice_pitch"].append(self.pitch_weight * (voiced.mean() - wanted.pitch).abs())
            read = (mel + self.grain * torch.randn_like(mel))[None]
            error = self.phones.loss(read, torch.ones_like(read[..., 0]), ids[None], said.durations[None])
            found["words"].append(self.words_weight * error)
        return {name: torch.stack(terms).sum() / len(speakers) for name, terms in found.items() if terms}


class FineTuneTTS(StarterTTS):
    """`StarterTTS` learning one speaker's clips.

    Batch normalisation keeps the base model's statistics: fifteen clips are too few to measure new ones. A clip whose
    embedding is all zeros belongs to the voice being learned; other clips bring their own embedding (see `replay`).

    Attributes:
        voice: the speaker embedding, float32 `[256]`; starts as the mean of the clips' embeddings and is trained.
    """

    learning_rate: float = 1e-4
    total_steps: int = 300
    listener: Listener | None = None
    wanted: Wanted | None = None

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
        """Coqui's losses and the listener's; an all-zero embedding stands for `voice`."""
        given = batch["d_vectors"]
        own = given.square().sum(1, keepdim=True) == 0  # [B, 1]
        batch = {**batch, "d_vectors": torch.where(own, self.voice, given)}
        outputs, losses = super().train_step(batch, criterion)
        if self.listener is not None and self.wanted is not None and self.training:
            heard = self.listener.losses(self, [(self.voice, self.wanted)] * self.listener.count)
            losses |= {f"loss_{name}": term for name, term in heard.items()}
            losses["loss"] = losses["loss"] + sum(heard.values())
        return outputs, losses

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
