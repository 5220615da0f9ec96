"""What the base model already knows, kept alive while it learns a new voice.

Fifteen clips hold few of the sound sequences of a language. Trained on them alone, the model forgets the others within
a hundred steps: the voice gets closer, and the words fall apart. So the base model speaks sentences it knows, and
its own speech is mixed into the training (learning without forgetting, Li and Hoiem 2016).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

import torch
from torch import Tensor

from voice_pipeline.engines.starter.data import Frames
from voice_pipeline.engines.starter.frontend import encode
from voice_pipeline.engines.starter.model import StarterTTS


def replay_sentences() -> list[str]:
    """Sixty sentences of the CMU ARCTIC prompts (out-of-copyright books), which the base model learned from."""
    text = files("voice_pipeline.engines.starter").joinpath("replay_sentences.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def speak_replay(base: StarterTTS, embeddings: list[Tensor], sentences: Sequence[str]) -> list[Frames]:
    """Clips spoken by the base model, sentence by sentence with the next embedding.

    Args:
        base: in evaluation mode.
        embeddings: speakers, float32 `[256]` each.
        sentences: normalised texts.
    """
    clips = []
    for number, sentence in enumerate(sentences):
        embedding = embeddings[number % len(embeddings)]
        ids = torch.tensor(encode(sentence))
        spoken = base.speak(ids, embedding)
        clips.append(
            Frames(
                ids=ids,
                mel=spoken.mel.clone(),
                f0=torch.where(spoken.voicing > 0, spoken.f0, 0.0),
                energy=spoken.log_energy.exp().repeat_interleave(spoken.durations),
                embedding=embedding,
                durations=spoken.durations.clone(),
                name=f"replay {number}",
            )
        )
    return clips
