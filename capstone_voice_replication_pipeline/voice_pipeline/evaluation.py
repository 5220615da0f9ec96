"""The proof: what the clone says, measured between the real speaker (ceiling) and other people (floor).

Held-out clips were never trained on and never used to choose a checkpoint. Each held-out sentence is spoken by the
clone and compared with what the person recorded.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from coursekit.files import write_json_atomic
from voice_pipeline.audio import resample, write_wav
from voice_pipeline.copy_synthesis import griffin_lim_copy
from voice_pipeline.engine_comparison import ROW, other_engines
from voice_pipeline.engines import get_engine
from voice_pipeline.engines.base import LoadedVoice, ProgressCallback, TrainingClip
from voice_pipeline.engines.starter.base_voice import reference_embeddings
from voice_pipeline.errors import PipelineError
from voice_pipeline.scores import Measured, bootstrap_interval, measure, median_pitch, summarise
from voice_pipeline.settings import AUDIO
from voice_pipeline.speaker import SpeakerEncoder, centroid
from voice_pipeline.training import load_voice, read_run, read_split, weights_hash
from voice_pipeline.voice_folder import VoiceFolder

logger = logging.getLogger(__name__)

__all__ = ["Measured", "bootstrap_interval", "evaluate_voice", "measure"]


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
        zero_shot: also measure the engine's model before fine-tuning, where it can speak without.
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
    speakers = voices_to_measure(folder, train, device=device, zero_shot=zero_shot)
    speakers |= other_engines(folder, train, held_out, device=device)
    encoder = SpeakerEncoder.shared()
    on_progress(0.02, "listening to the real clips")
    target = centroid([encoder.embed(_read(clip), AUDIO.sample_rate) for clip in train])
    texts = [clip.text for clip in held_out]
    recordings = [_read(clip) for clip in held_out]
    real = measure(recordings, texts, target, AUDIO.sample_rate)
    others = reference_embeddings() @ target
    measured = {"real": real}

    on_progress(0.15, "listening to Griffin-Lim copies of the real clips")
    copies = [griffin_lim_copy(waveform, seed=seed) for waveform in recordings]
    _write_samples(samples_dir(folder, "griffin_lim"), held_out, copies)
    measured["griffin_lim"] = measure(copies, texts, target, AUDIO.sample_rate)

    for number, (name, load) in enumerate(speakers.items()):
        on_progress(0.3 + 0.65 * number / len(speakers), f"listening to the {name.replace('_', '-')} voice")
        try:
            voice = load()
        except PipelineError as error:  # another engine's base model may be gone; the voice's own has to load
            if not name.startswith(ROW):
                raise
            logger.warning("%s is not on the card: %s (%s)", name, error, error.hint)
            continue
        measured[name] = _speak_and_measure(voice, held_out, target, seed, samples_dir(folder, name))
    card = _card(folder, measured, others, held_out, len(train), seed)
    write_json_atomic(folder.proof_card, card)
    on_progress(1.0, "proof card written")
    return card


def voices_to_measure(
    folder: VoiceFolder, train: list[TrainingClip], *, device: str = "cpu", zero_shot: bool = True
) -> dict[str, Callable[[], LoadedVoice]]:
    """Voices of the card: before fine-tuning where the engine can, each other kept checkpoint, last the chosen one.

    A kept checkpoint is a folder beside the chosen model that holds weights (`best`, `last`); one with the weights of
    another is not measured twice.

    Returns:
        name -> what loads it; one at a time, since a model may fill the memory.

    Raises:
        PipelineError: the voice has no model, or no consent.
    """
    chosen = load_voice(folder, device=device)
    info = folder.read_info()
    engine, model_dir = get_engine(info["engine"]), folder.root / info["model"]
    voices: dict[str, Callable[[], LoadedVoice]] = {}
    before = getattr(engine, "zero_shot", None)
    if zero_shot and before:
        voices["zero_shot"] = lambda: before(train)
    seen = {weights_hash(model_dir)}
    for path in sorted(model_dir.parent.iterdir()):
        if path.is_dir() and path != model_dir and any(path.glob("*.safetensors")):
            digest = weights_hash(path)
            if digest not in seen:
                seen.add(digest)
                voices[path.name] = functools.partial(engine.load, path, device=device)
    voices["clone"] = lambda: chosen
    return voices


def _speak_and_measure(
    voice: LoadedVoice, clips: list[TrainingClip], target: np.ndarray, seed: int, samples: Path
) -> Measured:
    from voice_pipeline.synthesis import speak

    speak(voice, "A warm engine is a fair engine.", seed=seed)
    spoken, computing = [], []
    for clip in clips:
        started = time.perf_counter()
        spoken.append(speak(voice, clip.text, seed=seed).waveform)
        computing.append(time.perf_counter() - started)
    spoken = [resample(waveform, voice.sample_rate, AUDIO.sample_rate) for waveform in spoken]
    _write_samples(samples, clips, spoken)
    out = measure(spoken, [clip.text for clip in clips], target, AUDIO.sample_rate)
    out.computing = computing
    out.real_time_factor = sum(computing) / max(1e-9, sum(out.seconds))
    return out


def _card(
    folder: VoiceFolder,
    measured: dict[str, Measured],
    others: np.ndarray,
    held_out: list[TrainingClip],
    n_train: int,
    seed: int,
) -> dict[str, Any]:
    run = read_run(folder)
    real, clone = measured["real"], measured["clone"]
    floor = float(np.mean(others))
    systems = {name: summarise(one, real, floor, seed) for name, one in measured.items()}
    return {
        "voice": folder.name,
        "engine": run.get("engine"),
        "weights_sha256": run.get("weights_sha256"),
        "held_out_sentences": len(held_out),
        "train_clips": n_train,
        "similarity": {
            "clone": systems["clone"]["similarity"],
            "ceiling": systems["real"]["similarity"],
            "floor": floor,
            "floor_interval": bootstrap_interval(others.tolist(), lambda values: float(values.mean()), seed),
            "nearest_other": float(np.max(others)),
            "other_people": len(others),
            "normalized": systems["clone"]["normalized"],
        },
        "wer": {"clone": clone.word_errors, "real": real.word_errors},
        "dnsmos": {"clone": systems["clone"]["dnsmos"], "real": systems["real"]["dnsmos"]},
        "pitch_hz": {"clone": median_pitch(clone), "real": median_pitch(real)},
        "real_time_factor": clone.real_time_factor,
        "fine_tune_seconds": run.get("seconds"),
        "fine_tune_steps": run.get("steps"),
        "chosen_checkpoint": Path(folder.read_info()["model"]).name,
        "systems": systems,
        "per_sentence": [
            {"clip": clip.clip_id, "text": clip.text, "similarity": clone.similarity[i], "real": real.similarity[i]}
            for i, clip in enumerate(held_out)
        ],
        "metrics": METRICS,
        "settings": {"seed": seed, **AUDIO.as_dict()},
    }


METRICS = {
    "similarity": "cosine of Resemblyzer embeddings to the mean of the training clips",
    "wer": "word error rate by PocketSphinx; compare it only with the rate of the real clips",
    "normalized": "(clone - floor) / (ceiling - floor); 0 is another person, 1 is the person",
    "dnsmos": "predicted opinion score by DNSMOS P.835, 1 to 5, at -23 LUFS; compare it with the real clips",
    "pitch_error": "geometric mean over sentences of clone F0 / real F0, minus 1 (median F0 of each sentence, pYIN)",
    "rate": "seconds of the recordings / seconds of the clone; above 1 the clone is faster",
    "characters_per_second": "letters and digits spoken a second",
    "real_time_factor": "seconds of computing per second of speech; 0 for recordings",
    "griffin_lim": "the real clips turned into a mel spectrogram and back by Griffin-Lim: a yardstick, no clone",
    "interval": "95 % percentile bootstrap over sentences, 2000 draws; clone and recording are drawn together",
}


def samples_dir(folder: VoiceFolder, name: str) -> Path:
    """Where the sentences that one system spoke for the card lie, as CLIP.wav."""
    return folder.reports / "samples" / name


def _write_samples(folder: Path, clips: list[TrainingClip], waveforms: list[np.ndarray]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for clip, waveform in zip(clips, waveforms, strict=True):
        write_wav(folder / f"{clip.clip_id}.wav", waveform, AUDIO.sample_rate)


def _read(clip: TrainingClip) -> np.ndarray:
    return soundfile.read(clip.path, dtype="float32")[0]
