"""The proof: what the clone says, measured between the real speaker (ceiling) and other people (floor).

Held-out clips were never trained on and never used to choose a checkpoint. Each held-out sentence is spoken by the
clone and compared with what the person recorded.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from coursekit.files import write_json_atomic
from voice_pipeline import acoustics
from voice_pipeline.engines.base import LoadedVoice, ProgressCallback, TrainingClip
from voice_pipeline.engines.starter.base_voice import reference_embeddings
from voice_pipeline.engines.starter.engine import StarterEngine
from voice_pipeline.errors import PipelineError
from voice_pipeline.recognizer import Recognizer, word_errors
from voice_pipeline.settings import AUDIO
from voice_pipeline.speaker import SpeakerEncoder, centroid, similarity
from voice_pipeline.training import load_voice, read_run, read_split
from voice_pipeline.voice_folder import VoiceFolder

_RESAMPLES = 2000


@dataclass
class Measured:
    """Figures of one set of spoken sentences, one value a sentence where a list.

    Attributes:
        similarity: cosine of each sentence to the mean embedding of the training clips.
        word_errors: word error rate over all sentences.
        sentence_errors: (errors, words) of each sentence.
        pitch: median F0 of each sentence, Hz.
        seconds: duration of each sentence.
        real_time_factor: seconds of computing per second of speech; 0 for recordings.
    """

    similarity: list[float] = field(default_factory=list)
    word_errors: float = 0.0
    sentence_errors: list[tuple[int, int]] = field(default_factory=list)
    pitch: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    real_time_factor: float = 0.0


def measure(waveforms: Sequence[np.ndarray], texts: Sequence[str], target: np.ndarray, sample_rate: int) -> Measured:
    """Measure spoken sentences.

    Args:
        waveforms: float32 `[samples]` each.
        texts: what was to be said.
        target: mean speaker embedding `[256]` to compare with.
        sample_rate: Hz of all waveforms.
    """
    out = Measured()
    heard = []
    for waveform, text in zip(waveforms, texts, strict=True):
        out.similarity.append(similarity(SpeakerEncoder.shared().embed(waveform, sample_rate), target))
        heard.append(Recognizer.shared().transcribe(waveform, sample_rate))
        one = word_errors([text], heard[-1:])
        out.sentence_errors.append((one.errors, one.words))
        f0 = acoustics.fundamental_frequency(waveform)
        out.pitch.append(float(np.median(f0[f0 > 0])) if np.any(f0 > 0) else 0.0)
        out.seconds.append(len(waveform) / sample_rate)
    out.word_errors = word_errors(texts, heard).rate
    return out


def bootstrap_interval(
    values: Sequence[Any], statistic: Callable[[np.ndarray], float], seed: int = 0
) -> tuple[float, float]:
    """95 % percentile bootstrap interval of a statistic over sentences (Efron 1979)."""
    rng = np.random.default_rng(seed)
    array = np.asarray(values, dtype=np.float64)
    picks = rng.integers(0, len(array), size=(_RESAMPLES, len(array)))
    low, high = np.percentile([statistic(array[pick]) for pick in picks], [2.5, 97.5])
    return float(low), float(high)


def evaluate_voice(
    folder: VoiceFolder,
    *,
    device: str = "cpu",
    seed: int = 0,
    zero_shot: bool = True,
    on_progress: ProgressCallback = lambda share, sentence: None,
) -> dict[str, Any]:
    """Make the proof card of a voice.

    Args:
        folder: a voice that was fine-tuned.
        device: torch device name.
        seed: of synthesis and of the bootstrap.
        zero_shot: also measure the starter model before fine-tuning.
        on_progress: progress callback.

    Returns:
        The content of `reports/proof_card.json`.

    Raises:
        PipelineError: the voice was not preprocessed or not fine-tuned.
    """
    train, held_out = read_split(folder)
    if not held_out:
        raise PipelineError(
            f"the voice '{folder.name}' has no held-out clips to be measured on",
            hint="record more sentences, each a different one, then preprocess and fine-tune again",
        )
    voice = load_voice(folder, device=device)
    encoder = SpeakerEncoder.shared()
    on_progress(0.05, "listening to the real clips")
    target = centroid([encoder.embed(_read(clip), AUDIO.sample_rate) for clip in train])
    texts = [clip.text for clip in held_out]
    real = measure([_read(clip) for clip in held_out], texts, target, AUDIO.sample_rate)
    others = reference_embeddings() @ target
    voices: dict[str, LoadedVoice] = {"clone": voice}
    if zero_shot:
        voices["zero_shot"] = StarterEngine().zero_shot(train)
    measured = {}
    for number, (name, speaker) in enumerate(voices.items()):
        on_progress(0.3 + 0.35 * number, f"listening to the {name.replace('_', '-')} voice")
        measured[name] = _speak_and_measure(speaker, held_out, target, seed, _samples_dir(folder, name))
    card = _card(folder, measured, real, others, held_out, len(train), seed)
    write_json_atomic(folder.proof_card, card)
    on_progress(1.0, "proof card written")
    return card


def _speak_and_measure(
    voice: LoadedVoice, clips: list[TrainingClip], target: np.ndarray, seed: int, samples: Path
) -> Measured:
    from voice_pipeline.audio import resample, write_wav
    from voice_pipeline.synthesis import speak

    speak(voice, "A warm engine is a fair engine.", seed=seed)
    spoken, started = [], time.perf_counter()
    for clip in clips:
        spoken.append(speak(voice, clip.text, seed=seed).waveform)
    computing = time.perf_counter() - started
    rate = voice.sample_rate
    speech_seconds = sum(len(waveform) for waveform in spoken) / rate
    spoken = [resample(waveform, rate, AUDIO.sample_rate) for waveform in spoken]
    samples.mkdir(parents=True, exist_ok=True)
    for clip, waveform in zip(clips, spoken, strict=True):
        write_wav(samples / f"{clip.clip_id}.wav", waveform, AUDIO.sample_rate)
    out = measure(spoken, [clip.text for clip in clips], target, AUDIO.sample_rate)
    out.real_time_factor = computing / max(1e-9, speech_seconds)
    return out


def _card(
    folder: VoiceFolder,
    measured: dict[str, Measured],
    real: Measured,
    others: np.ndarray,
    held_out: list[TrainingClip],
    n_train: int,
    seed: int,
) -> dict[str, Any]:
    run = read_run(folder)
    clone = measured["clone"]
    ceiling, floor = float(np.mean(real.similarity)), float(np.mean(others))

    def normalized(values: Sequence[float] | np.ndarray) -> float:
        return (float(np.mean(values)) - floor) / max(1e-6, ceiling - floor)

    def summary(one: Measured) -> dict[str, Any]:
        return {
            "similarity": float(np.mean(one.similarity)),
            "normalized": normalized(one.similarity),
            "normalized_interval": bootstrap_interval(one.similarity, normalized, seed),
            "wer": one.word_errors,
            "wer_interval": bootstrap_interval(
                one.sentence_errors, lambda rows: rows[:, 0].sum() / max(1.0, rows[:, 1].sum()), seed
            ),
            "pitch_hz": float(np.median(one.pitch)),
            "rate": float(sum(real.seconds) / max(1e-9, sum(one.seconds))),
            "real_time_factor": one.real_time_factor,
        }

    return {
        "voice": folder.name,
        "engine": run.get("engine"),
        "weights_sha256": run.get("weights_sha256"),
        "held_out_sentences": len(held_out),
        "train_clips": n_train,
        "similarity": {
            "clone": float(np.mean(clone.similarity)),
            "ceiling": ceiling,
            "floor": floor,
            "nearest_other": float(np.max(others)),
            "normalized": normalized(clone.similarity),
        },
        "wer": {"clone": clone.word_errors, "real": real.word_errors},
        "pitch_hz": {"clone": float(np.median(clone.pitch)), "real": float(np.median(real.pitch))},
        "real_time_factor": clone.real_time_factor,
        "fine_tune_seconds": run.get("seconds"),
        "fine_tune_steps": run.get("steps"),
        "systems": {"real": summary(real), **{name: summary(one) for name, one in measured.items()}},
        "per_sentence": [
            {"clip": clip.clip_id, "text": clip.text, "similarity": clone.similarity[i], "real": real.similarity[i]}
            for i, clip in enumerate(held_out)
        ],
        "metrics": {
            "similarity": "cosine of Resemblyzer embeddings to the mean of the training clips",
            "wer": "word error rate by PocketSphinx; compare it only with the rate of the real clips",
            "normalized": "(clone - floor) / (ceiling - floor); 0 is another person, 1 is the person",
        },
        "settings": {"seed": seed, **AUDIO.as_dict()},
    }


def _samples_dir(folder: VoiceFolder, name: str) -> Path:
    return folder.reports / "samples" / name


def _read(clip: TrainingClip) -> np.ndarray:
    return soundfile.read(clip.path, dtype="float32")[0]
