"""What pocket-tts needs on this machine: its package, a configuration, the weights and the tokenizer.

Names and addresses come from the configurations inside the installed package, the download is the package's own, and
the files land in the hub's cache, so that a model which another program has fetched is used as it is. Every address
names a commit: what is in the cache is used without asking the network.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.files import sha256_file, write_text_atomic
from voice_pipeline.engines.coqui_models import OFFLINE_VARIABLE, reachable
from voice_pipeline.errors import PipelineError

TERMS = "https://huggingface.co/kyutai/pocket-tts"
_HUB = "hf://"
_CONFIG = "config.yaml"
_INSTALL = "python3 00_env_setup/bootstrap.py extra pocket"


@dataclass(frozen=True)
class PocketFiles:
    """A model on this machine.

    Attributes:
        config: the package's YAML configuration.
        weights: safetensors.
        tokenizer: `tokenizer.json` or a SentencePiece model.
        identity: changes when the weights change: their address with its commit, or the hash of a local file.
    """

    config: Path
    weights: Path
    tokenizer: Path
    identity: str


def require_package() -> None:
    """Import pocket-tts without what the import does to the process.

    Raises:
        PipelineError: it is not installed.
    """
    if importlib.util.find_spec("pocket_tts") is None:
        raise PipelineError("the package pocket-tts is not installed", hint=_INSTALL)
    import torch

    threads = torch.get_num_threads()
    import pocket_tts  # noqa: F401

    torch.set_num_threads(threads)  # importing it sets 1


def base_files(checkpoint: str, *, offline: bool = False) -> PocketFiles:
    """Find a model, fetched first if need be.

    Args:
        checkpoint: name of one of the package's configurations, for example "english", or a folder with `config.yaml`
            and the files it names.
        offline: never touch the network (so do COURSE_OFFLINE=1 and HF_HUB_OFFLINE=1).

    Raises:
        PipelineError: no such model, or a file of it is not here and cannot be fetched; says so within seconds.
    """
    require_package()
    folder = Path(checkpoint).expanduser()
    config = folder / _CONFIG if folder.is_dir() else _published(checkpoint)
    values = _read(config)
    try:
        weights, tokenizer = values["weights_path"], values["flow_lm"]["lookup_table"]["tokenizer_path"]
    except (KeyError, TypeError) as error:
        raise _no_configuration(config, f"it lacks {error}") from error
    if not str(weights).split("@")[0].endswith(".safetensors"):
        raise _no_configuration(config, f"its weights are {weights}, not one safetensors file")
    found = _file(str(weights), folder, checkpoint, offline)
    identity = str(weights) if str(weights).startswith(_HUB) else sha256_file(found)
    return PocketFiles(config, found, _file(str(tokenizer), folder, checkpoint, offline), identity)


def load_base(files: PocketFiles) -> Any:
    """Make the package's model from files on this machine; the network is not asked.

    The package falls back to weights without voice cloning where it is refused the others; here it cannot.

    Raises:
        PipelineError: a file is damaged, or they do not belong together.
    """
    import yaml

    require_package()
    from pocket_tts import TTSModel

    values = _read(files.config)
    values |= {"weights_path": str(files.weights), "weights_path_without_voice_cloning": None}
    values["flow_lm"]["lookup_table"]["tokenizer_path"] = str(files.tokenizer)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / _CONFIG
        write_text_atomic(config, yaml.safe_dump(values, allow_unicode=True))
        try:
            return TTSModel.load_model(config=config).eval()
        except Exception as error:  # damaged files raise anything from AssertionError to SafetensorError
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            raise PipelineError(
                f"the pocket-tts model in {files.weights.parent} cannot be loaded: {reason}",
                hint=f"delete {files.weights.parent} and fetch or copy the model again",
            ) from error


def _published(name: str) -> Path:
    from pocket_tts.utils.config import CONFIGS_DIR

    names = sorted(path.stem for path in CONFIGS_DIR.glob("english*.yaml"))
    if name not in names:
        raise PipelineError(
            f"pocket-tts has no English model called '{name}'", hint=f"use a folder, or one of {', '.join(names)}"
        )
    return CONFIGS_DIR / f"{name}.yaml"


def _read(config: Path) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _no_configuration(config, str(error).splitlines()[0]) from error
    if not isinstance(values, dict):
        raise _no_configuration(config, "it is empty")
    return values


def _no_configuration(config: Path, reason: str) -> PipelineError:
    return PipelineError(
        f"{config} is no configuration of a pocket-tts model: {reason}",
        hint="give a folder with config.yaml, model.safetensors and the tokenizer, or leave it out for 'english'",
    )


def _file(place: str, folder: Path, checkpoint: str, offline: bool) -> Path:
    if not place.startswith(_HUB):
        path = folder / place
        if not path.is_file():
            raise PipelineError(f"{path} is missing", hint="copy the pocket-tts model again, or use 'english'")
        return path
    cached = _cached(place)
    if cached is not None:
        return cached
    obstacle = "the network is switched off" if offline or _switched_off() else reachable(TERMS)
    if obstacle:
        raise _unavailable(checkpoint, obstacle)
    return _download(place, checkpoint)


def _cached(place: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    address, _, revision = place.removeprefix(_HUB).partition("@")
    owner, name, filename = address.split("/", 2)
    found = try_to_load_from_cache(f"{owner}/{name}", filename, revision=revision or None)
    return Path(found) if isinstance(found, str) else None


def _switched_off() -> bool:
    from huggingface_hub import constants

    return os.environ.get(OFFLINE_VARIABLE) == "1" or constants.is_offline_mode() or _is_true("HF_HUB_OFFLINE")


def _is_true(variable: str) -> bool:
    return os.environ.get(variable, "").upper() in {"1", "ON", "YES", "TRUE"}


def _download(place: str, checkpoint: str) -> Path:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
    from pocket_tts.utils.utils import download_if_necessary

    try:
        return download_if_necessary(place)
    except (GatedRepoError, RepositoryNotFoundError) as error:  # without a login the hub says "not found"
        raise PipelineError(
            f"the hub does not hand out the weights of pocket-tts ({checkpoint}) before you agree to its terms there",
            hint=f"log in at {TERMS} and agree; then on this machine: hf auth login; then run this again",
        ) from error
    except Exception as error:  # httpx, huggingface_hub and the file system each have their own
        raise _unavailable(checkpoint, (str(error).strip().splitlines() or [repr(error)])[0]) from error


def _unavailable(checkpoint: str, reason: str) -> PipelineError:
    fetch = f"from pocket_tts import TTSModel; TTSModel.load_model('{checkpoint}')"
    return PipelineError(
        f"the pocket-tts model {checkpoint} is not on this machine and cannot be fetched: {reason}",
        hint="use --engine starter, which needs no download; or, with a network, agree to the terms at "
        f'{TERMS}, then: hf auth login; python -c "{fetch}"',
    )
