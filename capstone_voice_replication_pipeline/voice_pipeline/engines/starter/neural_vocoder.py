"""Frames to sound: a small HiFi-GAN generator that ends in an inverse Fourier transform (iSTFTNet).

HiFi-GAN upsamples 256 times, and spends most of its time on the last two steps, at and near the full sample rate.
iSTFTNet (Kaneko et al. 2022) stops at a sixty-fourth of the way, predicts magnitude and phase of very short spectra
there, and lets the inverse transform do the rest: two fifths of the time on 2 CPU cores.

It is still being trained (08_model_training_finetuning); the starter engine speaks through `vocoder.griffin_lim`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from TTS.vocoder.models.hifigan_generator import LRELU_SLOPE, HifiganGenerator

from coursekit.files import write_json_atomic
from voice_pipeline.engines.checkpoints import apply_weights, load_weights, save_weights
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO

_LOUDEST_BIN = math.log(100.0)  # a magnitude no 16-sample window of -1..1 reaches; keeps exp() from overflowing


@dataclass(frozen=True)
class VocoderSettings:
    """Size of the generator; the shape is HiFi-GAN's V2 up to its second upsampling.

    Attributes:
        channels: of the first layer; each upsampling halves them.
        upsample_factors: their product times `fft_hop` is the hop length.
        fft_size: samples of a short spectrum.
        fft_hop: samples from one short spectrum to the next.
    """

    channels: int = 128
    upsample_factors: tuple[int, ...] = (8, 8)
    fft_size: int = 16
    fft_hop: int = 4


class NeuralVocoder(HifiganGenerator):
    """Log-mel frames to a waveform. Frame `t` is centred at sample `t * hop_length`."""

    window: Tensor

    def __init__(self, settings: VocoderSettings | None = None) -> None:
        self.settings = settings or VocoderSettings()
        factors = list(self.settings.upsample_factors)
        super().__init__(
            in_channels=AUDIO.n_mels,
            out_channels=self.settings.fft_size + 2,
            resblock_type="1",
            resblock_dilation_sizes=[[1, 3, 5]] * 3,
            resblock_kernel_sizes=[3, 7, 11],
            upsample_kernel_sizes=[2 * factor for factor in factors],
            upsample_initial_channel=self.settings.channels,
            upsample_factors=factors,
        )
        if math.prod(factors) * self.settings.fft_hop != AUDIO.hop_length:
            raise ValueError(f"{factors} times {self.settings.fft_hop} is not the hop length {AUDIO.hop_length}")
        self.register_buffer("window", torch.hann_window(self.settings.fft_size), persistent=False)

    def forward(self, x: Tensor, g: None = None) -> Tensor:
        """Waveform around each frame.

        Args:
            x: natural-log mel, float32 `[B, 80, T]`.
            g: no condition; Coqui's signature.

        Returns:
            float32 `[B, 1, T * hop_length]`: from half a hop before the first frame's centre to half a hop after the
            last one's.
        """
        o = self.conv_pre(x)
        for i, upsample in enumerate(self.ups):
            o = upsample(F.leaky_relu(o, LRELU_SLOPE))
            blocks = self.resblocks[i * self.num_kernels : (i + 1) * self.num_kernels]
            o = torch.stack([block(o) for block in blocks]).mean(0)  # [B, C, T * factors]
        o = self.conv_post(F.pad(F.leaky_relu(o), (1, 0), mode="replicate"))  # [B, fft_size + 2, frames + 1]
        log_magnitude, phase = o.float().chunk(2, dim=1)
        magnitude = log_magnitude.clamp_max(_LOUDEST_BIN).exp()
        waveform = torch.istft(
            torch.polar(magnitude, torch.pi * torch.sin(phase)),
            self.settings.fft_size,
            self.settings.fft_hop,
            window=self.window,
            center=True,
        )
        return waveform.unsqueeze(1)

    @torch.inference_mode()
    def vocode(self, mel: np.ndarray) -> np.ndarray:
        """Waveform of a mel spectrogram.

        Args:
            mel: natural-log mel, float32 `[80, T]`, as `acoustics.log_mel` makes it.

        Returns:
            float32 `[(T - 1) * hop_length]`, -1..1.
        """
        half = AUDIO.hop_length // 2
        frames = torch.from_numpy(np.ascontiguousarray(mel, dtype=np.float32)).to(self.window.device)
        waveform = self(frames.unsqueeze(0))[0, 0, half:-half]
        return waveform.clamp(-1.0, 1.0).cpu().numpy()

    def save(self, path: Path, *, half: bool = True) -> None:
        """Write safetensors without weight norm (float16 unless told otherwise) and, beside it, .json with the size."""
        plain = self
        if hasattr(self.conv_pre, "parametrizations"):
            plain = NeuralVocoder(self.settings)  # a deep copy would share its weight norm with the original
            plain.load_state_dict(self.state_dict())
            plain.remove_weight_norm()
        write_json_atomic(path.with_suffix(".json"), {"model": "NeuralVocoder", **vars(self.settings)})
        save_weights(path, {k: v.half() if half else v for k, v in plain.state_dict().items()})

    @classmethod
    def read(cls, path: Path, device: str = "cpu") -> NeuralVocoder:
        """Load what `save` wrote, ready to speak.

        Raises:
            PipelineError: a file is missing or damaged.
        """
        try:
            size = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            size["upsample_factors"] = tuple(size["upsample_factors"])
            settings = VocoderSettings(**{name: value for name, value in size.items() if name != "model"})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise PipelineError(
                f"the vocoder settings {path.with_suffix('.json')} cannot be read: {error}",
                hint="get the repository's starter_voice/ folder again: git checkout -- starter_voice",
            ) from error
        vocoder = cls(settings)
        vocoder.remove_weight_norm()
        apply_weights(vocoder, {name: value.float() for name, value in load_weights(path).items()}, path)
        return vocoder.to(device).eval()
