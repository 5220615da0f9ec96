"""Recordings into a voice folder: every file copied as it is into raw/, and noted with its text in manifest.jsonl."""

from __future__ import annotations

import logging
import re
import shutil
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.files import atomic_path, sha256_file
from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError
from voice_pipeline.phone_takes import check_accounted, match_unknown, parts_of
from voice_pipeline.prompt_match import heard_in
from voice_pipeline.prompts import Prompt, find_prompt, prompts_of_voice
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl, write_jsonl

logger = logging.getLogger(__name__)

METADATA = "metadata.csv"
NOT_AUDIO = frozenset(
    ".txt .csv .tsv .json .jsonl .md .pdf .html .xml .doc .docx .rtf .jpg .jpeg .png .gif .zip .gz .tar "
    ".py .ini .yaml .yml .lab .textgrid .log .db .npz .sha256 .m3u .m3u8".split()
)
NOT_AUDIO_NAMES = frozenset({"readme", "license", "licence", "changelog", "makefile", "thumbs.db", "desktop.ini"})
_HEADER_IDS = frozenset({"id", "file", "file_name", "filename", "path", "wav", "audio"})


@dataclass
class ImportReport:
    """What an import did. Names are relative to the folder given.

    Attributes:
        added: files copied into raw/.
        replaced: files whose content had changed since the last import.
        unchanged: files that were there already.
        ignored: what is no recording by rule (hidden files, texts, tables, pictures).
        missing: ids of metadata.csv without a file.
        without_text: recordings whose text is not known; the ledger will reject them.
        duplicates: recordings with the same content as another one; the ledger will reject them.
        sliced: long recordings, and into how many pieces each was cut; the pieces count as recordings.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    without_text: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    sliced: dict[str, int] = field(default_factory=dict)

    @property
    def given(self) -> int:
        """Recordings that the ledger has to account for: files, and pieces of files that were sliced."""
        whole = len(self.added) + len(self.replaced) + len(self.unchanged) - len(self.sliced)
        return whole + sum(self.sliced.values())


def import_folder(
    folder: VoiceFolder,
    source: Path,
    *,
    language: str = "en",
    listen: Callable[[np.ndarray, int], str] | None = heard_in,
) -> ImportReport:
    """Copy all recordings below `source` into the voice folder. Running it again copies only what is new or changed.

    The text of a recording comes from the nearest `metadata.csv` (`id|text` or `id|text|normalised`, where the
    normalised text wins), else from a `.txt` file of the same name, else from the voice's prompt its name stands for,
    else from the prompt that is heard in it. A long recording of several prompts is sliced (`voice_pipeline.slicing`).

    Args:
        folder: where to; made if needed. The caller holds its lock.
        source: folder with recordings in any format, also in sub-folders such as `wavs/`.
        language: language of the course's prompts.
        listen: hears the words of recordings without a text; None leaves them without.

    Raises:
        PipelineError: there is no such folder, it holds no recordings, a table is damaged, or the disk refuses.
    """
    source = Path(source).expanduser()
    if not source.is_dir():
        raise PipelineError(
            f"there is no folder {source}", hint="give the folder that holds your recordings: --import DIR"
        )
    report = ImportReport()
    files = _find_recordings(source, report)
    if not files:
        raise PipelineError(
            f"{source} holds no recordings ({len(report.ignored)} other files)",
            hint="put audio files there (WAV, FLAC, MP3, M4A, OGG, WebM), or record: --record",
        )
    texts = _Texts(source, prompts_of_voice(folder, language))
    folder.create()
    rows = {row["given"]: row for row in read_jsonl(folder.manifest)}
    taken = {row["id"].casefold() for row in rows.values()}
    with writing_to(folder.raw):
        try:
            for path in files:
                if not _sliced_before(folder, source, path, rows, report):
                    _take_over(folder, source, path, texts, rows, taken, report)
            _note_duplicates(rows)
            if listen and report.without_text and texts.by_prompt and language == "en":
                report.sliced |= match_unknown(folder, source, rows, texts.prompts, listen)
        finally:
            _note_duplicates(rows)
            write_jsonl(folder.manifest, list(rows.values()))
    check_accounted([path.relative_to(source).as_posix() for path in files], rows.values())
    report.without_text = [given for given in report.without_text if given in rows and not rows[given]["text"]]
    report.missing = texts.unused()
    report.duplicates = [row["given"] for row in rows.values() if row["duplicate_of"]]
    return report


def _find_recordings(source: Path, report: ImportReport) -> list[Path]:
    files = []
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if not path.is_file():
            continue
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in relative.parts)
        if hidden or path.suffix.lower() in NOT_AUDIO or path.stem.lower() in NOT_AUDIO_NAMES:
            report.ignored.append(relative.as_posix())
        else:
            files.append(path)
    return files


def _take_over(
    folder: VoiceFolder,
    source: Path,
    path: Path,
    texts: _Texts,
    rows: dict[str, dict[str, Any]],
    taken: set[str],
    report: ImportReport,
) -> None:
    given = path.relative_to(source).as_posix()
    text, origin = texts.of(path)
    old = rows.get(given)
    clip_id = old["id"] if old else unique_id(path.stem, taken)
    raw = folder.raw / f"{clip_id}{_safe_suffix(path)}"
    row: dict[str, Any] = {
        "id": clip_id,
        "given": given,
        "file": raw.name,
        "sha256": None,
        "text": text,
        "text_from": origin,
        "source": "import",
        "device": None,
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "problem": None,
    }
    try:
        row["sha256"] = sha256_file(path)
    except OSError as error:
        row.update(file=None, problem=f"the file cannot be read: {error.strerror or error}")
    same = old is not None and old["sha256"] == row["sha256"] and row["file"] is not None
    if same and raw.is_file() and sha256_file(raw) == row["sha256"]:
        row["time"] = old["time"] if old else row["time"]
        report.unchanged.append(given)
    else:
        if row["file"]:
            with atomic_path(raw) as temporary:
                shutil.copyfile(path, temporary)
        (report.replaced if old else report.added).append(given)
    if not text:
        report.without_text.append(given)
    rows[given] = row


def _sliced_before(
    folder: VoiceFolder, source: Path, path: Path, rows: dict[str, dict[str, Any]], report: ImportReport
) -> bool:
    """Whether the slices of a long recording are here already; those of another content are taken out."""
    given = path.relative_to(source).as_posix()
    parts = parts_of(rows.values(), given)
    if not parts:
        return False
    if parts[0]["part_sha256"] == sha256_file(path) and all((folder.raw / part["file"]).is_file() for part in parts):
        report.unchanged.append(given)
        report.sliced[given] = len(parts)
        return True
    for part in parts:
        (folder.raw / part["file"]).unlink(missing_ok=True)
        del rows[part["given"]]
    return False


def _note_duplicates(rows: dict[str, dict[str, Any]]) -> None:
    first: dict[str, str] = {}
    for given, row in rows.items():
        digest = row["sha256"]
        row["duplicate_of"] = first.setdefault(digest, given) if digest else None
        if row["duplicate_of"] == given:
            row["duplicate_of"] = None


def unique_id(stem: str, taken: set[str]) -> str:
    """A short ASCII id from a file name, safe as a file name everywhere; noted in `taken` (case-folded)."""
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    base = re.sub(r"[^A-Za-z0-9_-]+", "_", plain).strip("_-")[:80] or "clip"
    candidate, number = base, 2
    while candidate.casefold() in taken:
        candidate, number = f"{base}-{number}", number + 1
    taken.add(candidate.casefold())
    return candidate


def _safe_suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,8}", suffix) else ".audio"


class _Texts:
    """Looks up what is said in a file."""

    def __init__(self, source: Path, prompts: Sequence[Prompt]) -> None:
        self._source = source
        self.prompts = prompts
        self._tables = {path.parent: _read_metadata(path) for path in sorted(source.rglob(METADATA))}
        self._used: set[tuple[Path, str]] = set()

    @property
    def by_prompt(self) -> bool:
        """Whether prompts may give the text: not where a metadata.csv does."""
        return not self._tables

    def of(self, path: Path) -> tuple[str, str | None]:
        """Return (text, where it came from); ("", None) when there is none."""
        for folder in (path.parent, *path.parent.parents):
            table = self._tables.get(folder, {})
            for key in (path.stem, path.name, path.relative_to(self._source).as_posix()):
                key = unicodedata.normalize("NFC", key)
                if key in table:
                    self._used.add((folder, key))
                    return table[key], METADATA if table[key] else None
            if folder == self._source:
                break
        beside = path.with_suffix(".txt")
        if beside.is_file() and (text := _clean(_read_text(beside))):
            return text, beside.name
        prompt = None if self._tables or beside.is_file() else find_prompt(path.stem, self.prompts)
        return (prompt.text, prompt.prompt_id) if prompt else ("", None)

    def unused(self) -> list[str]:
        """Ids of the tables that no file has."""
        return [key for folder, table in self._tables.items() for key in table if (folder, key) not in self._used]


def _read_metadata(path: Path) -> dict[str, str]:
    texts = {}
    for number, line in enumerate(_read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) < 2:
            raise PipelineError(
                f"{path}, line {number} has no '|' between id and text: {line[:60]!r}",
                hint="write one line per recording: id|text",
            )
        if number == 1 and cells[0].lower() in _HEADER_IDS:
            continue
        spoken = cells[2] if len(cells) > 2 and _clean(cells[2]) else cells[1]
        texts[unicodedata.normalize("NFC", cells[0])] = _clean(spoken)
    return texts


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise PipelineError(f"{path} is not UTF-8 text", hint="save it again with the encoding UTF-8") from error
    except OSError as error:
        raise PipelineError(f"{path} cannot be read: {error.strerror or error}", hint=f"check {path}") from error


def _clean(text: str) -> str:
    """One line of text; empty when nothing in it can be spoken."""
    text = " ".join(text.replace("|", " ").split())
    return text if any(character.isalnum() for character in text) else ""
