"""Models from the public hub or from a folder: the one place that knows about the network.

`find_model` brings the files, `load` reads them. A script's `--model [NAME]` goes through `public_model`.
"""

from __future__ import annotations

import os
import socket
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from coursekit.errors import CourseError

# Libraries of Hugging Face read these when they are imported.
if os.environ.get("COURSE_OFFLINE") == "1":
    os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else it warns when a process is split in two
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # their bars are not plain ASCII


class ModelUnavailable(CourseError):
    """A public model that is neither on this machine nor to be had now."""


def add_model_flag(parser: ArgumentParser, default: str) -> ArgumentParser:
    """Give a script `--model [NAME]`: a model of the hub, or a folder in the same format. Returns the parser."""
    parser.add_argument(
        "--model",
        nargs="?",
        const=default,
        metavar="NAME",
        help=f"also do it with a public model, or one in a folder (--model alone: {default})",
    )
    return parser


def public_model(settings: Namespace, *, weights: bool = True) -> Path | None:
    """Return the folder of the model that `--model` names, or None after saying why the small one has to do.

    Args:
        settings: The script's settings.
        weights: False where the tokenizer is all that is wanted: some MB less.

    Raises:
        CourseError: The name is a mistake: no such folder, no such model.
    """
    if not settings.model:
        return None
    try:
        folder = find_model(settings.model, download=not settings.quick, weights=weights)
    except ModelUnavailable as reason:
        print(f"\nNOTE: {reason} The small model above stands alone.")
        if reason.hint:
            print(f"      {reason.hint}")
        return None
    print(f"\nThe same with {settings.model}")
    return folder


def find_model(name: str, *, download: bool = True, weights: bool = True) -> Path:
    """Return a folder that holds a model's files: a local one, the hub's cache, or a fresh download.

    Nobody waits for a network that is not there: the hub's server is asked once, for three seconds at most.

    Args:
        name: A folder, or a name such as "openai/whisper-tiny.en".
        download: False takes what is on this machine already.
        weights: False leaves the weights where they are.

    Raises:
        ModelUnavailable: It is not here and cannot be fetched now.
        CourseError: There is no such folder, or the hub knows no such model.
    """
    # concept: the hub
    if Path(name).is_dir():
        return Path(name)
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or "\\" in name:
        raise CourseError(f"--model: there is no folder {name}.", hint="give a folder with config.json, or a hub name")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        cached = Path(snapshot_download(name, local_files_only=True))
        if not weights or any(cached.glob("*.safetensors")) or any(cached.glob("pytorch_model*.bin")):
            return cached
    except HFValidationError as error:
        raise CourseError(f"--model: {name!r} is no name of a model.", hint="names look like OWNER/MODEL") from error
    except LocalEntryNotFoundError:
        pass
    if reason := obstacle(download):
        raise ModelUnavailable(f"{name} is not on this machine, and {reason[0]}.", hint=reason[1])
    return _download(name, weights)


def obstacle(download: bool) -> tuple[str, str] | None:
    """Return why nothing can be fetched now and what would help; None when it can. Asks for three seconds at most."""
    from huggingface_hub import constants

    if not download:
        return "a quick run downloads nothing", "a run without --quick fetches it"
    if constants.HF_HUB_OFFLINE or os.environ.get("COURSE_OFFLINE") == "1":
        return "HF_HUB_OFFLINE or COURSE_OFFLINE forbids downloads", "unset it to fetch the model"
    server = urlsplit(constants.ENDPOINT)
    try:
        socket.create_connection((server.hostname or "", server.port or 443), timeout=3).close()
    except OSError:
        return f"{server.hostname} does not answer", "try again with a network, or give a folder"
    return None


def _download(name: str, weights: bool) -> Path:
    """Fetch configuration, vocabulary and weights; weights that can carry code (pickle) only where no others exist."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        files = HfApi().list_repo_files(name)
        kind = "*.safetensors" if any(file.endswith(".safetensors") for file in files) else "pytorch_model*.bin"
        wanted = ["*.json", "*.txt", "*.model", *([kind] if weights else [])]
        return Path(snapshot_download(name, allow_patterns=wanted, ignore_patterns=["*/*"]))
    except RepositoryNotFoundError as error:
        raise CourseError(f"--model: the hub knows no model {name!r}.", hint="look its name up on the hub") from error
    except (HfHubHTTPError, OSError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelUnavailable(f"{name} could not be fetched: {first}", hint="run it again to go on") from error


def load(kind: Any, folder: Path, **options: Any) -> Any:
    """Load a model, a tokenizer or a feature extractor from a folder, without a network and without foreign code.

    Args:
        kind: A class with `from_pretrained`, for example `AutoModelForCTC`.
        folder: What `save_pretrained` wrote, or `find_model` found.
        options: Passed on.

    Raises:
        CourseError: The folder does not hold what the class needs.
    """
    quiet()
    try:
        return kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, TypeError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CourseError(
            f"{Path(folder).name} cannot be loaded as {kind.__name__}: {first}",
            hint="take a model that was made for this task",
        ) from error


def quiet() -> None:
    """Keep the progress bars and notes of Hugging Face's libraries off the screen; errors still come."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # not plain ASCII
    logging.set_verbosity_error()  # else it lists in colour what a new head does not find; the lessons say so in words


def save_model(folder: Path, *parts: Any) -> None:
    """Write a model with its tokenizer and the like into one folder, as `from_pretrained` reads it."""
    quiet()
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        part.save_pretrained(str(folder))


def count_parameters(model: Any) -> int:
    """Return how many numbers training may change."""
    return sum(weights.numel() for weights in model.parameters() if weights.requires_grad)
