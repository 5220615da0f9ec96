"""The `vits` engine: a published Coqui VITS checkpoint, fine-tuned to one speaker.

The base checkpoints are downloaded by Coqui's own code; the same code path runs with a local checkpoint folder
(`VOICE_VITS_CHECKPOINT`, or the option `checkpoint`), which is how the tests exercise it. The published checkpoints
themselves were not at hand where this was written: what is proved is loading, fine-tuning, resuming, exporting and
speaking with small VITS models of the same format on a CPU, not the quality of a fine-tuned published one, nor a GPU.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.files import write_json_atomic
from voice_pipeline.engines.base import (
    FineTuneRequest,
    FineTuneResult,
    Licence,
    LoadedVoice,
    fingerprint,
    training_parts,
)
from voice_pipeline.engines.coqui_models import (
    BaseFiles,
    BaseModel,
    base_models,
    ensure_base_model,
    files_in,
    licence_of,
)
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import read_json

logger = logging.getLogger(__name__)

CHECKPOINT_VARIABLE = "VOICE_VITS_CHECKPOINT"
DEFAULT_CHECKPOINT = "tts_models/en/ljspeech/vits"
SPEAKER = "my-voice"  # name of the new row in the speaker table of a multi-speaker base
_ESPEAK_INSTALL = {
    "linux": "sudo apt install espeak-ng   (Fedora: sudo dnf install espeak-ng)",
    "darwin": "brew install espeak-ng",
    "win32": "winget install eSpeak-NG.eSpeak-NG, then open a new console",
}
_STEPS = {"cuda": 1500, "cpu": 150}


def vits_checkpoints() -> list[BaseModel]:
    """The published English VITS checkpoints with their licences."""
    return base_models("en", "vits")


class VitsEngine:
    """Fine-tunes a Coqui VITS checkpoint (Kim, Kong and Son 2021, arXiv 2106.06103).

    Attributes:
        options: what `FineTuneRequest.options` may hold, with one line of help each.
    """

    name = "vits"
    title = "Coqui VITS checkpoint, fine-tuned (download of some 150 MB; a GPU is advisable)"
    licence = Licence(
        name="Apache-2.0",
        url="https://www.apache.org/licenses/LICENSE-2.0",
        note="The default checkpoint learned from LJSpeech (public domain); other checkpoints carry their own licence.",
    )
    options = {
        "checkpoint": f"published name or folder of the base checkpoint (default {DEFAULT_CHECKPOINT})",
        "batch_size": "clips per step (default 8 on a GPU, 4 on a CPU)",
        "learning_rate": "of generator and discriminator (default 1e-4)",
    }

    def __init__(self, checkpoint: str | Path | None = None) -> None:
        self.checkpoint = str(checkpoint or os.environ.get(CHECKPOINT_VARIABLE) or DEFAULT_CHECKPOINT)

    def prepare(self, *, accept_licence: bool = False, offline: bool = False) -> None:
        """Have the base checkpoint and its phonemizer ready.

        Raises:
            PipelineError: one of them cannot be had.
        """
        files = _base_files(self.checkpoint, offline=offline)
        _check_phonemizer(_read_config(files.config))

    def fine_tune(self, request: FineTuneRequest) -> FineTuneResult:
        """Adapt all weights to the speaker; resumes what it finds in `request.run_dir`.

        Raises:
            PipelineError: the base checkpoint, the phonemizer or usable clips are missing, or training diverged.
        """
        from voice_pipeline.engines.coqui import check_run_settings, coqui_samples, keep_usable
        from voice_pipeline.engines.coqui_trainer import run_training

        settings = self._settings(request)
        files = _base_files(settings["checkpoint"])
        train, left_out = keep_usable(request.train, shortest=0.5, longest=20.0, why="VITS")
        held_out = [clip for clip in request.validation if clip.text.strip()]
        settings |= {"clips": fingerprint(train), "seed": request.seed}
        check_run_settings(request.run_dir, settings)

        cache = request.run_dir / "cache"
        shutil.rmtree(cache / "phonemes", ignore_errors=True)  # Coqui's cache is not safe against a kill
        config = _training_config(files, settings, cache, len(train))
        model = _model_for_training(config, files)
        names = {"speaker": SPEAKER, "language": "en"}
        rate = config.audio.sample_rate
        outcome = run_training(
            model,
            config,
            coqui_samples(train, cache, rate, **names),
            coqui_samples(held_out, cache, rate, **names),
            request.run_dir,
            max_steps=_steps(request),
            max_seconds=request.max_seconds,
            device=request.device,
            seed=request.seed,
            on_progress=request.on_progress,
            meter=request.meter,
            eval_every=_eval_every(request),
            save_every=_save_every(request),
        )
        model_dir = _export(request.run_dir / "best", config, outcome.best_checkpoint, settings, left_out)
        return FineTuneResult(model_dir, outcome.steps, outcome.seconds, outcome.metrics)

    def workload(self, request: FineTuneRequest) -> dict[str, float]:
        """See `Measurable`."""
        return training_parts(_steps(request), eval_every=_eval_every(request), save_every=_save_every(request))

    def load(self, model_dir: Path, *, device: str = "cpu") -> LoadedVoice:
        """Load a fine-tuned voice; reads safetensors and JSON only.

        Raises:
            PipelineError: a file is missing or damaged, or the phonemizer is not installed.
        """
        from voice_pipeline.engines.checkpoints import apply_weights, load_weights
        from voice_pipeline.engines.coqui import setup_coqui

        weights = load_weights(model_dir / "model.safetensors")
        config = _read_config(model_dir / "config.json")
        _check_phonemizer(config)
        setup_coqui()
        from TTS.tts.models.vits import Vits

        model = Vits(config)
        apply_weights(model, weights, model_dir / "model.safetensors")
        return VitsVoice(model.to(device).eval())

    def _settings(self, request: FineTuneRequest) -> dict[str, Any]:
        unknown = sorted(set(request.options) - set(self.options))
        if unknown:
            raise PipelineError(
                f"the engine vits has no setting {', '.join(unknown)}", hint=f"it knows {', '.join(self.options)}"
            )
        cuda = request.device.startswith("cuda")
        settings: dict[str, Any] = {
            "engine": self.name,
            "checkpoint": str(request.options.get("checkpoint", self.checkpoint)),
            "batch_size": int(request.options.get("batch_size", 8 if cuda else 4)),
            "learning_rate": float(request.options.get("learning_rate", 1e-4)),
        }
        if settings["batch_size"] < 1 or not 0 < settings["learning_rate"] < 1:
            raise PipelineError(
                f"batch_size {settings['batch_size']} or learning_rate {settings['learning_rate']} is out of range",
                hint="batch_size is 1 or more, learning_rate lies between 0 and 1; leave them out for the defaults",
            )
        return settings


class VitsVoice:
    """A fine-tuned VITS in memory.

    Attributes:
        sample_rate: Hz, as the base checkpoint has it (22,050 for the published ones).
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.sample_rate = int(model.config.audio.sample_rate)
        self._length_scale = float(model.length_scale)

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        """Speak one chunk; see `LoadedVoice.synthesize`. Text without anything to pronounce gives 0.2 s of silence."""
        import torch

        ids = self.model.tokenizer.text_to_ids(text, language="en")
        if len(set(ids)) < 2:  # blanks only
            return np.zeros(self.sample_rate // 5, dtype=np.float32)
        device = self.model.device
        tokens = torch.as_tensor(ids, dtype=torch.long, device=device).unsqueeze(0)
        inputs = {"x_lengths": torch.tensor([tokens.shape[1]], device=device), "speaker_ids": self._speaker(device)}
        self.model.length_scale = self._length_scale / speed
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.inference_mode():
            torch.manual_seed(seed)
            outputs = self.model.inference(tokens, aux_input={"d_vectors": None, "language_ids": None, **inputs})
        waveform = outputs["model_outputs"][0, 0].float().cpu().numpy()
        return np.clip(np.nan_to_num(waveform), -1.0, 1.0).astype(np.float32)

    def _speaker(self, device: Any) -> Any:
        import torch

        manager = self.model.speaker_manager
        return torch.tensor([manager.name_to_id[SPEAKER]], device=device) if manager is not None else None


def _steps(request: FineTuneRequest) -> int:
    return request.max_steps or _STEPS["cuda" if request.device.startswith("cuda") else "cpu"]


def _eval_every(request: FineTuneRequest) -> int:
    return max(1, min(50, (request.max_steps or 500) // 10))


def _save_every(request: FineTuneRequest) -> int:
    return 100 if request.device.startswith("cuda") else 25  # about 1 GB for a published model


def _base_files(checkpoint: str, *, offline: bool = False) -> BaseFiles:
    folder = Path(checkpoint).expanduser()
    if folder.is_dir():
        return files_in(folder)
    if not checkpoint.startswith("tts_models/"):
        raise PipelineError(
            f"there is no checkpoint folder {checkpoint}",
            hint="names of published checkpoints: " + ", ".join(model.name for model in vits_checkpoints()),
        )
    logger.info("base checkpoint %s, licence %s", checkpoint, licence_of(checkpoint))
    return ensure_base_model(checkpoint, offline=offline)


def _read_config(path: Path) -> Any:
    """Coqui's configuration of a VITS model."""
    from voice_pipeline.engines.coqui import setup_coqui

    setup_coqui()
    from TTS.tts.configs.vits_config import VitsConfig

    if not path.is_file():
        raise PipelineError(f"the model's {path} is missing", hint="fine-tune the voice again: 04_fine_tune.py")
    content = read_json(path)
    if not isinstance(content, dict) or content.get("model") != "vits":
        raise PipelineError(f"{path} is not the configuration of a VITS model", hint="choose a VITS checkpoint")
    config = VitsConfig()
    try:
        config.from_dict(content)
    except Exception as error:  # Coqpit raises many kinds, assertions included
        raise PipelineError(f"{path} cannot be understood: {error}", hint="choose another checkpoint") from error
    return config


def _check_phonemizer(config: Any) -> None:
    """A model has to be served with the phonemizer it was trained with; that of most published ones is espeak-ng."""
    if not config.use_phonemes:
        return
    if config.phonemizer == "gruut":
        return  # pure Python, part of the installation
    if not (shutil.which("espeak-ng") or shutil.which("espeak")):
        raise PipelineError(
            "this checkpoint reads phonemes of espeak-ng, and the program espeak-ng is not installed",
            hint=f"{_ESPEAK_INSTALL.get(sys.platform, _ESPEAK_INSTALL['linux'])}; or use --engine starter",
        )


def _training_config(files: BaseFiles, settings: dict[str, Any], cache: Path, n_clips: int) -> Any:
    config = _read_config(files.config)
    _check_phonemizer(config)
    args = config.model_args
    if args.use_d_vector_file or args.use_language_embedding or args.use_speaker_encoder_as_loss:
        raise PipelineError(
            f"{settings['checkpoint']} uses speaker vectors or several languages; this engine cannot adapt that",
            hint=f"choose another checkpoint, for example {DEFAULT_CHECKPOINT}",
        )
    config.batch_size = config.eval_batch_size = min(settings["batch_size"], n_clips)
    config.batch_group_size = max(1, n_clips // config.batch_size)  # the whole set is one group to shuffle
    config.num_loader_workers = config.num_eval_loader_workers = config.precompute_num_workers = 0
    config.lr_gen = config.lr_disc = settings["learning_rate"]
    config.target_loss = "loss_mel"
    config.mixed_precision = config.use_weighted_sampler = False
    config.min_text_len, config.max_text_len = 1, 10**6  # the clips were sorted out before
    config.min_audio_len, config.max_audio_len = 1, 10**9
    config.phoneme_cache_path = str(cache / "phonemes")
    config.datasets, config.test_sentences = [], []
    args.init_discriminator = True
    return config


def _model_for_training(config: Any, files: BaseFiles) -> Any:
    """The base model; a multi-speaker one gets a new row in its speaker table, the mean of all rows."""
    import torch
    from TTS.tts.models.vits import Vits

    from voice_pipeline.engines.checkpoints import load_checkpoint

    weights = load_checkpoint(files.weights).get("model")
    if not isinstance(weights, dict):
        raise PipelineError(f"{files.weights} holds no model weights", hint="fetch or copy the checkpoint again")
    weights = {name: tensor for name, tensor in weights.items() if not name.startswith("speaker_encoder.")}
    if config.use_speaker_embedding or config.model_args.use_speaker_embedding:
        _name_speakers(config, files, len(weights["emb_g.weight"]))
        table = weights["emb_g.weight"]
        weights["emb_g.weight"] = torch.cat([table, table.mean(dim=0, keepdim=True)])
    torch.manual_seed(0)  # of the discriminator, where the checkpoint has none
    model = Vits(config)
    try:
        missing, unexpected = model.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        missing, unexpected = [str(error).splitlines()[-1].strip()], []
    lacking = [name for name in missing if not name.startswith("disc.")]
    if lacking or unexpected:
        raise PipelineError(
            f"{files.weights} does not fit {files.config}: {(lacking or unexpected)[0][:200]}",
            hint="fetch or copy the checkpoint again: weights and config.json of the same model",
        )
    return model


def _name_speakers(config: Any, files: BaseFiles, rows: int) -> None:
    """Put the base model's speakers and the new one into the configuration itself, so that no second file is needed."""
    from TTS.tts.utils.managers import load_file

    names = list(config.speakers or [])
    if not names:
        given = config.model_args.speakers_file or config.speakers_file or "speaker_ids.json"
        path = next((p for p in (Path(given), files.folder / Path(given).name) if p.is_file()), None)
        table = load_file(path) if path is not None else {str(number): number for number in range(rows)}
        names = sorted(table, key=lambda name: table[name])
    if len(names) != rows:
        raise PipelineError(
            f"{files.folder} names {len(names)} speakers, its weights hold {rows}", hint="fetch the checkpoint again"
        )
    config.speakers = [*names, SPEAKER]
    config.num_speakers = config.model_args.num_speakers = rows + 1
    config.use_speaker_embedding = config.model_args.use_speaker_embedding = True
    config.speakers_file = config.model_args.speakers_file = None


def _export(
    model_dir: Path, config: Any, checkpoint: Path, settings: dict[str, Any], left_out: list[dict[str, str]]
) -> Path:
    """Write weights without the discriminator, configuration without paths, and how they came about."""
    from voice_pipeline.engines.checkpoints import load_checkpoint, save_weights

    state = load_checkpoint(checkpoint)
    weights = {name: tensor for name, tensor in state["model"].items() if not name.startswith("disc.")}
    content = json.loads(config.to_json())
    content["model_args"]["init_discriminator"] = False
    for key in ("output_path", "phoneme_cache_path", "speakers_file", "restore_path"):
        content[key] = None if key != "output_path" else ""
    save_weights(model_dir / "model.safetensors", weights)
    write_json_atomic(model_dir / "config.json", content)
    licence = licence_of(settings["checkpoint"])
    write_json_atomic(
        model_dir / "settings.json",
        {**settings, "step": state["step"], "base_licence": licence, "left_out": left_out},
    )
    return model_dir
