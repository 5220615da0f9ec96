"""A voice to take along: one ZIP with its model and its consent, and nothing else of its speaker.

What it holds is a voice folder: unpacked below another home, the voice speaks there, under the same rules. The
recordings, clips and earlier checkpoints stay behind. A consent that is revoked here is not revoked there: who gets the
file has to be told, and the note inside says so.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from coursekit.files import atomic_path, sha256_file
from voice_pipeline.consent import describe, require_consent_to_speak
from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError
from voice_pipeline.training import FINISHED
from voice_pipeline.voice_folder import VoiceFolder

NOTE = "README.txt"
_WHEN = (1980, 1, 1, 0, 0, 0)  # the same voice gives the same file


def export_voice(folder: VoiceFolder, path: Path) -> list[str]:
    """Pack a voice that may speak.

    Args:
        folder: the voice.
        path: the ZIP to write.

    Returns:
        names in the ZIP.

    Raises:
        ConsentError: the voice may not speak, so nobody else may get it either.
        PipelineError: it has no model yet, or the place cannot be written.
    """
    record = require_consent_to_speak(folder)
    info = folder.read_info()
    model = folder.root / info.get("model", "")
    if not info.get("model") or not model.is_dir():
        raise PipelineError(
            f"the voice '{folder.name}' has no model yet", hint=f"python 04_fine_tune.py --voice {folder.name}"
        )
    files = [folder.info, folder.consent, *_statement(folder, record), *_of_run(folder, info)]
    files += [file for file in sorted(model.rglob("*")) if file.is_file()]
    if folder.proof_card.is_file():
        files.append(folder.proof_card)
    contents = {f"{folder.name}/{file.relative_to(folder.root).as_posix()}": file for file in files}
    with writing_to(path.parent), atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w") as packed:
        packed.writestr(zipfile.ZipInfo(f"{folder.name}/{NOTE}", _WHEN), _note(folder, record, contents))
        for name, file in contents.items():
            packed.writestr(zipfile.ZipInfo(name, _WHEN), file.read_bytes(), zipfile.ZIP_DEFLATED)
        require_consent_to_speak(folder)  # it may have been revoked meanwhile; then nothing is left
    return [f"{folder.name}/{NOTE}", *contents]


def _statement(folder: VoiceFolder, record: dict[str, Any]) -> list[Path]:
    return [folder.root / record["statement"]["file"]] if "statement" in record else []


def _of_run(folder: VoiceFolder, info: dict[str, Any]) -> list[Path]:
    finished = folder.models / str(info.get("run", "")) / FINISHED
    return [finished] if info.get("run") and finished.is_file() else []


def _note(folder: VoiceFolder, record: dict[str, Any], contents: dict[str, Path]) -> str:
    sums = json.dumps({name: sha256_file(file) for name, file in contents.items()}, indent=2)
    return (
        f"The voice '{folder.name}'. Unpack it below a folder of voices; it speaks there as it did here.\n"
        f"{describe(record)}\n"
        "Its speaker may take consent back at any time. Then delete this file and every copy.\n\n"
        f"SHA-256 of each file:\n{sums}\n"
    )
