"""Coqui's published models: which there are, under what licence, and how they get onto this machine.

Names, addresses and licences come from the list inside the installed Coqui package, the download is Coqui's own
`ModelManager`, and the files land in Coqui's own cache (`TTS_HOME`, else the user's data folder), so that a model that
another program has fetched is used as it is.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voice_pipeline.errors import PipelineError

OFFLINE_VARIABLE = "COURSE_OFFLINE"
_PROBE_SECONDS = 8.0
_WEIGHT_NAMES = ("model_file.pth", "model_file.pth.tar", "model.pth", "checkpoint.pth")


@dataclass(frozen=True)
class BaseModel:
    """One published model.

    Attributes:
        name: Coqui's public name, `type/language/dataset/model`.
        licence: as published in Coqui's list.
        address: where it is downloaded from.
        needs_terms: True when Coqui wants its terms accepted before the download.
        repository: Hugging Face repository; empty for a plain download.
    """

    name: str
    licence: str
    address: str
    needs_terms: bool = False
    repository: str = ""


@dataclass(frozen=True)
class BaseFiles:
    """A model on this machine: its folder, weights and configuration."""

    folder: Path
    weights: Path
    config: Path


@functools.cache
def _published() -> dict[str, Any]:
    spec = importlib.util.find_spec("TTS")
    if spec is None or spec.origin is None:
        raise PipelineError("Coqui TTS is not installed", hint="python3 00_env_setup/bootstrap.py setup")
    return json.loads((Path(spec.origin).parent / ".models.json").read_text(encoding="utf-8"))


def base_model(name: str) -> BaseModel:
    """Look a model up by its public name.

    Raises:
        PipelineError: Coqui publishes none of that name.
    """
    entry: Any = _published()
    for part in name.split("/"):
        entry = entry.get(part) if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not ("github_rls_url" in entry or "repo_id" in entry):
        raise PipelineError(
            f"Coqui publishes no model called '{name}'",
            hint="use a name like tts_models/en/ljspeech/vits, or a folder with config.json and model_file.pth",
        )
    repository = entry.get("repo_id", "")
    address = entry.get("github_rls_url") or f"{_hub()}/{repository}"
    address = address[0] if isinstance(address, list) else address
    return BaseModel(name, entry.get("license", "unknown"), address, bool(entry.get("tos_required")), repository)


def licence_of(checkpoint: str) -> str:
    """Licence of a published model; "not stated" for a folder."""
    return base_model(checkpoint).licence if checkpoint.startswith("tts_models/") else "not stated"


def base_models(language: str, architecture: str) -> list[BaseModel]:
    """All published models of one language and architecture, for example ("en", "vits")."""
    sets = _published()["tts_models"].get(language, {})
    return [
        base_model(f"tts_models/{language}/{dataset}/{model}")
        for dataset, models in sets.items()
        for model in models
        if model.split("-")[0] == architecture
    ]


def files_in(folder: Path) -> BaseFiles:
    """Find weights and configuration in a model folder.

    Raises:
        PipelineError: one of them is missing.
    """
    config = folder / "config.json"
    weights = next((folder / name for name in _WEIGHT_NAMES if (folder / name).is_file()), None)
    if weights is None or not config.is_file():
        missing = "config.json" if weights is not None else "model_file.pth"
        raise PipelineError(
            f"{folder} is no model folder: {missing} is missing",
            hint="give a folder with config.json and model_file.pth, or a name like tts_models/en/ljspeech/vits",
        )
    return BaseFiles(folder, weights, config)


def ensure_base_model(name: str, *, offline: bool = False, terms_accepted: bool = False) -> BaseFiles:
    """Return a published model from Coqui's cache, fetched first if need be.

    Args:
        name: Coqui's public name.
        offline: never touch the network (so does the variable COURSE_OFFLINE=1).
        terms_accepted: the user has accepted the terms of this model explicitly.

    Raises:
        PipelineError: it is not in the cache and cannot be fetched; says so within seconds.
    """
    model = base_model(name)
    cached = cached_files(model)
    if cached is not None:
        return cached
    if model.needs_terms and not terms_accepted:
        raise PipelineError(f"the terms of {name} ({model.licence}) were not accepted", hint="use --accept-licence")
    if offline or os.environ.get(OFFLINE_VARIABLE) == "1":
        raise _unavailable(model, "the network is switched off")
    obstacle = reachable(model.address)
    if obstacle:
        raise _unavailable(model, obstacle)
    return _download(model)


def cached_files(model: BaseModel) -> BaseFiles | None:
    """The model in Coqui's cache, or None; the rest of an interrupted download does not count."""
    folder = _hub_snapshot(model) if model.repository else cache_folder() / model.name.replace("/", "--")
    if folder is None or not folder.is_dir() or any(folder.glob("*.zip")):
        return None
    try:
        return files_in(folder)
    except PipelineError:
        return None


def cache_folder() -> Path:
    """Coqui's own cache."""
    from trainer.io import get_user_data_dir

    return get_user_data_dir("tts")


def extra_file(model: BaseModel, filename: str, *, offline: bool = False) -> Path:
    """A file of a Hugging Face repository that Coqui's download leaves out.

    Raises:
        PipelineError: it is not in the cache and cannot be fetched.
    """
    from huggingface_hub import hf_hub_download

    with _hub_errors(model, offline):
        try:
            return Path(hf_hub_download(model.repository, filename, local_files_only=True))
        except OSError:  # the hub's "not in the cache" is one
            if offline or os.environ.get(OFFLINE_VARIABLE) == "1":
                raise
        obstacle = reachable(model.address)
        if obstacle:
            raise OSError(obstacle)
        return Path(hf_hub_download(model.repository, filename))


def reachable(address: str) -> str:
    """Ask the server for the file's head, for at most a few seconds; return what is in the way, or nothing."""
    answer = [f"{address.split('/')[2]} did not answer within {_PROBE_SECONDS:.0f} s"]

    def ask() -> None:
        import requests

        try:
            response = requests.head(address, timeout=_PROBE_SECONDS, allow_redirects=True)
            answer[0] = "" if response.ok else f"{address} answered {response.status_code} {response.reason}"
        except requests.RequestException as error:
            answer[0] = f"{address.split('/')[2]} cannot be reached ({type(error).__name__})"

    thread = threading.Thread(target=ask, daemon=True)  # name look-up alone can block for minutes
    thread.start()
    thread.join(_PROBE_SECONDS)
    return answer[0]


def _download(model: BaseModel) -> BaseFiles:
    from TTS.utils.manage import ModelManager

    folder = cache_folder() / model.name.replace("/", "--")
    if not model.repository and folder.is_dir():
        shutil.rmtree(folder)  # left by an interrupted download; Coqui would take it for complete
    with _hub_errors(model, offline=False), _terms_variable(model.needs_terms):
        try:
            weights, config, _ = ModelManager(progress_bar=True).download_model(model.name)
        except BaseException:
            if not model.repository:
                shutil.rmtree(folder, ignore_errors=True)
            raise
    return BaseFiles(Path(config).parent, Path(weights), Path(config))


@contextmanager
def _terms_variable(accepted: bool) -> Iterator[None]:
    """Tell Coqui that the terms are accepted, for the time of the download only."""
    before = os.environ.get("COQUI_TOS_AGREED")
    if accepted:
        os.environ["COQUI_TOS_AGREED"] = "1"
    try:
        yield
    finally:
        if accepted:
            os.environ.pop("COQUI_TOS_AGREED")
            if before is not None:
                os.environ["COQUI_TOS_AGREED"] = before


@contextmanager
def _hub_errors(model: BaseModel, offline: bool) -> Iterator[None]:
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:  # requests, zipfile, huggingface_hub and the file system each have their own
        reason = "the network is switched off" if offline else (str(error).strip().splitlines() or [repr(error)])[0]
        raise _unavailable(model, reason) from error


def _unavailable(model: BaseModel, reason: str) -> PipelineError:
    terms = "COQUI_TOS_AGREED=1 " if model.needs_terms else ""
    fetch = f"from TTS.utils.manage import ModelManager; ModelManager(progress_bar=True).download_model('{model.name}')"
    return PipelineError(
        f"the base model {model.name} is not on this machine and cannot be fetched: {reason}",
        hint=f'use --engine starter, which needs no download; or, with a network, fetch it: {terms}python -c "{fetch}"',
    )


def _hub() -> str:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def _hub_snapshot(model: BaseModel) -> Path | None:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model.repository, local_files_only=True))
    except (OSError, ValueError):
        return None
