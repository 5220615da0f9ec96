"""The `xtts` engine: XTTS-v2 by Coqui, zero-shot from the voice's clips or with its GPT fine-tuned to them.

Its weights come under the Coqui Public Model License: non-commercial use only. Nothing is downloaded, loaded or trained
before the user has accepted these terms by an explicit flag.

What is proved and what is not: the published weights (1.9 GB) were not at hand where this was written. Everything here,
Coqui's GPTTrainer recipe included, runs in the tests on a tiny XTTS with random weights and the published file layout
(config.json, model.pth, vocab.json, mel_stats.pth, dvae.pth). Not proved: that the published files load, how a
fine-tuned XTTS-v2 sounds, how much GPU memory it takes (others report 12 GB), and fine-tuning on a GPU.
"""

from __future__ import annotations

import gc
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.files import write_json_atomic
from voice_pipeline.engines.base import (
    FineTuneRequest,
    FineTuneResult,
    Licence,
    LoadedVoice,
    TrainingClip,
    fingerprint,
    training_parts,
)
from voice_pipeline.engines.coqui_models import BaseFiles, ensure_base_model, files_in
from voice_pipeline.engines.xtts_models import gpt_weights, inference_model, setup, training_model
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import read_json

logger = logging.getLogger(__name__)

CHECKPOINT_VARIABLE = "VOICE_XTTS_CHECKPOINT"
DEFAULT_CHECKPOINT = "tts_models/multilingual/multi-dataset/xtts_v2"
LANGUAGE = "en"
# What Coqui's loader takes (TTS/tts/layers/xtts/trainer/dataset.py); it replaces anything else by a random other clip.
SHORTEST_CLIP, LONGEST_CLIP, MOST_TOKENS = 0.5, 11.6, 200
_UNKNOWN, _STOP = 1, 0  # token ids the loader refuses
_SAVE_EVERY = 100  # a checkpoint of the published size takes 5 GB
_REFERENCE_SECONDS = 30  # of speech for the conditioning of the GPT
_SAMPLING = ("temperature", "length_penalty", "repetition_penalty", "top_k", "top_p")


class XttsEngine:
    """XTTS-v2 (Casanova et al. 2024, arXiv 2406.04904).

    Attributes:
        options: what `FineTuneRequest.options` may hold, with one line of help each.
    """

    name = "xtts"
    title = "XTTS-v2, zero-shot or fine-tuned (download of 1.9 GB, non-commercial licence; a GPU for fine-tuning)"
    licence = Licence(
        name="Coqui Public Model License (CPML)",
        url="https://tts-hub.github.io/cpml",
        needs_acceptance=True,
        note="Non-commercial use only, of the weights and of what they say.",
    )
    options = {
        "checkpoint": f"published name or folder of the base model (default {DEFAULT_CHECKPOINT})",
        "batch_size": "clips per step (default 2)",
        "learning_rate": "of the GPT (default 5e-6)",
    }

    def __init__(self, checkpoint: str | Path | None = None) -> None:
        self.checkpoint = str(checkpoint or os.environ.get(CHECKPOINT_VARIABLE) or DEFAULT_CHECKPOINT)
        self._accepted = False

    def prepare(self, *, accept_licence: bool = False, offline: bool = False) -> None:
        """Have the base model ready.

        Args:
            accept_licence: True only if the user has accepted the licence explicitly.
            offline: never touch the network.

        Raises:
            PipelineError: the licence was not accepted, or the weights cannot be had.
        """
        if not accept_licence:
            raise self._refusal()
        self._accepted = True
        logger.info("licence accepted: %s, %s", self.licence.name, self.licence.url)
        _base_files(self.checkpoint, offline=offline)

    def fine_tune(self, request: FineTuneRequest) -> FineTuneResult:
        """Make a voice: `max_steps` steps of fine-tuning (default 0 on a CPU, 500 on a GPU), then its conditioning.

        With 0 steps the voice is zero-shot: the published model, conditioned on the training clips.

        Raises:
            PipelineError: no acceptance of the licence, no base model, no usable clips, or training diverged.
        """
        if not self._accepted:
            raise self._refusal()
        settings = self._settings(request)
        files = _base_files(settings["checkpoint"])
        steps = _steps(request)
        train, left_out = _usable(request.train, files, for_training=steps > 0)
        gpt, outcome = None, None
        if steps > 0:
            outcome = self._train_gpt(request, settings, files, train, steps)
            gpt = gpt_weights(outcome.best_checkpoint)
            gc.collect()  # the training model, before the same model is loaded to speak
        request.on_progress(1.0, "computing the voice's conditioning")
        model_dir = request.run_dir / "best"
        settings |= {"fine_tuned": gpt is not None, "left_out": left_out, "licence": self.licence.name}
        _export(model_dir, files, gpt, train, settings, request.device)
        if outcome is None:
            return FineTuneResult(model_dir, 0, 0.0, {})
        return FineTuneResult(model_dir, outcome.steps, outcome.seconds, outcome.metrics)

    def workload(self, request: FineTuneRequest) -> dict[str, float]:
        """See `Measurable`; no steps, no training: zero-shot."""
        steps = _steps(request)
        return training_parts(steps, eval_every=_eval_every(steps), save_every=_SAVE_EVERY)

    def load(self, model_dir: Path, *, device: str = "cpu") -> LoadedVoice:
        """Load a voice: what is its own from safetensors in `model_dir`, the rest from the base model on this machine.

        Raises:
            PipelineError: a file is missing or damaged, or the base model is not on this machine.
        """
        from voice_pipeline.engines.checkpoints import load_weights

        path = model_dir / "settings.json"
        settings = read_json(path) if path.is_file() else {}
        if settings.get("engine") != self.name:
            raise PipelineError(f"{path} does not describe an xtts voice", hint="fine-tune the voice again")
        conditioning = load_weights(model_dir / "conditioning.safetensors")
        if not {"gpt_cond_latent", "speaker_embedding"} <= set(conditioning):
            raise PipelineError(f"{model_dir} holds no conditioning of a voice", hint="fine-tune the voice again")
        gpt = load_weights(model_dir / "gpt.safetensors") if settings.get("fine_tuned") else None
        files = _base_files(str(settings.get("checkpoint", self.checkpoint)), offline=True)
        return XttsVoice(inference_model(files, gpt, device), conditioning)

    def _refusal(self) -> PipelineError:
        return PipelineError(
            f"XTTS-v2 comes under the {self.licence.name}, non-commercial use only, which was not accepted; "
            f"its terms: {self.licence.url}",
            hint="read the terms; if you agree, run again with --accept-licence; --engine starter and vits are free",
        )

    def _settings(self, request: FineTuneRequest) -> dict[str, Any]:
        unknown = sorted(set(request.options) - set(self.options))
        if unknown:
            raise PipelineError(
                f"the engine xtts has no setting {', '.join(unknown)}", hint=f"it knows {', '.join(self.options)}"
            )
        settings: dict[str, Any] = {
            "engine": self.name,
            "checkpoint": str(request.options.get("checkpoint", self.checkpoint)),
            "batch_size": int(request.options.get("batch_size", 2)),
            "learning_rate": float(request.options.get("learning_rate", 5e-6)),
        }
        if settings["batch_size"] < 1 or not 0 < settings["learning_rate"] < 1:
            raise PipelineError(
                f"batch_size {settings['batch_size']} or learning_rate {settings['learning_rate']} is out of range",
                hint="batch_size is 1 or more, learning_rate lies between 0 and 1; leave them out for the defaults",
            )
        return settings

    def _train_gpt(
        self,
        request: FineTuneRequest,
        settings: dict[str, Any],
        files: BaseFiles,
        train: list[TrainingClip],
        steps: int,
    ) -> Any:
        from voice_pipeline.engines.coqui import check_run_settings, coqui_samples
        from voice_pipeline.engines.coqui_trainer import run_training

        held_out, _ = _sort_out(request.validation, files)
        check_run_settings(request.run_dir, {**settings, "clips": fingerprint(train), "seed": request.seed})
        model, config = training_model(files, settings, request.seed)
        cache, rate = request.run_dir / "cache", config.audio.sample_rate
        names = {"speaker": "my-voice", "language": LANGUAGE}
        return run_training(
            model,
            config,
            coqui_samples(train, cache, rate, **names),
            coqui_samples(held_out, cache, rate, **names),
            request.run_dir,
            max_steps=steps,
            max_seconds=request.max_seconds,
            device=request.device,
            seed=request.seed,
            on_progress=request.on_progress,
            meter=request.meter,
            eval_every=_eval_every(steps),
            save_every=_SAVE_EVERY,
        )


class XttsVoice:
    """An XTTS in memory with the conditioning of one voice.

    Attributes:
        sample_rate: Hz (24,000 for the published model).
    """

    def __init__(self, model: Any, conditioning: dict[str, Any]) -> None:
        self.model = model
        self.sample_rate = int(model.args.output_sample_rate)
        self._latents = conditioning["gpt_cond_latent"]
        self._speaker = conditioning["speaker_embedding"]
        self._sampling = {name: model.config[name] for name in _SAMPLING}

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        """Speak one chunk; see `LoadedVoice.synthesize`. Text without a letter or digit gives 0.2 s of silence."""
        import torch

        if not any(character.isalnum() for character in text):
            return np.zeros(self.sample_rate // 5, dtype=np.float32)
        device = self.model.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(seed)
            outputs = self.model.inference(text, LANGUAGE, self._latents, self._speaker, speed=speed, **self._sampling)
        return np.clip(np.nan_to_num(np.atleast_1d(outputs["wav"])), -1.0, 1.0).astype(np.float32)


def _steps(request: FineTuneRequest) -> int:
    if request.max_steps is not None:
        return request.max_steps
    return 500 if request.device.startswith("cuda") else 0


def _eval_every(steps: int) -> int:
    return max(1, min(50, steps // 10))


def _base_files(checkpoint: str, *, offline: bool = False) -> BaseFiles:
    folder = Path(checkpoint).expanduser()
    if not folder.is_dir() and not checkpoint.startswith("tts_models/"):
        raise PipelineError(f"there is no model folder {checkpoint}", hint=f"use {DEFAULT_CHECKPOINT}, or a folder")
    files = files_in(folder) if folder.is_dir() else ensure_base_model(checkpoint, offline=offline, terms_accepted=True)
    if not (files.folder / "vocab.json").is_file():
        raise PipelineError(f"{files.folder / 'vocab.json'} is missing", hint="fetch or copy the XTTS model again")
    return files


def _usable(
    clips: list[TrainingClip], files: BaseFiles, *, for_training: bool
) -> tuple[list[TrainingClip], list[dict[str, str]]]:
    """Clips for the job; as references for zero-shot any length from half a second up will do."""
    from voice_pipeline.engines.coqui import keep_usable, require_half

    if not for_training:
        return keep_usable(clips, shortest=SHORTEST_CLIP, longest=3600.0, why="XTTS")
    usable, left_out = _sort_out(clips, files)
    require_half(clips, left_out)
    return usable, left_out


def _sort_out(clips: list[TrainingClip], files: BaseFiles) -> tuple[list[TrainingClip], list[dict[str, str]]]:
    """Part what Coqui's loader takes from what it would replace."""
    setup()
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

    tokenizer = VoiceBpeTokenizer(str(files.folder / "vocab.json"))
    usable, left_out = [], []
    for clip in clips:
        tokens = tokenizer.encode(clip.text, LANGUAGE) if clip.text.strip() else []
        reason = ""
        if not tokens:
            reason = "it has no text"
        elif not SHORTEST_CLIP <= clip.seconds <= LONGEST_CLIP:
            reason = f"{clip.seconds:.1f} s; XTTS takes {SHORTEST_CLIP} to {LONGEST_CLIP} s"
        elif len(tokens) > MOST_TOKENS:
            reason = f"{len(tokens)} text tokens; XTTS takes {MOST_TOKENS}"
        elif _UNKNOWN in tokens or _STOP in tokens:
            reason = "its text has a character that XTTS does not know"
        if reason:
            left_out.append({"clip": clip.clip_id, "reason": reason})
        else:
            usable.append(clip)
    return usable, left_out


def _export(
    model_dir: Path,
    files: BaseFiles,
    gpt: dict[str, Any] | None,
    clips: list[TrainingClip],
    settings: dict[str, Any],
    device: str,
) -> None:
    """Write what is this voice's own: conditioning, fine-tuned GPT, settings. The base model stays where it is."""
    from voice_pipeline.engines.checkpoints import save_weights

    model = inference_model(files, gpt, device)
    references = sorted(clips, key=lambda clip: (-clip.seconds, clip.clip_id))
    latents, speaker = model.get_conditioning_latents(
        [str(clip.path) for clip in references],
        gpt_cond_len=_REFERENCE_SECONDS,
        gpt_cond_chunk_len=model.config.gpt_cond_chunk_len,
        max_ref_length=model.config.max_ref_len,
    )
    if gpt is not None:
        save_weights(model_dir / "gpt.safetensors", gpt)
    conditioning = {"gpt_cond_latent": latents, "speaker_embedding": speaker}
    save_weights(model_dir / "conditioning.safetensors", conditioning)
    write_json_atomic(model_dir / "settings.json", {**settings, "references": [clip.clip_id for clip in references]})
