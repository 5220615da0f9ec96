"""Where a script may write."""

from pathlib import Path

from coursekit.errors import CourseError


def output_folder(script: str, out: str | Path | None = None) -> Path:
    """Return the folder a script writes to, made if needed.

    Args:
        script: The script's `__file__`.
        out: The value of `--out`; without it, `outputs/` beside the script, from whatever folder it is run.

    Raises:
        CourseError: The folder cannot be made.
    """
    folder = Path(out) if out is not None else Path(script).resolve().parent / "outputs"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(
            f"cannot make the output folder {folder}: {error.strerror}.", hint="choose another with --out FOLDER"
        ) from error
    return folder
