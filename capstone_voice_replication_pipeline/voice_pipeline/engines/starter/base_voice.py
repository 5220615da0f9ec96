"""Where the embedded starter voice lies, and the speakers it knows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voice_pipeline.engines.checkpoints import load_weights
from voice_pipeline.errors import PipelineError

BASE_DIR = Path(__file__).resolve().parents[3] / "starter_voice"
ACOUSTIC = BASE_DIR / "acoustic.safetensors"
ALIGNER = BASE_DIR / "aligner.safetensors"
VOCODER = BASE_DIR / "vocoder.safetensors"
PHONES = BASE_DIR / "phones.safetensors"
SPEAKERS = BASE_DIR / "speakers.safetensors"


def check_complete() -> None:
    """Raise PipelineError when a part of the starter voice is missing."""
    for path in (
        ACOUSTIC,
        ACOUSTIC.with_suffix(".json"),
        VOCODER,
        VOCODER.with_suffix(".json"),
        ALIGNER,
        PHONES,
        SPEAKERS,
    ):
        if not path.is_file():
            raise PipelineError(
                f"the starter voice is incomplete: {path.name} is missing", hint=f"git checkout -- {path.name}"
            )


def reference_embeddings() -> np.ndarray:
    """Embeddings of other people, one clip each, float32 `[speakers, 256]` (LibriSpeech and LibriTTS, CC BY 4.0)."""
    return load_weights(SPEAKERS)["reference"].float().numpy()


def main_embeddings() -> np.ndarray:
    """Embeddings of voices that the model knows well, float32 `[20, 256]`: Kathleen, heard most, then blends."""
    return load_weights(SPEAKERS)["main"].float().numpy()
