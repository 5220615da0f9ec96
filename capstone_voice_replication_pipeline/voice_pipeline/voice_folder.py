"""One folder holds everything of one voice. Every step reads the step before and writes atomically.

HOME/NAME/
    voice.json              name, engine, model in use
    consent.json            the speaker's consent, or the licence of a public data set
    consent/                the spoken statement, what was asked for, earlier records
    raw/                    recordings as given (decoded copies of microphone takes), manifest.jsonl
    clips/                  24 kHz mono 16-bit WAV, one per accepted recording
    ledger.jsonl            one line per file given: accepted or rejected, why, measurements
    metadata.csv            id|text of the accepted clips (LJSpeech form)
    split.json              which clips train and which are held out
    features/               mel, MFCC, F0, energy (.npz), cached by content
    models/RUN/             safetensors, config, settings, curves
    reports/                plots, proof_card.json, ledger page
    speech/                 what the voice has said
    provenance.jsonl        one line per file it has said anywhere, with an acoustic fingerprint
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coursekit.files import write_json_atomic, write_text_atomic
from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError, VoiceBusyError

HOME_VARIABLE = "VOICE_HOME"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def default_home() -> Path:
    """`voices/` beside this package (ignored by git)."""
    return Path(__file__).resolve().parents[1] / "voices"


def resolve_home(given: str | Path | None = None) -> Path:
    """Where voice folders live: the flag, then `VOICE_HOME`, then `default_home()`."""
    chosen = given or os.environ.get(HOME_VARIABLE) or default_home()
    return Path(chosen).expanduser().resolve()


def check_name(name: str) -> str:
    """Return `name` if it can be a voice id: it becomes a folder name and part of URLs.

    Raises:
        PipelineError: anything but 1 to 64 of a-z, 0-9, - and _, starting with a letter or digit.
    """
    if not _NAME.fullmatch(name):
        suggestion = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:64] or "my-voice"
        raise PipelineError(
            f"'{name}' cannot be a voice name: use 1 to 64 of a-z, 0-9, - and _", hint=f"--voice {suggestion}"
        )
    return name


class VoiceFolder:
    """Paths and small files of one voice."""

    def __init__(self, home: str | Path, name: str) -> None:
        self.name = check_name(name)
        self.home = Path(home)
        self.root = self.home / self.name
        self.raw = self.root / "raw"
        self.manifest = self.raw / "manifest.jsonl"
        self.clips = self.root / "clips"
        self.ledger = self.root / "ledger.jsonl"
        self.metadata = self.root / "metadata.csv"
        self.split = self.root / "split.json"
        self.features = self.root / "features"
        self.models = self.root / "models"
        self.reports = self.root / "reports"
        self.proof_card = self.reports / "proof_card.json"
        self.speech = self.root / "speech"
        self.info = self.root / "voice.json"
        self.consent = self.root / "consent.json"
        self.statements = self.root / "consent"
        self.provenance = self.root / "provenance.jsonl"

    @property
    def exists(self) -> bool:
        """True once `create` has run."""
        return self.info.is_file()

    def create(self) -> VoiceFolder:
        """Make the folder and its parts; what is there stays.

        Raises:
            PipelineError: the place cannot be written.
        """
        with writing_to(self.root):
            for part in (self.raw, self.clips, self.features, self.models, self.reports, self.speech):
                part.mkdir(parents=True, exist_ok=True)
            if not self.exists:
                write_json_atomic(self.info, {"name": self.name})
        return self

    def require(self) -> VoiceFolder:
        """Return self if the voice exists.

        Raises:
            PipelineError: it does not.
        """
        if not self.exists:
            raise PipelineError(
                f"there is no voice called '{self.name}' in {self.home}",
                hint=f"python 01_collect_recordings.py --voice {self.name} --import DIR",
            )
        return self

    def read_info(self) -> dict[str, Any]:
        """Content of `voice.json`; empty for a new voice."""
        return read_json(self.info) if self.info.is_file() else {}

    def update_info(self, **values: Any) -> dict[str, Any]:
        """Merge `values` into `voice.json` and return the whole."""
        info = {**self.read_info(), **values}
        write_json_atomic(self.info, info)
        return info

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes away from this voice; released also when this process is killed.

        Raises:
            VoiceBusyError: another process holds it.
        """
        with writing_to(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            handle = open(self.root / ".lock", "a+b")
        with handle:
            try:
                _lock_file(handle)
            except OSError as error:
                raise VoiceBusyError(
                    f"another process is working on the voice '{self.name}'",
                    hint="wait until it has finished, or stop it, then run this command again",
                ) from error
            yield


def list_voices(home: str | Path) -> list[VoiceFolder]:
    """Voices below `home`, by name."""
    home = Path(home)
    if not home.is_dir():
        return []
    return [
        VoiceFolder(home, entry.name)
        for entry in sorted(home.iterdir())
        if _NAME.fullmatch(entry.name) and (entry / "voice.json").is_file()
    ]


def read_json(path: Path) -> Any:
    """Parse a JSON file of a voice folder.

    Raises:
        PipelineError: the file is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PipelineError(f"{path} is damaged: {error}", hint=f"delete {path} and run the step again") from error


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    """Rows of a JSON-lines file, oldest first; empty when it does not exist."""
    if not path.is_file():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                raise PipelineError(
                    f"{path}, line {number} is damaged: {error}", hint=f"delete {path} and run the step again"
                ) from error
    return rows


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as JSON lines, atomically."""
    write_text_atomic(path, "".join(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in rows))


def _lock_file(handle: Any) -> None:
    if os.name == "nt":
        import msvcrt

        handle.seek(0)
        msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
