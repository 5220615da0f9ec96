"""Where a script's text comes from: the command line or a file."""

from __future__ import annotations

from pathlib import Path

from voice_pipeline.errors import PipelineError

MAX_FILE_BYTES = 16 * 1024 * 1024


def read_text(text: str | None, file: Path | None) -> str:
    """The text itself, or the content of a UTF-8 file (a byte order mark is removed).

    Raises:
        PipelineError: the file is missing, too large or not UTF-8.
    """
    if file is None:
        return text or ""
    try:
        if file.stat().st_size > MAX_FILE_BYTES:
            raise PipelineError(f"{file} is larger than {MAX_FILE_BYTES >> 20} MB", hint="speak it in parts")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PipelineError(f"cannot read {file}: {error.strerror or error}", hint="check --file") from error
    except UnicodeDecodeError as error:
        raise PipelineError(
            f"{file} is not UTF-8 text (byte {error.start})", hint="save it as UTF-8 plain text"
        ) from error
