"""Recording from a microphone: the capture device behind a small protocol, one take, the guided loop over prompts."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

import numpy as np

from voice_pipeline.audio import to_int16
from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError
from voice_pipeline.measurements import decibels
from voice_pipeline.prompts import Prompt
from voice_pipeline.takes import TakeCheck, check_take, earlier_matches, keep_take
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl, write_jsonl

logger = logging.getLogger(__name__)

CAPTURE_RATE = 48_000  # what nearly every sound card runs at; resampled once, in preprocessing
EXTRA_SECONDS = 6.0  # a take may last its prompt's expected time, one and a half times, and this much more
_ALSA_NULL = "generate zero samples"  # ALSA lists its null device as a microphone
_NO_MICROPHONE = PipelineError(
    "no microphone was found on this machine",
    hint="plug one in and allow its use, or record with a phone and run: "
    "python 01_collect_recordings.py --voice NAME --import DIR",
)


class Microphone(Protocol):
    """A source of live sound."""

    name: str
    sample_rate: int

    def open(self) -> Any:
        """Context manager over an iterator of float32 blocks `[samples]`, mono, -1..1, as they are heard."""
        ...


class Terminal(Protocol):
    """What the guided loop needs from the person in front of it."""

    def show(self, text: str) -> None:
        """Print a line."""

    def ask(self, question: str) -> str:
        """Print a question and return the answer, stripped and in lower case."""

    def pause(self, seconds: float) -> None:
        """Wait."""

    def level(self, dbfs: float, seconds: float) -> None:
        """Show the level meter."""

    def enter_pressed(self) -> Callable[[], bool]:
        """Start to watch the Enter key; the result tells whether it was pressed."""


def list_microphones() -> list[str]:
    """Names of the capture devices, the default first; empty when there is none."""
    return [str(device["name"]) for device in _captures()]


def open_microphone(name: str | None = None) -> Microphone:
    """The microphone called `name`, or the default one.

    Raises:
        PipelineError: there is no microphone, or none of this name.
    """
    devices = _captures()
    if not devices:
        raise _NO_MICROPHONE
    if name is None:
        return MiniaudioMicrophone(str(devices[0]["name"]), devices[0]["id"])
    for device in devices:
        if name.casefold() in str(device["name"]).casefold():
            return MiniaudioMicrophone(str(device["name"]), device["id"])
    known = "; ".join(str(device["name"]) for device in devices)
    raise PipelineError(f"there is no microphone called '{name}'", hint=f"choose one of: {known}")


def _captures() -> list[dict[str, Any]]:
    import miniaudio

    try:
        captures = miniaudio.Devices().get_captures()
    except miniaudio.MiniaudioError as error:
        logger.info("no sound system: %s", error)
        return []
    return [device for device in captures if _ALSA_NULL not in str(device["name"])]


class MiniaudioMicrophone:
    """A capture device through miniaudio, which needs no system library."""

    def __init__(self, name: str, device_id: Any = None, sample_rate: int = CAPTURE_RATE) -> None:
        self.name = name
        self.sample_rate = sample_rate
        self._device_id = device_id

    @contextmanager
    def open(self) -> Iterator[Iterator[np.ndarray]]:
        """Start the device; yields its blocks.

        Raises:
            PipelineError: the device cannot be opened or falls silent.
        """
        import miniaudio

        heard: queue.Queue[np.ndarray] = queue.Queue()

        def receive() -> Generator[None, bytes, None]:
            while True:
                data = yield
                heard.put(np.frombuffer(data, np.int16).astype(np.float32) / 32_768.0)

        def blocks() -> Iterator[np.ndarray]:
            while True:
                try:
                    yield heard.get(timeout=5.0)
                except queue.Empty:
                    raise PipelineError(
                        f"the microphone '{self.name}' gives no sound",
                        hint="check that it is connected and that this terminal may use it (privacy settings)",
                    ) from None

        try:
            device = miniaudio.CaptureDevice(
                input_format=miniaudio.SampleFormat.SIGNED16,
                nchannels=1,
                sample_rate=self.sample_rate,
                device_id=self._device_id,
            )
            receiver = receive()
            next(receiver)
            device.start(receiver)
        except miniaudio.MiniaudioError as error:
            raise PipelineError(
                f"the microphone '{self.name}' cannot be opened: {error}",
                hint="close other programs that use it, or import recordings: --import DIR",
            ) from error
        try:
            yield blocks()
        finally:
            device.close()


def record_take(
    microphone: Microphone,
    max_seconds: float,
    stop: Callable[[], bool] = lambda: False,
    on_level: Callable[[float, float], None] = lambda dbfs, seconds: None,
) -> np.ndarray:
    """Record until `stop()` says so or `max_seconds` are over.

    Args:
        microphone: where from.
        max_seconds: the longest take.
        stop: asked after each block.
        on_level: told the peak of each block in dBFS and the seconds so far.

    Returns:
        float32 `[samples]` at `microphone.sample_rate`.
    """
    parts: list[np.ndarray] = []
    samples, most = 0, int(max_seconds * microphone.sample_rate)
    with microphone.open() as blocks:
        for block in blocks:
            parts.append(block)
            samples += len(block)
            on_level(decibels(float(np.abs(block).max(initial=0.0))), samples / microphone.sample_rate)
            if samples >= most or stop():
                break
    return np.concatenate(parts)[:most] if parts else np.zeros(0, np.float32)


def record_prompts(
    folder: VoiceFolder,
    prompts: Sequence[Prompt],
    microphone: Microphone,
    terminal: Terminal,
    *,
    retake: Collection[str] = (),
    check_words: bool = True,
    play: Callable[[np.ndarray, int], None] | None = None,
) -> int:
    """Guide a speaker through the prompts that have no take yet. Stopping and starting again goes on where it stopped.

    Args:
        folder: where the takes go (`raw/ID.wav`, manifest.jsonl). The caller holds its lock.
        prompts: in reading order.
        microphone: where from.
        terminal: the person.
        retake: ids of prompts to read again although they have a take, which the new one replaces.
        check_words: let the recogniser compare each take with its prompt.
        play: plays a take; None where there is no loudspeaker.

    Returns:
        number of takes kept in this session.

    Raises:
        PipelineError: no microphone sound, an unknown id in `retake`, or the disk refuses.
    """
    folder.create()
    rows = read_jsonl(folder.manifest)
    unknown = set(retake) - {prompt.prompt_id for prompt in prompts}
    if unknown:
        raise PipelineError(
            f"there is no prompt called {', '.join(sorted(unknown))}", hint="--prompts shows them with their ids"
        )
    recorded = {row["id"] for row in rows} - set(retake)
    todo = [prompt for prompt in prompts if prompt.prompt_id not in recorded]
    terminal.show(f"Microphone: {microphone.name}. {len(todo)} of {len(prompts)} sentences to read.")
    kept = 0
    earlier = earlier_matches(rows)
    for prompt in todo:
        take = _take_until_kept(prompt, microphone, terminal, check_words=check_words, earlier=earlier, play=play)
        if take is None:
            break
        if len(take.waveform):
            earlier += [take.check.match] if take.check.match is not None else []
            rows = [row for row in rows if row["id"] != prompt.prompt_id]
            with writing_to(folder.raw):
                rows.append(
                    keep_take(
                        folder, prompt, take.waveform, microphone.sample_rate, take.check,
                        source="microphone", device=microphone.name,
                    )
                )  # fmt: skip
                write_jsonl(folder.manifest, rows)
            kept += 1
    terminal.show(f"{kept} takes kept, {len(todo) - kept} sentences left.")
    return kept


@dataclass(frozen=True)
class _Take:
    waveform: np.ndarray
    check: TakeCheck


def _take_until_kept(
    prompt: Prompt,
    microphone: Microphone,
    terminal: Terminal,
    *,
    check_words: bool,
    earlier: Sequence[float],
    play: Callable[[np.ndarray, int], None] | None,
) -> _Take | None:
    """One prompt: the take to keep, an empty one when it is skipped, None to stop the session."""
    while True:
        terminal.show(f"\n{prompt.prompt_id} (about {prompt.expected_seconds:.0f} s):\n\n    {prompt.text}\n")
        answer = terminal.ask("Enter to record, s to skip, q to stop: ")
        if answer in ("s", "q"):
            return _Take(np.zeros(0, np.float32), TakeCheck(False, "skipped")) if answer == "s" else None
        for count in (3, 2, 1):
            terminal.show(f"{count} ...")
            terminal.pause(0.7)
        terminal.show("Read now. Wait a moment at the end, then press Enter.")
        longest = 1.5 * prompt.expected_seconds + EXTRA_SECONDS
        waveform = record_take(microphone, longest, terminal.enter_pressed(), terminal.level)
        check = check_take(waveform, microphone.sample_rate, prompt, words=check_words, earlier=earlier)
        terminal.show(f"\n{'Good' if check.ok else 'Better again'}: {check.sentence}.")
        listen = ", p to listen" if play else ""
        question = "Enter to keep, r to repeat" if check.ok else "Enter to repeat, k to keep it anyway"
        while (answer := terminal.ask(f"{question}{listen}: ")) == "p" and play:
            play(waveform, microphone.sample_rate)
        if (check.ok and answer != "r") or answer == "k":
            return _Take(waveform, check)
        if answer == "q":
            return None


def open_loudspeaker() -> Callable[[np.ndarray, int], None] | None:
    """What plays a take (float32 `[samples]`, Hz) and returns at its end; None where there is no loudspeaker."""
    import miniaudio

    try:
        if not miniaudio.Devices().get_playbacks():
            return None
    except miniaudio.MiniaudioError as error:
        logger.info("no sound system: %s", error)
        return None

    def play(waveform: np.ndarray, sample_rate: int) -> None:
        samples, finished = to_int16(waveform), threading.Event()

        def frames() -> Generator[bytes, int, None]:
            place = 0
            wanted = yield b""
            while place < len(samples):
                block = samples[place : place + wanted]
                place += wanted
                wanted = yield block.tobytes()
            finished.set()

        try:
            source = frames()
            next(source)
            device = miniaudio.PlaybackDevice(
                output_format=miniaudio.SampleFormat.SIGNED16, nchannels=1, sample_rate=sample_rate
            )
            try:
                device.start(source)
                finished.wait(len(samples) / sample_rate + 2.0)
            finally:
                device.close()
        except miniaudio.MiniaudioError as error:
            logger.warning("the take cannot be played: %s", error)

    return play


class ConsoleTerminal:
    """The real terminal, in plain ASCII."""

    def __init__(self, output: TextIO, read_line: Callable[[], str]) -> None:
        self._output = output
        self._read_line = read_line
        self._watcher: threading.Thread | None = None

    def show(self, text: str) -> None:
        """Print a line."""
        self._output.write(text + "\n")
        self._output.flush()

    def ask(self, question: str) -> str:
        """Print a question and return the answer; the end of the input counts as q."""
        if self._watcher and self._watcher.is_alive():
            self.show("Press Enter to go on.")
            self._watcher.join()
        self._output.write(question)
        self._output.flush()
        line = self._read_line()
        return line.strip().lower() if line else "q"

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def level(self, dbfs: float, seconds: float) -> None:
        """Draw the meter over the last one: 30 characters from -60 to 0 dBFS."""
        filled = round(max(0.0, min(1.0, (dbfs + 60.0) / 60.0)) * 30)
        self._output.write(f"\r[{'#' * filled}{'.' * (30 - filled)}] {dbfs:5.0f} dBFS {seconds:5.1f} s ")
        self._output.flush()

    def enter_pressed(self) -> Callable[[], bool]:
        """Read a line in the background; true once it has come."""
        pressed = threading.Event()

        def watch() -> None:
            self._read_line()
            pressed.set()

        self._watcher = threading.Thread(target=watch, daemon=True)
        self._watcher.start()
        return pressed.is_set
