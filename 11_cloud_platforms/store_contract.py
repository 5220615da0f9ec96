"""What every store of voices can do, whatever cloud it lies in, and what all of them need for it.

stores.py fills it in for three clouds.
"""

from __future__ import annotations

import base64
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coursekit.errors import CourseError

PART = 5 * 2**20  # bytes; the least that S3 takes, and a multiple of the 256 KiB that Google asks for
OnBytes = Callable[[int, bool], None]
"""Told how many bytes of a file are up there after each part, and whether this part had to be sent."""


class Damaged(CourseError):
    """What came back is not what was sent."""


class Store(ABC):
    """A bucket with voices in it. Every object carries the SHA-256 of its content as metadata.

    Args:
        bucket: Its name (Azure calls it a container).
        emulator: Address of an emulator; None for the cloud itself, with the credentials of the environment.
    """

    scheme: str

    def __init__(self, bucket: str, emulator: str | None = None) -> None:
        self.bucket, self.emulator = bucket, emulator
        self.connect()

    @abstractmethod
    def connect(self) -> None:
        """Make the library's client, and the bucket if an emulator is used (a real one is made once, by hand)."""

    @abstractmethod
    def put(self, key: str, path: Path, on_bytes: OnBytes) -> None:
        """Send a file. Called again after it broke off, it goes on."""

    @abstractmethod
    def get(self, key: str) -> tuple[bytes, str]:
        """Return content and the SHA-256 that was noted when it was sent."""

    @abstractmethod
    def put_with_wrong_checksum(self, key: str, content: bytes) -> None:
        """Send content with a checksum that does not fit, as if a bit had flipped on the way."""

    @abstractmethod
    def link(self, key: str, seconds: int) -> str:
        """Return an address that lets anybody read this one object, for a while."""

    @abstractmethod
    def expire(self, prefix: str, days: int) -> dict[str, Any]:
        """Let the cloud delete what is older than `days`; return the rule as the cloud holds it."""

    @abstractmethod
    def keys(self, prefix: str = "") -> list[str]:
        """Return the names of all objects that begin with `prefix`."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete one object."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return what fsspec wants to know to reach the same place."""

    def get_verified(self, key: str) -> bytes:
        """Return the content, proved to be what was sent.

        Raises:
            Damaged: It is not.
        """
        content, noted = self.get(key)
        if hashlib.sha256(content).hexdigest() != noted:
            raise Damaged(f"{key} is not what was sent: its SHA-256 differs from the one noted.", hint="send it again")
        return content


def md5(content: bytes) -> str:
    """Return the MD5 as the clouds want it: base64 of 16 bytes. It finds damage, not malice."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def parts_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the parts of a file with their numbers, one in memory at a time."""
    with open(path, "rb") as file:
        number = 0
        while content := file.read(PART):
            yield number, content
            number += 1
