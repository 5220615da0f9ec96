"""XTTS models from their published files: one to train, one to speak with."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from voice_pipeline.engines.coqui_models import BaseFiles, base_model, extra_file
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import read_json


def setup() -> None:
    """Keep Coqui and transformers quiet."""
    from transformers.utils import logging as transformers_logging

    from voice_pipeline.engines.coqui import setup_coqui

    setup_coqui()
    transformers_logging.set_verbosity_error()  # it warns about token ids that XTTS does not use


def _training_file(files: BaseFiles, settings: dict[str, Any], name: str) -> Path:
    """A file that only training needs; Coqui's own download leaves dvae.pth out."""
    path = files.folder / name
    if path.is_file():
        return path
    if not settings["checkpoint"].startswith("tts_models/"):
        raise PipelineError(
            f"fine-tuning XTTS needs {path}", hint="copy it from the XTTS-v2 repository, or use 0 steps (zero-shot)"
        )
    return extra_file(base_model(settings["checkpoint"]), name)


def _config_values(files: BaseFiles) -> dict[str, Any]:
    values = read_json(files.config)
    if not isinstance(values, dict) or values.get("model") != "xtts":
        raise PipelineError(f"{files.config} is not the configuration of an XTTS model", hint="choose an XTTS model")
    return values


def training_model(files: BaseFiles, settings: dict[str, Any], seed: int) -> tuple[Any, Any]:
    """Coqui's GPTTrainer after its published fine-tuning recipe (TTS/demos/xtts_ft_demo/utils/gpt_train.py)."""
    import torch

    setup()
    threads = torch.get_num_threads()
    from TTS.tts.configs.xtts_config import XttsAudioConfig
    from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTArgs, GPTTrainer, GPTTrainerConfig

    torch.set_num_threads(threads)  # importing Coqui's data set sets it to 1
    values = _config_values(files)
    known = {field.name for field in fields(GPTArgs)}
    args = GPTArgs(**{name: value for name, value in values["model_args"].items() if name in known})
    args.tokenizer_file = str(files.folder / "vocab.json")
    args.mel_norm_file = str(_training_file(files, settings, "mel_stats.pth"))
    args.dvae_checkpoint = str(_training_file(files, settings, "dvae.pth"))
    args.xtts_checkpoint = args.gpt_checkpoint = ""  # loaded below, strictly
    config = GPTTrainerConfig(
        model_args=args,
        audio=XttsAudioConfig(**values["audio"]),
        batch_size=settings["batch_size"],
        eval_batch_size=settings["batch_size"],
        num_loader_workers=0,
        num_eval_loader_workers=0,
        optimizer="AdamW",
        optimizer_wd_only_on_weights=True,
        optimizer_params={"betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": 1e-2},
        lr=settings["learning_rate"],
        lr_scheduler="MultiStepLR",
        lr_scheduler_params={"milestones": [900_000, 2_700_000, 5_400_000], "gamma": 0.5, "last_epoch": -1},
        scheduler_after_epoch=False,
        training_seed=seed,
    )
    model = _guarded(GPTTrainer, config, source=files.folder)
    state = _guarded(model.xtts.get_compatible_checkpoint_state_dict, files.weights, source=files.weights)
    missing, _ = _guarded(model.xtts.load_state_dict, state, strict=False, source=files.weights)
    _require_all(missing, files.weights)
    return model, config


def inference_model(files: BaseFiles, gpt: dict[str, Any] | None, device: str) -> Any:
    """The model that speaks; `gpt` replaces the base model's GPT where it was fine-tuned."""
    setup()
    from TTS.tts.configs.xtts_config import XttsConfig
    from TTS.tts.models.xtts import Xtts

    config = XttsConfig()
    _guarded(config.from_dict, _config_values(files), source=files.config)
    model = Xtts(config)
    paths = {"checkpoint_dir": str(files.folder), "checkpoint_path": str(files.weights)}
    _guarded(model.load_checkpoint, config, **paths, eval=True, source=files.weights)
    if gpt is not None:
        missing, _ = _guarded(model.gpt.load_state_dict, gpt, strict=False, source=Path("gpt.safetensors"))
        _require_all(missing, Path("gpt.safetensors"))
    model.to(device)
    model.eval()  # Coqui's own eval() returns nothing
    return model


def _guarded(action: Any, *args: Any, source: Path, **kwargs: Any) -> Any:
    """Call Coqui's loading code; whatever it raises names the file."""
    try:
        return action(*args, **kwargs)
    except PipelineError:
        raise
    except Exception as error:  # damaged files raise anything from KeyError to RuntimeError
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()[:300]
        raise PipelineError(
            f"{source} cannot be loaded as part of an XTTS model: {reason}",
            hint="fetch or copy the XTTS model again; if it is a voice of your own, fine-tune it again",
        ) from error


def _require_all(missing: list[str], source: Path) -> None:
    """The inference modules share the GPT's weights under second names; everything else has to be in the file."""
    lacking = [name for name in missing if "gpt_inference." not in name and ".wte." not in f".{name}"]
    if lacking:
        raise PipelineError(f"{source} lacks {lacking[0]}", hint="fetch or copy the XTTS model again")


def gpt_weights(checkpoint: Path) -> dict[str, Any]:
    """The GPT's weights out of a training checkpoint, by the names the speaking model uses."""
    from voice_pipeline.engines.checkpoints import load_checkpoint

    prefix = "xtts.gpt."
    weights = load_checkpoint(checkpoint)["model"]
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
