"""What the registry says about a data set."""

from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True)
class DataFile:
    """One file as it must be: where it lies below the data set's root, and what it must contain."""

    path: str
    sha256: str
    size: int
    urls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Archive:
    """A tar or zip file that holds the data set's files under their paths, below `prefix`."""

    url: str
    sha256: str
    size: int
    prefix: str = ""


@dataclass(frozen=True)
class Dataset:
    """A data set the course uses.

    Attributes:
        name: How scripts ask for it.
        title: What to call it in a sentence.
        licence: Licence or "public domain", with the holder where one must be named.
        description: What is in it.
        files: Every file, checked by SHA-256 before it is used.
        mirror: Its root's folder below COURSE_DATA_MIRROR.
        stand_in: What scripts use instead when it cannot be had, as a sentence.
        archive: Where the files come from, when they are not published one by one.
        transcripts: Package list with `id|text|normalised text` lines, for speech.
    """

    name: str
    title: str
    licence: str
    description: str
    files: tuple[DataFile, ...]
    mirror: str
    stand_in: str
    archive: Archive | None = None
    transcripts: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


def read_list(name: str) -> str:
    """Return one of the small text files shipped with the package (`lists/`)."""
    return resources.files("coursekit.data").joinpath("lists").joinpath(name).read_text(encoding="utf-8")


def listed_files(name: str, *homes: str) -> tuple[DataFile, ...]:
    """Return the files of a `SHA256 SIZE PATH` list, each published as its own name below every one of `homes`."""
    rows = (line.split(" ", 2) for line in read_list(f"{name}.sha256").splitlines())
    return tuple(
        DataFile(path, sha256, int(size), tuple(home + path.rsplit("/", 1)[-1] for home in homes))
        for sha256, size, path in rows
    )
