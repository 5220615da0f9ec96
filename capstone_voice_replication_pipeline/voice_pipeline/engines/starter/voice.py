"""A fine-tuned starter voice: model, speaker embedding, and the two corrections measured on the speaker's clips."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from coursekit.files import write_json_atomic
from voice_pipeline.engines.checkpoints import load_weights, save_weights
from voice_pipeline.engines.starter.base_voice import VOCODER
from voice_pipeline.engines.starter.data import Frames
from voice_pipeline.engines.starter.frontend import encode
from voice_pipeline.engines.starter.model import Spoken, StarterTTS
from voice_pipeline.engines.starter.neural_vocoder import NeuralVocoder
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO

_SHORTEST_TEXT = 3  # start, one sound, end


@dataclass
class Calibration:
    """What predictions are corrected by, so that rate and pitch match the speaker's on average.

    A network that learned the middle of what is likely speaks a little too fast. Each correction is a number measured
    on the training clips.

    Attributes:
        length_scale: real frames over predicted frames.
        f0_scale: real over predicted median of F0.
    """

    length_scale: float = 1.0
    f0_scale: float = 1.0


@torch.inference_mode()
def calibrate(model: StarterTTS, embedding: Tensor, clips: list[Frames]) -> Calibration:
    """Measure the corrections on aligned training clips.

    Args:
        model: in evaluation mode.
        embedding: the voice, float32 `[256]`.
        clips: clips with durations.
    """
    inner = slice(1, -1)  # the silence at the edges is the trimmer's choice, not the speaker's
    spoken = [model.speak(clip.ids, embedding) for clip in clips]
    real_frames = sum(int(clip.durations[inner].sum()) for clip in clips)
    length_scale = float(
        np.clip(real_frames / max(1, sum(int(one.durations[inner].sum()) for one in spoken)), 0.7, 1.5)
    )
    real_f0 = torch.cat([clip.f0[clip.f0 > 0] for clip in clips])
    predicted_f0 = torch.cat([one.f0[one.voicing > 0] for one in spoken])
    f0_scale = 1.0
    if len(real_f0) and len(predicted_f0):  # a whisperer has no voiced frame
        f0_scale = float(np.clip((real_f0.median() / predicted_f0.median()).item(), 0.9, 1.1))
    return Calibration(length_scale, f0_scale)


@functools.lru_cache(maxsize=2)
def shared_vocoder(device: str) -> NeuralVocoder:
    """The embedded vocoder, one for all voices on a device; it keeps no state between calls."""
    return NeuralVocoder.read(VOCODER, device)


class StarterVoice:
    """A voice in memory. One thread at a time."""

    sample_rate = AUDIO.sample_rate

    def __init__(self, model: StarterTTS, embedding: Tensor, calibration: Calibration) -> None:
        self.model, self.embedding, self.calibration = model, embedding, calibration
        self.vocoder = shared_vocoder(str(model.mel_mean.device))

    def frames(self, text: str, *, speed: float = 1.0) -> Spoken | None:
        """Frames of a text, corrected; None for a text without any sound."""
        ids = encode(text)
        if len(ids) < _SHORTEST_TEXT:
            return None
        spoken = self.model.speak(torch.tensor(ids), self.embedding, length_scale=self.calibration.length_scale / speed)
        f0 = (spoken.f0 * self.calibration.f0_scale).clamp(AUDIO.f0_min, AUDIO.f0_max)
        return replace(spoken, f0=f0)

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        """Speak one chunk, see `LoadedVoice.synthesize`."""
        spoken = self.frames(text, speed=speed)
        if spoken is None:
            return np.zeros(0, dtype=np.float32)
        return self.vocoder.vocode(spoken.mel.T.numpy(), spoken.f0.numpy(), spoken.voicing.numpy(), seed=seed)

    def save(self, folder: Path) -> None:
        """Write model, embedding and corrections into `folder`, atomically file by file."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save(folder / "acoustic.safetensors")
        save_weights(folder / "voice.safetensors", {"embedding": self.embedding.detach()})
        write_json_atomic(folder / "settings.json", {"engine": "starter", "calibration": asdict(self.calibration)})

    @classmethod
    def read(cls, folder: Path, device: str = "cpu") -> StarterVoice:
        """Load what `save` wrote.

        Raises:
            PipelineError: a file is missing or damaged.
        """
        model = StarterTTS.read(folder / "acoustic.safetensors", device)
        tensors = load_weights(folder / "voice.safetensors")
        try:
            embedding = tensors["embedding"]
            calibration = Calibration(**json.loads((folder / "settings.json").read_text("utf-8"))["calibration"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PipelineError(
                f"the voice in {folder} is not complete: {error}",
                hint="fine-tune it again: python 04_fine_tune.py --voice NAME",
            ) from error
        return cls(model, embedding, calibration)
