"""The data registry: one place that knows every data set, and one call that brings it.

Environment variables:
    COURSE_DATA_MIRROR: A folder that already holds data; read, never written.
    COURSE_DATA_HOME: Where downloads are kept (default: `.data/` at the top of the repository).
    COURSE_OFFLINE: "1" never touches the network.
"""

import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from filelock import FileLock

from coursekit.data.model import Archive, DataFile, Dataset, read_list
from coursekit.data.registry import DATASETS
from coursekit.data.transfer import DataUnavailable, check_free_disk, download, megabytes
from coursekit.errors import CourseError
from coursekit.files import atomic_path, sha256_file, write_json_atomic

__all__ = ["DATASETS", "Archive", "DataFile", "DataUnavailable", "Dataset", "FetchedData", "fetch", "transcripts"]

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class FetchedData:
    """A data set on this machine, every file checked.

    Attributes:
        root: Folder below which the registry's paths lie. May be read-only.
        files: The files, in the registry's order.
        source: Where they came from.
        message: One line that says so, to print.
    """

    root: Path
    files: tuple[Path, ...]
    source: Literal["mirror", "cache", "download"]
    message: str


def fetch(name: str, *, download: bool = True) -> FetchedData:
    """Bring a data set: from the mirror, else from the cache, else from its public home.

    Args:
        name: Name in the registry, for example "ljspeech_sample".
        download: False takes it only where it is on this machine already, as a quick run does.

    Raises:
        DataUnavailable: It is not on this machine and cannot be downloaded; the message names the stand-in.
        CourseError: The name is unknown, the mirror is damaged, or the disk is full.
    """
    dataset = _dataset(name)
    home = Path(os.environ.get("COURSE_DATA_HOME") or REPOSITORY / ".data")
    checked = _Checked(home / "checked.json")
    mirror = _mirror_root(dataset)
    if mirror is not None:
        _refuse_damaged(dataset, mirror, checked)
        return _found(dataset, mirror, "mirror")
    root = home / name
    if not _missing(dataset, root, checked):
        return _found(dataset, root, "cache")
    if os.environ.get("COURSE_OFFLINE") == "1":
        raise _unavailable(dataset, "COURSE_OFFLINE=1 forbids downloads.", "unset COURSE_OFFLINE to download it")
    if not download:
        raise _unavailable(dataset, "a quick run downloads nothing.", "a full run (without --quick) downloads it")
    root.mkdir(parents=True, exist_ok=True)
    with FileLock(home / f"{name}.lock"):
        missing = _missing(dataset, root, checked)
        _download_missing(dataset, root, missing)
        if _missing(dataset, root, checked):
            raise CourseError(f"{dataset.title}: files in {root} changed while they were checked.", hint="run it again")
    return _found(dataset, root, "download")


def transcripts(name: str) -> dict[str, str]:
    """Return what is said in each clip of a speech data set: clip name without suffix -> normalised text."""
    dataset = _dataset(name)
    if not dataset.transcripts:
        raise CourseError(f"{dataset.title} has no transcripts.")
    rows = (line.split("|") for line in read_list(dataset.transcripts).splitlines())
    return {row[0]: row[-1] for row in rows}


def _dataset(name: str) -> Dataset:
    if name not in DATASETS:
        raise CourseError(f"data set {name!r} is unknown.", hint=f"use one of: {', '.join(sorted(DATASETS))}")
    return DATASETS[name]


def _found(dataset: Dataset, root: Path, source: Literal["mirror", "cache", "download"]) -> FetchedData:
    where = {"mirror": f"from the mirror {root}", "cache": f"already in {root}", "download": f"downloaded to {root}"}
    message = f"{dataset.title} ({megabytes(dataset.size)}, {dataset.licence}): {where[source]}"
    return FetchedData(root, tuple(root / file.path for file in dataset.files), source, message)


def _mirror_root(dataset: Dataset) -> Path | None:
    """Return the data set's folder in the mirror, or None when the mirror lacks any of its files."""
    setting = os.environ.get("COURSE_DATA_MIRROR")
    if not setting:
        return None
    if not Path(setting).is_dir():
        raise CourseError(
            f"COURSE_DATA_MIRROR is set to {setting!r}, which is no folder.", hint="correct it or unset it"
        )
    root = Path(setting).resolve() / dataset.mirror
    return root if all((root / file.path).is_file() for file in dataset.files) else None


def _refuse_damaged(dataset: Dataset, root: Path, checked: "_Checked") -> None:
    damaged = _missing(dataset, root, checked)
    if damaged:
        raise CourseError(
            f"the mirror's {root / damaged[0].path} is not the published file: its SHA-256 differs.",
            hint="repair the mirror, or unset COURSE_DATA_MIRROR to download the data",
        )


def _missing(dataset: Dataset, root: Path, checked: "_Checked") -> list[DataFile]:
    """Return the files that are absent below `root` or not what they should be."""
    missing = [file for file in dataset.files if not checked.is_right(root / file.path, file)]
    checked.save()
    return missing


def _download_missing(dataset: Dataset, root: Path, missing: list[DataFile]) -> None:
    archive = dataset.archive
    check_free_disk(root, sum(file.size for file in missing) + (archive.size if archive else 0))
    try:
        if archive and missing:
            packed = root / archive.url.rsplit("/", 1)[-1]
            download(DataFile(packed.name, archive.sha256, archive.size, (archive.url,)), packed)
            _unpack(packed, archive.prefix, missing, root)
            packed.unlink()
        for file in () if archive else missing:
            download(file, root / file.path)
    except DataUnavailable as error:
        raise _unavailable(dataset, str(error), error.hint) from error


def _unavailable(dataset: Dataset, reason: str, hint: str) -> DataUnavailable:
    return DataUnavailable(f"{dataset.title} is not at hand: {reason} Offline stand-in: {dataset.stand_in}.", hint=hint)


def _unpack(packed: Path, prefix: str, wanted: list[DataFile], root: Path) -> None:
    """Copy the wanted members, and nothing else, out of a tar or zip file."""
    if zipfile.is_zipfile(packed):
        with zipfile.ZipFile(packed) as zipped:
            for file in wanted:
                with zipped.open(prefix + file.path) as member:
                    _copy(member, root / file.path)
        return
    with tarfile.open(packed) as tar:
        names = {prefix + file.path: file for file in wanted}
        for entry in tar:
            content = tar.extractfile(entry) if entry.name in names else None
            if content is not None:
                _copy(content, root / names[entry.name].path)


def _copy(source: IO[bytes], target: Path) -> None:
    with atomic_path(target) as temporary, open(temporary, "wb") as file:
        shutil.copyfileobj(source, file)


class _Checked:
    """Remembers which files had the right SHA-256, so that each is read in full only once.

    A file counts as unchanged while its size and modification time are the same.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: Mapping[str, object] = _read_json(path)
        self._new: dict[str, object] = {}

    def is_right(self, path: Path, file: DataFile) -> bool:
        if not path.is_file() or path.stat().st_size != file.size:
            return False
        state = [path.stat().st_mtime_ns, file.sha256]
        if self._known.get(str(path)) == state or self._new.get(str(path)) == state:
            return True
        if sha256_file(path) != file.sha256:
            return False
        self._new[str(path)] = state
        return True

    def save(self) -> None:
        if self._new:
            self._known = {**_read_json(self._path), **self._new}
            self._new = {}
            write_json_atomic(self._path, self._known)


def _read_json(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
