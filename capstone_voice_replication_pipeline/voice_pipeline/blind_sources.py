"""Where the two sounds of each pair of a blind test come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from voice_pipeline.audio import resample
from voice_pipeline.blind_test import Pair
from voice_pipeline.consent import require_consent_to_speak
from voice_pipeline.engines.base import TrainingClip
from voice_pipeline.errors import PipelineError
from voice_pipeline.evaluation import samples_dir
from voice_pipeline.settings import AUDIO
from voice_pipeline.training import load_voice, read_split
from voice_pipeline.voice_folder import VoiceFolder

OTHER_VOICE = "voice:"


def pairs_of_voice(folder: VoiceFolder, first: str, second: str, *, sentences: int | None = None) -> list[Pair]:
    """The held-out sentences of a voice from two sources.

    Args:
        folder: a voice with a proof card.
        first: "real", the name of a system on the card, or `voice:NAME`.
        second: the other source.
        sentences: only so many, the shortest; None for all.

    Raises:
        PipelineError: no consent, both sources are the same, or one has no sounds.
    """
    if first == second:
        raise PipelineError(f"'{first}' cannot be compared with itself", hint="--first real --second clone")
    if sentences is not None and sentences < 1:
        raise PipelineError(f"--sentences {sentences} leaves nothing to compare", hint="--sentences 6")
    require_consent_to_speak(folder)
    _, held_out = read_split(folder)
    chosen = sorted(held_out, key=lambda clip: (clip.seconds, clip.clip_id))[:sentences]
    sources = [_sounds(folder, name, chosen) for name in (first, second)]
    return [Pair(clip.clip_id, clip.text, sources[0][n], sources[1][n]) for n, clip in enumerate(chosen)]


def _sounds(folder: VoiceFolder, name: str, clips: list[TrainingClip]) -> list[np.ndarray]:
    if name.startswith(OTHER_VOICE):
        return _spoken(VoiceFolder(folder.home, name.removeprefix(OTHER_VOICE)).require(), clips)
    if name == "real":
        return [_read(clip.path) for clip in clips]
    known = sorted(path.name for path in samples_dir(folder, ".").glob("*") if path.is_dir())
    paths = [samples_dir(folder, name) / f"{clip.clip_id}.wav" for clip in clips]
    if name not in known or not all(path.is_file() for path in paths):
        raise PipelineError(
            f"'{name}' has not spoken all held-out sentences (there is {', '.join(['real', *known])})",
            hint=f"python 08_evaluate_voice.py --voice {folder.name}",
        )
    return [_read(path) for path in paths]


def _spoken(other: VoiceFolder, clips: list[TrainingClip]) -> list[np.ndarray]:
    from voice_pipeline.synthesis import speak

    voice = load_voice(other)
    return [resample(speak(voice, clip.text).waveform, voice.sample_rate, AUDIO.sample_rate) for clip in clips]


def _read(path: Path) -> np.ndarray:
    waveform, rate = soundfile.read(path, dtype="float32")
    return resample(waveform, rate, AUDIO.sample_rate)
