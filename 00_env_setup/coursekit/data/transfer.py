"""One file over HTTP: resumed where it stopped, checked, then renamed into place."""

import errno
import http.client
import logging
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from coursekit.data.model import DataFile
from coursekit.errors import CourseError
from coursekit.files import sha256_file
from coursekit.progress import progress

logger = logging.getLogger(__name__)

TIMEOUT_S = 30
ATTEMPTS_PER_URL = 3
BLOCK_BYTES = 1 << 16
DISK_RESERVE_BYTES = 64 << 20


class DataUnavailable(CourseError):
    """The data can be had neither here nor from its public home; use the stand-in."""


def megabytes(size: int) -> str:
    """Return a size for people: "0.4 MB"."""
    return f"{size / 1e6:.1f} MB"


def check_free_disk(folder: Path, needed: int) -> None:
    """Raise CourseError unless `folder`'s disk has room for `needed` bytes and a small reserve."""
    free = shutil.disk_usage(folder).free
    if free < needed + DISK_RESERVE_BYTES:
        raise _disk_full(folder, needed, f"{megabytes(free)} are free")


def download(file: DataFile, target: Path) -> None:
    """Download `file` to `target`, trying its addresses in turn.

    What has arrived stays in `<target>.part`; the next attempt, in this run or a later one, asks the server
    only for the rest.

    Raises:
        DataUnavailable: No address delivered the file, or what came has another SHA-256.
        CourseError: The disk is full.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    failures: list[str] = []
    for url in file.urls:
        for _ in range(ATTEMPTS_PER_URL):
            resumed = part.exists()
            try:
                _receive(url, part, file.size)
            except (OSError, http.client.HTTPException) as error:
                if getattr(error, "errno", None) == errno.ENOSPC:
                    raise _disk_full(target.parent, file.size, "the disk is full") from error
                failures.append(f"{url}: {_reason(error)}")
                if isinstance(error, urllib.error.HTTPError) and error.code < 500:
                    break
                continue
            if sha256_file(part) == file.sha256:
                os.replace(part, target)
                return
            part.unlink()
            failures.append(f"{url}: wrong SHA-256")
            if not resumed:
                break
    logger.debug("all attempts for %s: %s", file.path, failures)
    raise DataUnavailable(
        f"{file.path} could not be downloaded. {failures[-1] if failures else 'It has no public address'}.",
        hint="check the network (and any proxy), then run the same command again: it continues where it stopped",
    )


def _receive(url: str, part: Path, size: int) -> None:
    """Append the missing bytes of `url` to `part`; raise OSError when fewer or more than `size` come."""
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        have = 0
    request = urllib.request.Request(url, headers={"User-Agent": "coursekit", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
        if response.status != 206:
            have = 0
        with open(part, "ab" if have else "wb") as file, progress(total=size, desc=part.stem, unit="B") as bar:
            bar.update(have)
            for block in _blocks(response):
                have += file.write(block)
                bar.update(len(block))
                if have > size:
                    break
    if have != size:
        if have > size:
            part.unlink()
        raise OSError(f"{have} bytes came instead of {size}")


def _blocks(response: Any) -> Iterable[bytes]:
    while block := response.read(BLOCK_BYTES):
        yield block


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code}"
    return str(getattr(error, "reason", "") or error or type(error).__name__)


def _disk_full(folder: Path, needed: int, state: str) -> CourseError:
    return CourseError(
        f"not enough disk space in {folder}: {megabytes(needed)} are needed, {state}.",
        hint="free some space, or set COURSE_DATA_HOME to a folder on another disk",
    )
