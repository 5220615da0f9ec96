"""Frames to sound: pulses at the fundamental frequency and noise, shaped by a small network, joined by an inverse STFT.

A mel spectrogram with 80 bands says how loud each band is. It does not say where the waves of a voice stand, and for a
low voice not even which harmonics they are. Vocoders that must find this out by themselves learn for days. Here the
acoustic model says the fundamental frequency, so a train of pulses with the right pitch is made first, as in the
source-filter model of speech (Fant 1960); the network only learns how to filter it: per frame and frequency, how loud
the pulses are, how far their phase is turned, and how loud noise is. It works on 94 frames a second, not on 24,000
samples, and its layers are those of Vocos (Siuzdak 2024: ConvNeXt blocks and an inverse STFT at the end).

B batch, T frames, K frequencies of the spectrum (513), n samples.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import librosa
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from coursekit.files import write_json_atomic
from voice_pipeline.acoustics import mel_filters
from voice_pipeline.engines.checkpoints import apply_weights, load_weights, save_weights
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO

_BINS = AUDIO.n_fft // 2 + 1
_LOUDEST = math.log(200.0)  # of a spectrum in units of white noise; keeps exp() from overflowing
_MEL_CENTRE, _MEL_SCALE = -5.0, 2.5  # of speech at the pipeline's loudness, about
_PITCH_CENTRE, _PITCH_SCALE = 5.0, 0.4  # natural log of Hz


@dataclass(frozen=True)
class VocoderSettings:
    """Size of the network.

    Attributes:
        channels: of a frame inside the network.
        hidden: of the two layers in a block.
        blocks: ConvNeXt blocks.
    """

    channels: int = 256
    hidden: int = 640
    blocks: int = 6


class _Block(nn.Module):
    """ConvNeXt block (Liu et al. 2022) over time: each channel looks at its neighbours, then channels are mixed."""

    def __init__(self, channels: int, hidden: int, scale: float) -> None:
        super().__init__()
        self.neighbours = nn.Conv1d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.enter = nn.Linear(channels, hidden)
        self.leave = nn.Linear(hidden, channels)
        self.scale = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """`[B, T, C]` to the same."""
        o = self.neighbours(x.transpose(1, 2)).transpose(1, 2)
        return x + self.scale * self.leave(F.gelu(self.enter(self.norm(o))))


class NeuralVocoder(nn.Module):
    """Log-mel frames, F0 and voicing to a waveform. Frame `t` is centred at sample `t * hop_length`."""

    window: Tensor
    envelope: Tensor
    envelope_offset: Tensor

    def __init__(self, settings: VocoderSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or VocoderSettings()
        size = self.settings.channels
        self.enter = nn.Conv1d(AUDIO.n_mels + 2, size, 7, padding=3)
        self.first_norm = nn.LayerNorm(size)
        blocks = self.settings.blocks
        self.blocks = nn.ModuleList(_Block(size, self.settings.hidden, 1.0 / blocks) for _ in range(blocks))
        self.last_norm = nn.LayerNorm(size)
        self.leave = nn.Linear(size, 3 * _BINS)
        nn.init.normal_(self.leave.weight, std=1e-3)
        nn.init.zeros_(self.leave.bias)
        matrix, offset = _envelope_matrix()
        self.register_buffer("window", torch.hann_window(AUDIO.n_fft), persistent=False)
        self.register_buffer("envelope", torch.from_numpy(matrix), persistent=False)
        self.register_buffer("envelope_offset", torch.from_numpy(offset), persistent=False)

    def forward(self, mel: Tensor, f0: Tensor, voicing: Tensor, noise: Tensor, phase: Tensor) -> Tensor:
        """Waveform of a batch.

        Args:
            mel: natural-log mel, `[B, 80, T]`.
            f0: Hz, without holes, `[B, T]`.
            voicing: -1 unvoiced to 1 voiced, `[B, T]`.
            noise: white, deviation 1, `[B, (T - 1) * hop_length]`.
            phase: where the first pulse stands, 0..1 of a period, `[B]`.

        Returns:
            `[B, (T - 1) * hop_length]`.
        """
        pitch = (f0.clamp_min(1.0).log() - _PITCH_CENTRE) / _PITCH_SCALE
        o = torch.cat([(mel - _MEL_CENTRE) / _MEL_SCALE, pitch.unsqueeze(1), voicing.unsqueeze(1)], dim=1)
        o = self.first_norm(self.enter(o).transpose(1, 2))  # [B, T, C]
        for block in self.blocks:
            o = block(o)
        pulse_level, turn, noise_level = self.leave(self.last_norm(o)).transpose(1, 2).float().chunk(3, dim=1)
        envelope = self.envelope @ mel + self.envelope_offset[:, None]  # [B, K, T]
        pulses = self._spectrum(pulse_train(f0, phase))
        voiced = torch.polar((envelope + pulse_level).clamp_max(_LOUDEST).exp(), turn) * pulses
        unvoiced = (envelope + noise_level).clamp_max(_LOUDEST).exp() * self._spectrum(noise)
        return torch.istft(
            voiced + unvoiced,
            AUDIO.n_fft,
            AUDIO.hop_length,
            window=self.window,
            center=True,
            length=(mel.shape[2] - 1) * AUDIO.hop_length,
        )

    def _spectrum(self, waveform: Tensor) -> Tensor:
        """Complex `[B, K, T]`."""
        return torch.stft(
            waveform,
            AUDIO.n_fft,
            AUDIO.hop_length,
            window=self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )

    @torch.inference_mode()
    def vocode(self, mel: np.ndarray, f0: np.ndarray, voicing: np.ndarray, *, seed: int = 0) -> np.ndarray:
        """Waveform of one text.

        Args:
            mel: natural-log mel, float32 `[80, T]`, as `acoustics.log_mel` makes it.
            f0: Hz, without holes, float32 `[T]`.
            voicing: -1 unvoiced to 1 voiced, float32 `[T]`.
            seed: of the noise.

        Returns:
            float32 `[(T - 1) * hop_length]`, -1..1.
        """
        device = self.window.device
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(1, max(1, mel.shape[1] - 1) * AUDIO.hop_length, generator=generator).to(device)
        frames, pitch, voiced = (
            torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32)).to(device)[None]
            for part in (mel, f0, voicing)
        )
        waveform = self(frames, pitch, voiced, noise, torch.zeros(1, device=device))[0]
        return waveform.clamp(-1.0, 1.0).cpu().numpy()

    def save(self, path: Path, *, half: bool = True) -> None:
        """Write safetensors (float16 unless told otherwise) and, beside it, .json with the size."""
        write_json_atomic(path.with_suffix(".json"), {"model": "NeuralVocoder", **vars(self.settings)})
        save_weights(path, {name: value.half() if half else value for name, value in self.state_dict().items()})

    @classmethod
    def read(cls, path: Path, device: str = "cpu") -> NeuralVocoder:
        """Load what `save` wrote, ready to speak.

        Raises:
            PipelineError: a file is missing or damaged.
        """
        try:
            size = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            settings = VocoderSettings(**{name: value for name, value in size.items() if name != "model"})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise PipelineError(
                f"the vocoder settings {path.with_suffix('.json')} cannot be read: {error}",
                hint="get the repository's starter_voice/ folder again: git checkout -- starter_voice",
            ) from error
        vocoder = cls(settings)
        apply_weights(vocoder, {name: value.float() for name, value in load_weights(path).items()}, path)
        return vocoder.to(device).eval()


def pulse_train(f0: Tensor, phase: Tensor) -> Tensor:
    """Band-limited pulses, as strong per Hz as white noise of deviation 1.

    All harmonics below half the sample rate have the same amplitude; their sum has a closed form (Dirichlet's kernel).

    Args:
        f0: Hz at each frame, `[B, T]`.
        phase: of the first sample, 0..1 of a period, `[B]`.

    Returns:
        `[B, (T - 1) * hop_length]`.
    """
    length = max(1, f0.shape[1] - 1) * AUDIO.hop_length
    per_sample = F.interpolate(f0.unsqueeze(1), size=length + 1, mode="linear", align_corners=True)[:, 0, :-1]
    cycles = torch.cumsum(per_sample.double() / AUDIO.sample_rate, dim=1) + phase.double().unsqueeze(1)
    angle = torch.pi * torch.frac(cycles).float()  # half the angle of the fundamental, 0..pi
    harmonics = torch.floor(AUDIO.sample_rate / 2 / per_sample.clamp_min(1.0))
    below = torch.sin(angle)
    near = below.abs() < 1e-4
    kernel = torch.where(
        near, 2 * harmonics + 1, torch.sin((2 * harmonics + 1) * angle) / torch.where(near, 1.0, below)
    )
    amplitude = 2.0 * torch.sqrt(per_sample / AUDIO.sample_rate)
    return amplitude * (kernel - 1.0) / 2.0


def _envelope_matrix() -> tuple[np.ndarray, np.ndarray]:
    """Log mel `[80]` to a log spectrum in units of white noise `[513]`: a matrix and an offset.

    Between the centres of two bands the log spectrum is a straight line; a band's value is divided by the sum of its
    filter, and the whole by the spectrum of white noise under the analysis window.
    """
    filters = mel_filters()  # [80, 513]
    centres = librosa.mel_frequencies(n_mels=AUDIO.n_mels + 2, fmin=AUDIO.mel_fmin, fmax=AUDIO.mel_fmax)[1:-1]
    frequencies = librosa.fft_frequencies(sr=AUDIO.sample_rate, n_fft=AUDIO.n_fft)
    matrix = np.stack([np.interp(frequencies, centres, row) for row in np.eye(AUDIO.n_mels)], axis=1)  # [513, 80]
    window = np.hanning(AUDIO.n_fft + 1)[:-1]
    level = np.log(np.sqrt(np.square(window).sum()))
    return matrix.astype(np.float32), -(matrix @ np.log(filters.sum(1)) + level).astype(np.float32)
