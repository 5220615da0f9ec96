"""The engine that works on any laptop: embedded weights, no download, minutes of CPU."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch

from coursekit.files import write_json_atomic
from voice_pipeline.engines.base import FineTuneRequest, FineTuneResult, Licence, TrainingClip, training_parts
from voice_pipeline.engines.checkpoints import load_checkpoint, save_checkpoint
from voice_pipeline.engines.coqui_trainer import StepReport, TrainingOutcome, run_training
from voice_pipeline.engines.starter.aligner import Aligner
from voice_pipeline.engines.starter.base_voice import ACOUSTIC, ALIGNER, check_complete, main_embeddings
from voice_pipeline.engines.starter.data import Frames
from voice_pipeline.engines.starter.finetune import FineTuneTTS, Listener, Wanted
from voice_pipeline.engines.starter.frontend import encode
from voice_pipeline.engines.starter.model import StarterTTS
from voice_pipeline.engines.starter.replay import replay_sentences, speak_replay
from voice_pipeline.engines.starter.voice import Calibration, StarterVoice, calibrate
from voice_pipeline.errors import PipelineError
from voice_pipeline.features import content_key, extract, load_features
from voice_pipeline.meter import TRIAL
from voice_pipeline.recognizer import Recognizer, word_errors
from voice_pipeline.settings import AUDIO
from voice_pipeline.speaker import SpeakerEncoder, centroid, similarity
from voice_pipeline.voice_folder import read_jsonl, write_jsonl

logger = logging.getLogger(__name__)

# Spoken at each trial to choose the checkpoint; nobody's recordings, so the held-out clips stay unseen until the proof.
# From Alice's Adventures in Wonderland (Lewis Carroll, 1865, public domain).
TRIAL_SENTENCES = (
    "There was nothing so very remarkable in that.",
    "She had never before seen a rabbit with a waistcoat pocket.",
    "The table was a large one, but the three were all crowded together at one corner of it.",
    "It sounded an excellent plan, no doubt, and very neatly and simply arranged.",
    "She went on growing, and very soon had to kneel down on the floor.",
    "Begin at the beginning, and go on till you come to the end.",
    "The rabbit hole went straight on like a tunnel for some way, and then dipped suddenly down.",
    "Either the well was very deep, or she fell very slowly.",
)
_WORD_ERROR_WEIGHT = 0.3  # one word in ten misheard costs as much as 0.03 of similarity
_SHARES = (0.7, 1.0)  # how far a candidate goes from the base weights towards the trained ones
_CORRECTION, _REPLAY = "correction", "replay"  # what the meter calls them
_PATIENCE = 3  # trials in a row without a new best before training stops


@dataclass(frozen=True)
class Trial:
    """One candidate, measured.

    Attributes:
        step: optimiser steps done.
        share: how far its weights are from the base (0) to the trained ones (1). A part of the way keeps most of the
            likeness and more of the words than all of it (Wortsman et al. 2022, Robust fine-tuning).
        similarity: mean cosine of the trial sentences to the training clips' mean embedding.
        word_error_rate: of the trial sentences.
        score: similarity minus 0.3 times the word error rate; the highest is kept.
    """

    step: int
    share: float
    similarity: float
    word_error_rate: float
    score: float


class StarterEngine:
    """See `Engine`."""

    name = "starter"
    title = "starter voice: embedded, trained from nothing in this repository, learns a voice in minutes on a CPU"
    licence = Licence("MIT", note="weights trained on CC0, public-domain and CC BY speech, see MODEL_CARD.md")

    options = {"learning_rate": "peak of the optimiser's (default 1e-4)"}
    learning_rate = 1e-4  # 3e-4 loses the words within 80 steps
    batch_size = 8
    default_steps = 150
    trial_every = 50

    def prepare(self, *, accept_licence: bool = False, offline: bool = False) -> None:
        """Check that the embedded weights are there."""
        check_complete()

    def fine_tune(self, request: FineTuneRequest) -> FineTuneResult:
        """Learn one speaker: align, train, measure on the way, keep the best checkpoint, correct rate and pitch."""
        self.prepare()
        steps = request.max_steps or self.default_steps
        best_dir = request.run_dir / "best"
        request.on_progress(0.0, "aligning the clips")
        clips = load_clips(request.train, request.folder.features)
        held_out = load_clips(request.validation, request.folder.features)
        embedding = torch.from_numpy(centroid([clip.embedding.numpy() for clip in clips]))

        torch.manual_seed(request.seed)
        base = StarterTTS.read(ACOUSTIC)
        model = FineTuneTTS(base.settings).start_from(base, embedding)
        model.learning_rate = float(request.options.get("learning_rate", self.learning_rate))
        model.total_steps = steps
        pitch = base.mean_pitch(torch.cat([clip.f0 for clip in clips]))
        scale = calibrate(base, embedding, clips).length_scale
        model.wanted = Wanted(embedding.to(request.device), pitch, scale)
        model.listener = Listener(replay_sentences(), request.device)
        others = [torch.from_numpy(row) for row in main_embeddings()]
        with request.meter.some(_REPLAY, replay_sentences(), least=12) as sentences:
            replay = speak_replay(base, others, sentences)
        for clip in clips + held_out:
            clip.embedding = torch.zeros_like(clip.embedding)  # stands for the voice that is being learned
        samples = clips * max(1, round(len(replay) / len(clips))) + replay
        judge = _Judge(model, clips, embedding.numpy(), request)
        if not judge.trials:
            judge.try_out(model, 0)

        def on_step(report: StepReport) -> bool:
            if report.step % self.trial_every == 0 or report.step == steps:
                judge.try_out(model, report.step)
            return judge.gave_up

        config = model.config
        config.scheduler_after_epoch = False
        config.batch_size = self.batch_size
        config.eval_batch_size = max(1, len(held_out))
        outcome = run_training(
            model.to(request.device),
            config,
            samples,
            held_out,
            request.run_dir,
            max_steps=steps,
            max_seconds=request.max_seconds,
            device=request.device,
            seed=request.seed,
            on_progress=lambda share, sentence: request.on_progress(0.02 + 0.93 * share, sentence),
            on_step=on_step,
            eval_every=self.trial_every,
            save_every=self.trial_every // 2,
            keep_best=False,  # the judge keeps the checkpoint that is best by what a listener would notice
            meter=request.meter,
        )
        if judge.trials[-1].step < outcome.steps:  # stopped by the clock, between two trials
            judge.try_out(model, outcome.steps)
        request.on_progress(0.96, "measuring pitch and rate")
        judge.voice_of(load_checkpoint(judge.best_path)["weights"]).save(best_dir)
        judge.voice_of(_weights(model)).save(request.run_dir / "last")  # so that the proof card can compare
        return self._result(best_dir, outcome, judge)

    def workload(self, request: FineTuneRequest) -> dict[str, float]:
        """See `Measurable`."""
        steps = request.max_steps or self.default_steps
        tries = 1 + len(_SHARES) * math.ceil(steps / self.trial_every)
        parts = training_parts(steps, eval_every=self.trial_every, save_every=self.trial_every // 2)
        return {**parts, _REPLAY: 1, TRIAL: tries, _CORRECTION: tries + 2}

    def load(self, model_dir: Path, *, device: str = "cpu") -> StarterVoice:
        """Load a fine-tuned voice."""
        return StarterVoice.read(model_dir, device)

    def zero_shot(self, clips: list[TrainingClip]) -> StarterVoice:
        """The base model told who speaks and nothing more: what fine-tuning is compared with."""
        encoder = SpeakerEncoder.shared()
        embeddings = [encoder.embed(*soundfile.read(clip.path, dtype="float32")) for clip in clips]
        return self.of_embedding(centroid(embeddings))

    def of_embedding(self, embedding: np.ndarray) -> StarterVoice:
        """The base model with a speaker embedding `[256]`."""
        self.prepare()
        base = StarterTTS.read(ACOUSTIC)
        return StarterVoice(base, torch.from_numpy(embedding.astype(np.float32)), Calibration())

    @staticmethod
    def _result(model_dir: Path, outcome: TrainingOutcome, judge: _Judge) -> FineTuneResult:
        best = judge.best
        metrics = {**outcome.metrics, **{f"trial_{name}": float(value) for name, value in asdict(best).items()}}
        write_json_atomic(model_dir.parent / "trials.json", [asdict(trial) for trial in judge.trials])
        return FineTuneResult(model_dir, outcome.steps, outcome.seconds, metrics)


class _Judge:
    """Measures candidates on the trial sentences and keeps the best."""

    def __init__(self, start: FineTuneTTS, clips: list[Frames], target: np.ndarray, request: FineTuneRequest) -> None:
        self.clips, self.target, self.meter = clips, target, request.meter
        self.best_path = request.run_dir / "chosen.pth"
        self.log = request.run_dir / "trials.jsonl"
        self._base = _weights(start)
        self._candidate = StarterTTS(start.settings).to(request.device)
        self.trials = [Trial(**row) for row in read_jsonl(self.log)] if self.best_path.is_file() else []

    @property
    def best(self) -> Trial:
        return max(self.trials, key=lambda trial: trial.score)

    @property
    def gave_up(self) -> bool:
        tried_since = {trial.step for trial in self.trials if trial.step > self.best.step}
        return len(tried_since) >= _PATIENCE

    def try_out(self, model: FineTuneTTS, step: int) -> None:
        """Measure the weights of now, at every share; keep those that are the best so far."""
        self.trials = [trial for trial in self.trials if trial.step < step]  # a resumed run passes here again
        learned = _weights(model)
        for share in _SHARES if step else (0.0,):
            weights = {
                name: torch.lerp(value, learned[name], share) if value.is_floating_point() else value
                for name, value in self._base.items()
            }
            trial = self._measure(weights, step, share)
            if not self.trials or trial.score > self.best.score:
                save_checkpoint(self.best_path, {"weights": weights, "trial": asdict(trial)})
            self.trials.append(trial)
            write_jsonl(self.log, [asdict(one) for one in self.trials])

    def voice_of(self, weights: dict[str, torch.Tensor]) -> StarterVoice:
        """A voice with these weights, corrected by what the clips measure."""
        voice = weights["voice"]
        self._candidate.load_state_dict({name: value for name, value in weights.items() if name != "voice"})
        self._candidate.eval()
        return StarterVoice(self._candidate, voice, calibrate(self._candidate, voice, self.clips))

    def _measure(self, weights: dict[str, torch.Tensor], step: int, share: float) -> Trial:
        encoder, recognizer = SpeakerEncoder.shared(), Recognizer.shared()
        with self.meter.measure(_CORRECTION):
            voice = self.voice_of(weights)
        with self.meter.some(TRIAL, TRIAL_SENTENCES) as texts:
            spoken = [voice.synthesize(text) for text in texts]
            alike = float(np.mean([similarity(encoder.embed(wave, AUDIO.sample_rate), self.target) for wave in spoken]))
            errors = word_errors(texts, [recognizer.transcribe(wave, AUDIO.sample_rate) for wave in spoken]).rate
        logger.info("step %d, share %.2f: similarity %.3f, word error rate %.2f", step, share, alike, errors)
        return Trial(step, share, alike, errors, alike - _WORD_ERROR_WEIGHT * errors)


def _weights(model: FineTuneTTS) -> dict[str, torch.Tensor]:
    return {name: value.detach().cpu().clone() for name, value in model.state_dict().items()}


def load_clips(clips: list[TrainingClip], cache: Path | None = None) -> list[Frames]:
    """Frames of clips, with durations found by the embedded aligner.

    Args:
        clips: 24 kHz mono WAV files and their texts.
        cache: the voice's features/, used where it is valid.

    Raises:
        PipelineError: a clip is not at 24 kHz, or has fewer frames than its text has sounds.
    """
    aligner = Aligner.read(ALIGNER)
    frames = []
    for clip in clips:
        waveform, rate = soundfile.read(clip.path, dtype="float32")
        if rate != AUDIO.sample_rate:
            raise PipelineError(
                f"{clip.path} is at {rate} Hz, not {AUDIO.sample_rate}", hint="python 02_preprocess_recordings.py"
            )
        found = load_features(cache / f"{clip.clip_id}.npz", content_key(clip.path)) if cache else None
        found = found or extract(waveform)
        embedding = SpeakerEncoder.shared().embed(waveform, rate)
        item = Frames.of(encode(clip.text), found.mel, found.f0, found.energy, embedding, clip.clip_id)
        if not item.alignable:
            raise PipelineError(
                f"clip {clip.clip_id} is too short for its text ({clip.seconds:.1f} s for '{clip.text[:40]}')",
                hint="record it again, or correct its text in metadata.csv",
            )
        item.durations = aligner.durations(item)
        frames.append(item)
    return frames
