"""The voices of one folder, by id; those in use are kept in memory."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from voice_pipeline.api.errors import ApiError
from voice_pipeline.consent import require_consent_to_speak
from voice_pipeline.consent_record import ConsentError
from voice_pipeline.engines.base import LoadedVoice
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder, check_name, list_voices

logger = logging.getLogger(__name__)

Loader = Callable[[VoiceFolder], LoadedVoice]


def describe_voices(home: Path) -> list[dict[str, Any]]:
    """Id, engine, language and readiness of every voice below `home`; a damaged one is left out and logged."""
    found = []
    for folder in list_voices(home):
        try:
            info = folder.read_info()
        except PipelineError:
            logger.warning("voice.json of '%s' is damaged", folder.name)
            continue
        found.append(
            {
                "id": folder.name,
                "name": folder.name,
                "engine": info.get("engine"),
                "language": info.get("language", "en"),
                "ready": bool(info.get("model")) and has_consent(folder),
            }
        )
    return found


def has_consent(folder: VoiceFolder) -> bool:
    """Whether the voice may speak."""
    try:
        require_consent_to_speak(folder)
    except (PipelineError, OSError):
        return False
    return True


class SharedVoice:
    """A voice that several threads may use: one chunk at a time."""

    def __init__(self, voice: LoadedVoice) -> None:
        self.sample_rate = voice.sample_rate
        self._voice = voice
        self._lock = threading.Lock()

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        """See `LoadedVoice.synthesize`."""
        with self._lock:
            return self._voice.synthesize(text, speed=speed, seed=seed)


@dataclass
class _Slot:
    """A place in memory for one version of one voice."""

    loading: threading.Lock = field(default_factory=threading.Lock)
    voice: SharedVoice | None = None


class VoiceStore:
    """Finds, loads and keeps voices.

    Args:
        home: folder of voice folders.
        load: loads one voice.
        capacity: voices kept in memory; the one used longest ago goes first.
    """

    def __init__(self, home: Path, load: Loader, capacity: int) -> None:
        self.home = home
        self._load = load
        self._capacity = capacity
        self._slots: OrderedDict[tuple[str, str], _Slot] = OrderedDict()
        self._lock = threading.Lock()

    def describe(self) -> list[dict[str, Any]]:
        """See `describe_voices`."""
        return describe_voices(self.home)

    def find(self, voice_id: str) -> VoiceFolder:
        """The folder of a voice that can speak.

        Raises:
            ApiError: 400 for what cannot be an id, 404 for no such voice, 409 for one without a model, 403 for one
                whose speaker has not consented or has taken the consent back.
        """
        try:
            folder = VoiceFolder(self.home, check_name(voice_id))
        except PipelineError as error:
            message = "a voice id has 1 to 64 of a-z, 0-9, - and _"
            raise ApiError(400, message, code="invalid_voice", param="voice") from error
        if not folder.exists:
            raise ApiError(
                404,
                f"there is no voice '{folder.name}'; GET /v1/audio/voices lists them",
                code="voice_not_found",
                param="voice",
            )
        if not folder.read_info().get("model"):
            raise ApiError(
                409, f"the voice '{folder.name}' was not trained yet", code="voice_not_trained", param="voice"
            )
        try:
            require_consent_to_speak(folder)
        except ConsentError as error:
            self._forget(folder.name)
            raise ApiError(403, str(error), code=error.code, param="voice") from error
        return folder

    def _forget(self, voice_id: str) -> None:
        with self._lock:
            for key in [key for key in self._slots if key[0] == voice_id]:
                del self._slots[key]

    def open(self, voice_id: str) -> SharedVoice:
        """A voice ready to speak; loaded now if need be, again if it was trained anew. Blocks: call it in a worker.

        Raises:
            ApiError: as `find`, and 503 when the model cannot be loaded.
        """
        folder = self.find(voice_id)
        key = (folder.name, str(folder.read_info()["model"]))
        with self._lock:
            slot = self._slots.setdefault(key, _Slot())
            self._slots.move_to_end(key)
            stale = [other for other in self._slots if other[0] == folder.name and other != key]
            for other in stale:
                del self._slots[other]
            while len(self._slots) > self._capacity:
                self._slots.popitem(last=False)
        with slot.loading:
            if slot.voice is None:
                slot.voice = self._load_or_refuse(folder, key)
        return slot.voice

    def _load_or_refuse(self, folder: VoiceFolder, key: tuple[str, str]) -> SharedVoice:
        try:
            logger.info("loading the voice '%s'", folder.name)
            return SharedVoice(self._load(folder))
        except Exception as error:
            with self._lock:
                self._slots.pop(key, None)
            logger.error("the voice '%s' cannot be loaded: %s", folder.name, type(error).__name__)
            raise ApiError(
                503, f"the voice '{folder.name}' cannot be loaded", code="voice_unavailable", param="voice"
            ) from error

    @property
    def loaded(self) -> int:
        """Voices in memory."""
        return sum(slot.voice is not None for slot in self._slots.values())
