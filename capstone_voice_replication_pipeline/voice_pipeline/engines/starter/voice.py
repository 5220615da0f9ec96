"""A fine-tuned starter voice: model, speaker embedding, and the small corrections measured on the speaker's clips."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from TTS.tts.utils.helpers import average_over_durations

from coursekit.files import write_json_atomic
from voice_pipeline.engines.checkpoints import load_weights, save_weights
from voice_pipeline.engines.starter.base_voice import VOCODER
from voice_pipeline.engines.starter.data import Batch, Frames
from voice_pipeline.engines.starter.frontend import encode
from voice_pipeline.engines.starter.model import Spoken, StarterTTS
from voice_pipeline.engines.starter.neural_vocoder import NeuralVocoder
from voice_pipeline.engines.starter.vocoder import griffin_lim
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO

_SHORTEST_TEXT = 3  # start, one sound, end


@dataclass
class Calibration:
    """What predictions are corrected by, so that rate, pitch and spectrum match the speaker's on average.

    A network trained on squared or absolute errors predicts the middle of what is likely: a little too fast, too flat
    in pitch, too smooth in spectrum. Each correction is a number measured on the training clips. The spectral one is
    the global variance of Toda and Tokuda (2007), per mel bin.

    Attributes:
        length_scale: real frames over predicted frames.
        pitch_scale: real over predicted deviation of normalised log F0 (per symbol).
        pitch_shift: what is added after scaling, in deviations of log F0.
        mel_gain: real over predicted deviation of each mel bin, float32 `[80]`.
        mel_from: predicted mean of each mel bin, float32 `[80]`.
        mel_to: real mean of each mel bin, float32 `[80]`.
        f0_scale: real over predicted median of F0, of models that speak pitch; these have no other correction of
            pitch and spectrum (`finetune.Listener` teaches the model both).
    """

    length_scale: float
    pitch_scale: float
    pitch_shift: float
    mel_gain: Tensor
    mel_from: Tensor
    mel_to: Tensor
    f0_scale: float = 1.0

    @classmethod
    def none(cls) -> Calibration:
        """Predictions as they come."""
        zeros = torch.zeros(AUDIO.n_mels)
        return cls(1.0, 1.0, 0.0, torch.ones(AUDIO.n_mels), zeros, zeros)

    def apply(self, mel: Tensor) -> Tensor:
        """Correct a natural-log mel `[T, 80]`."""
        corrected = (mel - self.mel_from) * self.mel_gain + self.mel_to
        return corrected.clamp_min(float(np.log(AUDIO.log_floor)))


@torch.inference_mode()
def calibrate(model: StarterTTS, embedding: Tensor, clips: list[Frames]) -> Calibration:
    """Measure the corrections on aligned training clips.

    Args:
        model: in evaluation mode.
        embedding: the voice, float32 `[256]`.
        clips: clips with durations.
    """
    scales = model.scales.cpu()
    real_frames = predicted_frames = 0
    real_pitch, predicted_pitch = [], []
    for clip in clips:
        spoken = model.speak(clip.ids, embedding)
        inner = slice(1, -1)  # the silence at the edges is the trimmer's choice, not the speaker's
        real_frames += int(clip.durations[inner].sum())
        predicted_frames += int(spoken.durations[inner].sum())
        batch = model.coqui_batch(Batch.collate([clip]))
        per_symbol = average_over_durations(batch["pitch"], batch["durations"])[0, 0, : len(clip.ids)].cpu()
        voiced = per_symbol != 0
        real_pitch.append(per_symbol[voiced])
        predicted_pitch.append(((spoken.log_f0 - scales[0]) / scales[1])[voiced])
    length_scale = float(np.clip(real_frames / max(1, predicted_frames), 0.7, 1.5))
    if model.settings.speaks_pitch:
        spoken = [model.speak(clip.ids, embedding, length_scale=length_scale) for clip in clips]
        real_f0 = torch.cat([clip.f0[clip.f0 > 0] for clip in clips])
        predicted_f0 = torch.cat([one.f0[one.voicing > 0] for one in spoken])
        f0_scale = 1.0
        if len(real_f0) and len(predicted_f0):  # a whisperer has no voiced frame
            f0_scale = float(np.clip((real_f0.median() / predicted_f0.median()).item(), 0.9, 1.1))
        return replace(Calibration.none(), length_scale=length_scale, f0_scale=f0_scale)
    pitch_scale, pitch_shift = _line_between(torch.cat(predicted_pitch), torch.cat(real_pitch))
    corrected = [
        model.speak(clip.ids, embedding, length_scale=length_scale, pitch_scale=pitch_scale, pitch_shift=pitch_shift)
        for clip in clips
    ]
    predicted_mel = torch.cat([spoken.mel for spoken in corrected])
    real_mel = torch.cat([clip.mel for clip in clips])
    gain = (real_mel.std(0) / predicted_mel.std(0)).clamp(0.8, 1.6)
    return Calibration(
        length_scale, pitch_scale, pitch_shift, gain.clone(), predicted_mel.mean(0).clone(), real_mel.mean(0).clone()
    )


def _line_between(predicted: Tensor, real: Tensor) -> tuple[float, float]:
    """Factor (0.8..1.5) and offset that bring mean and deviation of `predicted` to those of `real`."""
    if len(real) < 2:
        return 1.0, 0.0  # a whisperer: no voiced sound to measure
    scale = float(np.clip((real.std() / predicted.std().clamp_min(1e-3)).item(), 0.8, 1.5))
    return scale, float(real.mean() - scale * predicted.mean())


@functools.lru_cache(maxsize=2)
def shared_vocoder(device: str) -> NeuralVocoder:
    """The embedded vocoder, one for all voices on a device; it keeps no state between calls."""
    return NeuralVocoder.read(VOCODER, device)


class StarterVoice:
    """A voice in memory. One thread at a time."""

    sample_rate = AUDIO.sample_rate

    def __init__(
        self, model: StarterTTS, embedding: Tensor, calibration: Calibration, vocoder: NeuralVocoder | None = None
    ) -> None:
        self.model = model
        self.vocoder = vocoder
        if vocoder is None and model.settings.speaks_pitch:
            self.vocoder = shared_vocoder(str(model.mel_mean.device))
        self.embedding = embedding
        self.calibration = calibration

    def frames(self, text: str, *, speed: float = 1.0) -> Spoken | None:
        """Frames of a text, corrected; None for a text without any sound."""
        ids = encode(text)
        if len(ids) < _SHORTEST_TEXT:
            return None
        spoken = self.model.speak(
            torch.tensor(ids),
            self.embedding,
            length_scale=self.calibration.length_scale / speed,
            pitch_scale=self.calibration.pitch_scale,
            pitch_shift=self.calibration.pitch_shift,
        )
        f0 = (spoken.f0 * self.calibration.f0_scale).clamp(AUDIO.f0_min, AUDIO.f0_max)
        return replace(spoken, mel=self.calibration.apply(spoken.mel), f0=f0)

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        """Speak one chunk, see `LoadedVoice.synthesize`."""
        spoken = self.frames(text, speed=speed)
        if spoken is None:
            return np.zeros(0, dtype=np.float32)
        if self.vocoder is None:
            return griffin_lim(spoken.mel.T.contiguous().numpy(), seed=seed)
        return self.vocoder.vocode(spoken.mel.T.numpy(), spoken.f0.numpy(), spoken.voicing.numpy(), seed=seed)

    def save(self, folder: Path) -> None:
        """Write model, embedding and corrections into `folder`, atomically file by file."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save(folder / "acoustic.safetensors")
        scalars = {name: value for name, value in asdict(self.calibration).items() if isinstance(value, float)}
        tensors = {name: getattr(self.calibration, name) for name in ("mel_gain", "mel_from", "mel_to")}
        save_weights(folder / "voice.safetensors", {"embedding": self.embedding.detach(), **tensors})
        write_json_atomic(folder / "settings.json", {"engine": "starter", "calibration": scalars})

    @classmethod
    def read(cls, folder: Path, device: str = "cpu") -> StarterVoice:
        """Load what `save` wrote.

        Raises:
            PipelineError: a file is missing or damaged.
        """
        model = StarterTTS.read(folder / "acoustic.safetensors", device)
        tensors = load_weights(folder / "voice.safetensors")
        try:
            scalars = json.loads((folder / "settings.json").read_text(encoding="utf-8"))["calibration"]
            embedding = tensors.pop("embedding")
            calibration = Calibration(**{**scalars, **tensors})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PipelineError(
                f"the voice in {folder} is not complete: {error}",
                hint="fine-tune it again: python 04_fine_tune.py --voice NAME",
            ) from error
        return cls(model, embedding, calibration)
