"""A voice at once, from one short sample: the engine's base model is told who speaks, nothing is trained."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from voice_pipeline import ledger
from voice_pipeline.api.errors import ApiError
from voice_pipeline.audio import write_wav
from voice_pipeline.consent import require_consent_to_train
from voice_pipeline.engines import get_engine
from voice_pipeline.engines.base import TrainingClip
from voice_pipeline.preprocessing import PreprocessSettings, prepare
from voice_pipeline.settings import AUDIO
from voice_pipeline.voice_folder import VoiceFolder

ENGINE = "starter"
MIN_SECONDS, MAX_SECONDS = 3.0, 30.0
"""Of speech. The longest is OpenAI's; below the shortest a speaker embedding says little."""

_PART_SECONDS = 10.0
_LIMITS = ledger.Limits(max_seconds=MAX_SECONDS + 0.5, max_pause=MAX_SECONDS)
_NOT_ASKED = {"no_text", "text_longer_than_speech", "text_shorter_than_speech"}


def make_voice(folder: VoiceFolder, sample: Path) -> None:
    """Let a voice speak after one sample. It is compared with the consent statement first.

    Args:
        folder: a voice with a consent and without a model.
        sample: a sound file with 3 to 30 seconds of speech.

    Raises:
        ApiError: 400, the sample is not good enough; 409, the voice has a model.
        ConsentError: no consent, or another speaker's.
        AudioError: it is no sound file.
    """
    waveform = _checked(sample)
    digest = hashlib.sha256(waveform.tobytes()).hexdigest()[:10]
    with folder.lock():
        if folder.read_info().get("model"):
            raise ApiError(409, f"the voice '{folder.name}' speaks already", code="voice_exists", param="name")
        clips = _write_parts(folder.root / "sample", waveform)
        require_consent_to_train(folder, clips)
        engine = get_engine(ENGINE)
        engine.prepare()
        model = folder.models / f"sample-{digest}" / "best"
        engine.zero_shot(clips).save(model)  # type: ignore[attr-defined]
        folder.update_info(engine=ENGINE, model=model.relative_to(folder.root).as_posix())


def _checked(sample: Path) -> np.ndarray:
    waveform, measured = prepare(sample, "", PreprocessSettings())
    reasons = [reason for reason in ledger.judge(measured, "", _LIMITS) if reason.rule not in _NOT_ASKED]
    if not reasons and measured.speech_duration < MIN_SECONDS:
        message = f"it holds {measured.speech_duration:.1f} s of speech; at least {MIN_SECONDS:.0f} are needed"
        raise ApiError(400, message, code="too_short", param="audio_sample")
    if reasons:
        said = f"{ledger.explain(reasons[0].as_dict())}: {reasons[0].repair}"
        raise ApiError(400, said, code=reasons[0].rule, param="audio_sample")
    return waveform


def _write_parts(place: Path, waveform: np.ndarray) -> list[TrainingClip]:
    """Parts of equal length, about ten seconds each."""
    count = max(1, round(len(waveform) / (_PART_SECONDS * AUDIO.sample_rate)))
    clips = []
    for number, part in enumerate(np.array_split(waveform, count), 1):
        path = place / f"sample_{number}.wav"
        write_wav(path, part, AUDIO.sample_rate)
        clips.append(TrainingClip(path.stem, path, "", len(part) / AUDIO.sample_rate))
    return clips
