"""The starter voice's acoustic model: Coqui's `ForwardTTS` (FastPitch family) told who speaks by an embedding.

B batch, N symbols, T frames, C hidden channels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from TTS.tts.configs.fastspeech2_config import Fastspeech2Config
from TTS.tts.models.forward_tts import ForwardTTS, ForwardTTSArgs
from TTS.tts.utils.helpers import expand_encoder_outputs

from coursekit.files import write_json_atomic
from voice_pipeline.engines.checkpoints import apply_weights, load_weights, save_weights
from voice_pipeline.engines.starter.data import SHORTEST_INPUT, Batch
from voice_pipeline.engines.starter.frontend import SYMBOLS
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO
from voice_pipeline.speaker import EMBEDDING_SIZE

_ENERGY_FLOOR = 1e-4
FRAME_SIZE = AUDIO.n_mels + 2
"""Values of a frame: log mel, log F0 without holes, voicing (-1 or 1)."""
_SHORTEST_OUTPUT = 32  # frames; the widest decoder convolution spans 25


@dataclass(frozen=True)
class Spoken:
    """What the model makes of a text, on the CPU.

    Attributes:
        mel: natural-log mel, float32 `[T, 80]`.
        f0: Hz, without holes, float32 `[T]`.
        voicing: -1 unvoiced to 1 voiced, float32 `[T]`.
        durations: frames of each symbol, int64 `[N]`, sum T.
        log_f0: natural log of F0 of each symbol, float32 `[N]`.
        log_energy: natural log of the RMS of each symbol, float32 `[N]`.
    """

    mel: Tensor
    f0: Tensor
    voicing: Tensor
    durations: Tensor
    log_f0: Tensor
    log_energy: Tensor


class Predicted(NamedTuple):
    """What the network says of one text.

    Attributes:
        frames: normalised, `[T, 82]`.
        durations: frames of each symbol, int64 `[N]`.
        pitch: normalised log F0 of each symbol, `[N]`.
        energy: normalised log energy of each symbol, `[N]`.
    """

    frames: Tensor
    durations: Tensor
    pitch: Tensor
    energy: Tensor


@dataclass(frozen=True)
class StarterSettings:
    """Size of the model.

    Attributes:
        channels: hidden channels. Powers of two: 192 was four times slower than 128 on the CPU.
        encoder_blocks: residual convolution blocks over symbols.
        decoder_blocks: residual convolution blocks over frames; nearly all of the computing.
        predictor_channels: hidden channels of the duration, pitch and energy predictors.
    """

    channels: int = 128
    encoder_blocks: int = 6
    decoder_blocks: int = 9
    predictor_channels: int = 128


def coqui_config(settings: StarterSettings) -> Fastspeech2Config:
    """The Coqui configuration of a model of this size."""

    def blocks(count: int, dilations: list[int]) -> dict:
        cycle = (dilations * count)[: count - 1] + [1]
        return {"kernel_size": 4, "dilations": cycle, "num_conv_blocks": 2, "num_res_blocks": count}

    args = ForwardTTSArgs(
        num_chars=len(SYMBOLS),
        out_channels=FRAME_SIZE,
        hidden_channels=settings.channels,
        use_aligner=False,
        use_pitch=True,
        use_energy=True,
        positional_encoding=False,
        encoder_type="residual_conv_bn",
        encoder_params=blocks(settings.encoder_blocks, [1, 2, 4]),
        decoder_type="residual_conv_bn",
        decoder_params=blocks(settings.decoder_blocks, [1, 2, 4, 8]),
        detach_duration_predictor=True,
        duration_predictor_hidden_channels=settings.predictor_channels,
        pitch_predictor_hidden_channels=settings.predictor_channels,
        energy_predictor_hidden_channels=settings.predictor_channels,
        d_vector_dim=EMBEDDING_SIZE,
    )
    config = Fastspeech2Config(
        model_args=args,
        use_phonemes=True,
        phonemizer="gruut",
        phoneme_language="en-us",
        use_ssim_loss=False,
        spec_loss_type="l1",
        d_vector_dim=EMBEDDING_SIZE,
        grad_clip=1.0,
    )
    config.audio.sample_rate = AUDIO.sample_rate
    config.audio.fft_size = config.audio.win_length = AUDIO.n_fft
    config.audio.hop_length = AUDIO.hop_length
    config.audio.mel_fmax = AUDIO.mel_fmax
    return config


class StarterTTS(ForwardTTS):
    """`ForwardTTS` with a speaker bias in every decoder block, and with its own normalisation inside.

    Pitch is absolute (log F0 on one scale for all speakers), so the decoder never has to guess a speaker's pitch from
    the embedding, and a voice's pitch can be set without touching its timbre.
    """

    tokenizer = None  # the front end is `frontend.encode`; Coqui would build its own character tokenizer otherwise

    def __init__(self, settings: StarterSettings | None = None) -> None:
        self.settings = settings or StarterSettings()
        super().__init__(coqui_config(self.settings))
        blocks = self.settings.decoder_blocks
        self.speaker_bias = nn.Linear(EMBEDDING_SIZE, blocks * self.settings.channels)
        nn.init.zeros_(self.speaker_bias.weight)
        nn.init.zeros_(self.speaker_bias.bias)
        self.register_buffer("mel_mean", torch.zeros(AUDIO.n_mels))
        self.register_buffer("mel_std", torch.ones(AUDIO.n_mels))
        self.register_buffer("scales", torch.tensor([5.0, 0.35, -3.0, 1.0]))  # log F0 mean, std; log energy mean, std
        self._speaker = torch.zeros(1, EMBEDDING_SIZE, 1)  # of the batch at hand, [B, 256, 1]

    def init_multispeaker(self) -> None:
        """Speaker embeddings come with each batch, not from a file of speakers."""
        self.embedded_speaker_dim = EMBEDDING_SIZE
        self.proj_g = nn.Linear(EMBEDDING_SIZE, self.settings.channels)

    # ------------------------------------------------------------------------------------------------------------------
    # normalisation

    def fit_normalisation(self, mel: Tensor, voiced_f0: Tensor, level: Tensor) -> None:
        """Measure the corpus: mean and deviation of each mel bin, of voiced log F0 and of log energy.

        Args:
            mel: natural-log mel of all frames, `[frames, 80]`.
            voiced_f0: Hz, of all voiced frames.
            level: RMS of all frames.
        """
        log_f0, log_level = voiced_f0.log(), level.clamp_min(_ENERGY_FLOOR).log()
        self.mel_mean.copy_(mel.mean(0))
        self.mel_std.copy_(mel.std(0).clamp_min(1e-2))
        f0_std, level_std = log_f0.std().clamp_min(1e-2), log_level.std().clamp_min(1e-2)
        self.scales.copy_(torch.stack([log_f0.mean(), f0_std, log_level.mean(), level_std]))

    def normalise_mel(self, mel: Tensor) -> Tensor:
        """Natural-log mel `[..., 80]` to zero mean and unit deviation per bin."""
        return (mel - self.mel_mean) / self.mel_std

    def restore_mel(self, mel: Tensor) -> Tensor:
        """Inverse of `normalise_mel`."""
        return mel * self.mel_std + self.mel_mean

    def normalise_pitch(self, f0: Tensor) -> Tensor:
        """Hz to deviations of log F0; 0 where F0 is 0."""
        return torch.where(f0 > 0, (f0.clamp_min(1.0).log() - self.scales[0]) / self.scales[1], 0.0)

    def mean_pitch(self, f0: Tensor) -> float | None:
        """Mean normalised log F0 of the voiced frames of F0 in Hz; None where none is voiced."""
        voiced = f0[f0 > 0]
        return float(self.normalise_pitch(voiced).mean()) if len(voiced) else None

    def frames_of(self, batch: Batch) -> Tensor:
        """What the decoder learns to say, normalised, `[B, T, 82]`."""
        device = self.mel_mean.device
        mel = self.normalise_mel(batch.mel.to(device).float())
        pitch = self.normalise_pitch(batch.contour.to(device))
        voicing = torch.where(batch.f0.to(device)[:, 0] > 0, 1.0, -1.0)
        return torch.cat([mel, pitch.unsqueeze(-1), voicing.unsqueeze(-1)], dim=-1)

    def coqui_batch(self, batch: Batch) -> dict[str, Tensor | None]:
        """What Coqui's `train_step` reads."""
        device = self.mel_mean.device
        places = torch.arange(batch.mel.shape[1], device=batch.mel_lengths.device)[None]
        frame_mask = (places < batch.mel_lengths[:, None]).to(device)
        pitch = self.normalise_pitch(batch.f0.to(device))
        level = batch.energy.to(device).clamp_min(_ENERGY_FLOOR).log()
        energy = (level - self.scales[2]) / self.scales[3] * frame_mask.unsqueeze(1)
        return {
            "text_input": batch.ids.to(device),
            "text_lengths": batch.id_lengths.to(device),
            "mel_input": self.frames_of(batch) * frame_mask.unsqueeze(-1),
            "mel_lengths": batch.mel_lengths.to(device),
            "pitch": pitch,
            "energy": energy,
            "d_vectors": batch.embedding.to(device),
            "speaker_ids": None,
            "durations": batch.durations.to(device) if batch.durations is not None else None,
        }

    # ------------------------------------------------------------------------------------------------------------------
    # network

    def _forward_encoder(
        self, x: Tensor, x_mask: Tensor, g: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        assert g is not None  # this model always knows who speaks
        self._speaker = g
        return super()._forward_encoder(x, x_mask, g)

    def _forward_decoder(
        self, o_en: Tensor, dr: Tensor, x_mask: Tensor, y_lengths: Tensor, g: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        expanded, attention, y_mask = expand_encoder_outputs(o_en, dr, x_mask, y_lengths)  # [B, C, T]
        n_frames = expanded.shape[2]
        missing = max(0, _SHORTEST_OUTPUT - n_frames)  # a single short word; cut off again below
        expanded, y_mask = (torch.nn.functional.pad(part, (0, missing)) for part in (expanded, y_mask))
        decoder = self.decoder.decoder
        biases = self.speaker_bias(self._speaker.squeeze(-1)).unsqueeze(-1).chunk(self.settings.decoder_blocks, dim=1)
        o = expanded * y_mask
        for block, bias in zip(decoder.res_conv_block.res_blocks, biases, strict=True):
            o = (o + block(o + bias * y_mask)) * y_mask
        o = decoder.postnet(decoder.post_conv(o) + expanded) * y_mask
        return o.transpose(1, 2)[:, :n_frames], attention.transpose(1, 2)

    def predict(
        self,
        ids: Tensor,
        embedding: Tensor,
        *,
        length_scale: float = 1.0,
        durations: Tensor | None = None,
    ) -> Predicted:
        """Symbols to normalised frames, with a way back for gradients; see `speak` for the arguments."""
        n, device = len(ids), self.mel_mean.device
        x = torch.nn.functional.pad(ids.to(device), (0, max(0, SHORTEST_INPUT - n))).unsqueeze(0)
        x_mask = (torch.arange(x.shape[1], device=device) < n).float()[None, None]  # [1, 1, N]
        o_en, x_mask, _, _ = self._forward_encoder(x, x_mask, embedding.to(device).view(1, -1, 1))
        if durations is None:
            frames = (self.duration_predictor(o_en, x_mask).detach().exp() - 1).squeeze(1) * length_scale
            edges = frames.clamp_min(0).cumsum(1).round()  # rounding the sum, not each symbol, keeps the rate
            frames = torch.diff(edges, prepend=torch.zeros_like(edges[:, :1])).clamp_min(1.0) * x_mask[0]
        else:
            frames = torch.nn.functional.pad(durations.to(device), (0, x.shape[1] - n)).unsqueeze(0).float()
        pitch = self.pitch_predictor(o_en, x_mask)
        energy = self.energy_predictor(o_en, x_mask)
        o_en = o_en + self.pitch_emb(pitch) + self.energy_emb(energy)
        mean, _ = self._forward_decoder(o_en, frames, x_mask, frames.sum(1).long())  # [1, T, 82]
        return Predicted(mean[0], frames[0, :n].long(), pitch[0, 0, :n], energy[0, 0, :n])

    @torch.inference_mode()
    def speak(
        self,
        ids: Tensor,
        embedding: Tensor,
        *,
        length_scale: float = 1.0,
        durations: Tensor | None = None,
    ) -> Spoken:
        """Symbols to frames. Inputs may be on any device; what comes back is on the CPU.

        Args:
            ids: int64 `[N]`.
            embedding: float32 `[256]`.
            length_scale: 2.0 speaks at half the rate.
            durations: frames of each symbol `[N]`; predicted when None.
        """
        said = self.predict(ids, embedding, length_scale=length_scale, durations=durations)
        f0, voicing = self.pitch_of(said.frames)
        return Spoken(
            mel=self.restore_mel(said.frames[:, : AUDIO.n_mels]).cpu(),
            f0=f0.cpu(),
            voicing=voicing.cpu(),
            durations=said.durations.cpu(),
            log_f0=(said.pitch * self.scales[1] + self.scales[0]).cpu(),
            log_energy=(said.energy * self.scales[3] + self.scales[2]).cpu(),
        )

    def pitch_of(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """F0 in Hz, without holes, and voicing (-1..1) of normalised frames `[..., 82]`."""
        log_f0 = frames[..., AUDIO.n_mels] * self.scales[1] + self.scales[0]
        return log_f0.exp().clamp(AUDIO.f0_min, AUDIO.f0_max), frames[..., AUDIO.n_mels + 1].clamp(-1.0, 1.0)

    # ------------------------------------------------------------------------------------------------------------------
    # files

    def save(self, path: Path, *, half: bool = True) -> None:
        """Write safetensors (float16 unless told otherwise) and, beside it, .json with the size, atomically."""
        tensors = {}
        for name, value in self.state_dict().items():
            narrow = half and value.is_floating_point() and not name.startswith(("mel_", "scales"))
            tensors[name] = value.half() if narrow else value
        write_json_atomic(path.with_suffix(".json"), {"model": "StarterTTS", **vars(self.settings)})
        save_weights(path, tensors)

    @classmethod
    def read(cls, path: Path, device: str = "cpu") -> StarterTTS:
        """Load what `save` wrote, in evaluation mode.

        Raises:
            PipelineError: a file is missing or damaged.
        """
        try:
            size = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            settings = StarterSettings(**{name: value for name, value in size.items() if name != "model"})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise PipelineError(
                f"the model settings {path.with_suffix('.json')} cannot be read: {error}",
                hint="fine-tune the voice again: python 04_fine_tune.py --voice NAME",
            ) from error
        model = cls(settings)
        weights = {
            name: value.float() if value.is_floating_point() else value for name, value in load_weights(path).items()
        }
        apply_weights(model, weights, path)
        return model.to(device).eval()
