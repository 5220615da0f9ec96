"""Does made speech sound like the speaker? The answer of the speaker encoder, as a loss that a model can learn from.

The mel spectrogram of a sentence says what is said far more loudly than who says it: a model that makes half of the
average voice and half of yours has a small error. A speaker encoder hears nothing but who speaks, and it is a network,
so its judgement flows back into the model: speaker consistency loss (YourTTS, Casanova et al. 2022).

What a model was trained to please is a poor witness afterwards. `benchmarks/unseen_speakers.py --second-encoder` asks
an encoder that no model here has learned from.

B batch, n samples.
"""

from __future__ import annotations

import librosa
import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional as F

from voice_pipeline.settings import AUDIO
from voice_pipeline.speaker import ENCODER_RATE

_FFT, _HOP, _BANDS = 400, 160, 40  # of Resemblyzer's spectrogram
_PART, _PART_STEP = 160, 77  # frames of 10 ms that its network hears at once
_LEVEL = 10 ** (-30 / 20)
SHORTEST = -(-((_PART - 1) * _HOP) * AUDIO.sample_rate // ENCODER_RATE)
"""Samples at 24 kHz that fill one part (1.59 s)."""


class VoiceLoss(nn.Module):
    """Resemblyzer's encoder with a way back; a test compares its embeddings with the library's."""

    window: Tensor
    filters: Tensor

    def __init__(self, device: str = "cpu") -> None:
        super().__init__()
        from resemblyzer import VoiceEncoder

        self.encoder = VoiceEncoder("cpu", verbose=False)  # one of its own: `SpeakerEncoder.shared()` stays as it is
        self.resample = torchaudio.transforms.Resample(AUDIO.sample_rate, ENCODER_RATE)
        filters = librosa.filters.mel(sr=ENCODER_RATE, n_fft=_FFT, n_mels=_BANDS)
        self.register_buffer("filters", torch.from_numpy(filters).float())
        self.register_buffer("window", torch.hann_window(_FFT))
        self.requires_grad_(False)
        self.to(device)

    def embed(self, waveform: Tensor) -> Tensor:
        """Unit vectors `[B, 256]` of waveforms `[B, n]` at 24 kHz; n is at least `SHORTEST`."""
        at_16k = self.resample(waveform)
        level = at_16k.square().mean(1, keepdim=True).sqrt()
        at_16k = at_16k * (_LEVEL / level.clamp_min(1e-6)).clamp_min(1.0)
        spectrum = torch.stft(
            at_16k, _FFT, _HOP, window=self.window, center=True, pad_mode="constant", return_complex=True
        )
        bands = (self.filters @ (spectrum.real.square() + spectrum.imag.square())).transpose(1, 2)  # [B, frames, 40]
        parts = bands.unfold(1, _PART, _PART_STEP).transpose(2, 3)  # [B, parts, 160, 40]
        count = parts.shape[1]
        _, (hidden, _) = self.encoder.lstm(parts.flatten(0, 1))
        heard = F.normalize(torch.relu(self.encoder.linear(hidden[-1])), dim=1, eps=1e-5)
        return F.normalize(heard.unflatten(0, (len(waveform), count)).mean(1), dim=1, eps=1e-5)

    def forward(self, waveform: Tensor, target: Tensor) -> Tensor:
        """One minus the cosine to the target, mean over the batch.

        Args:
            waveform: `[B, n]` at 24 kHz.
            target: unit vectors `[B, 256]` or one `[256]`.
        """
        return 1.0 - (self.embed(waveform) * target).sum(-1).mean()
