"""A disk that refuses (full, read-only, gone) is explained once, the same way everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from voice_pipeline.errors import PipelineError


@contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Turn an OSError of the block into a sentence and its repair.

    Raises:
        PipelineError: the block raised OSError.
    """
    try:
        yield
    except OSError as error:
        raise PipelineError(
            f"cannot write to {place}: {error.strerror or error}",
            hint="free some disk space or choose another place with --home DIR, then run the same command again",
        ) from error
