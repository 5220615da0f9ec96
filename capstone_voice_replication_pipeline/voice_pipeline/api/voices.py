"""The voices of one folder, by id; those in use are kept in memory."""

from __future__ import annotations

import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
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

SMALL_MB = 100


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


def _is_small(folder: VoiceFolder) -> bool:
    weights = (folder.root / str(folder.read_info()["model"])).glob("*.safetensors")
    return sum(path.stat().st_size for path in weights) < SMALL_MB * 2**20


class SharedVoice:
    """A voice that several threads may use. A copy speaks one chunk; one more is loaded when all others are busy.

    Args:
        load: loads one more copy.
        copies: how many there may be.
    """

    def __init__(self, load: Callable[[], LoadedVoice], copies: int) -> None:
        self._load, self._left = load, copies - 1
        self._lock = threading.Lock()
        first = load()
        self.sample_rate = first.sample_rate
        self._idle: queue.LifoQueue[LoadedVoice] = queue.LifoQueue()  # the one used last is warm
        self._idle.put(first)

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        """See `LoadedVoice.synthesize`."""
        voice = self._take()
        try:
            return voice.synthesize(text, speed=speed, seed=seed)
        finally:
            self._idle.put(voice)

    def load_all(self) -> None:
        """Load the copies that are still allowed."""
        while self._may_load():
            self._idle.put(self._load())

    def _take(self) -> LoadedVoice:
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return self._load() if self._may_load() else self._idle.get()

    def _may_load(self) -> bool:
        with self._lock:
            more, self._left = self._left > 0, max(0, self._left - 1)
        return more


@dataclass
class _Slot:
    """A place in memory for one version of one voice."""

    voice: SharedVoice | None = None


class VoiceStore:
    """Finds, loads and keeps voices.

    Args:
        home: folder of voice folders.
        load: loads one voice.
        capacity: voices kept in memory; the one used longest ago goes first.
        copies: how often a voice of at most `SMALL_MB` may be in memory.
    """

    def __init__(self, home: Path, load: Loader, capacity: int, copies: int = 1) -> None:
        self.home = home
        self.capacity = capacity
        self._load = load
        self._copies = copies
        self._slots: OrderedDict[tuple[str, str], _Slot] = OrderedDict()
        self._lock = threading.Lock()
        self._loading = threading.Lock()  # one voice at a time: memory's peak, and an engine's imports in one thread

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
            self.forget(folder.name)
            raise ApiError(403, str(error), code=error.code, param="voice") from error
        return folder

    def forget(self, voice_id: str) -> None:
        """Take a voice out of memory."""
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
            while len(self._slots) > self.capacity:
                self._slots.popitem(last=False)
        with self._loading:
            if slot.voice is None:
                slot.voice = self._load_or_refuse(folder, key)
        return slot.voice

    def _load_or_refuse(self, folder: VoiceFolder, key: tuple[str, str]) -> SharedVoice:
        try:
            logger.info("loading the voice '%s'", folder.name)
            return SharedVoice(lambda: self._load(folder), self._copies if _is_small(folder) else 1)
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
        with self._lock:
            return sum(slot.voice is not None for slot in self._slots.values())
