"""raw/ to clips/: decode, mono, 24 kHz, trim, loudness, 16-bit WAV; measured, judged, split. Nothing is done twice."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from coursekit.files import sha256_file, write_json_atomic, write_text_atomic
from voice_pipeline import ledger
from voice_pipeline.audio import AudioError, decode, resample, write_wav
from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError
from voice_pipeline.ledger_page import write_reports
from voice_pipeline.measurements import Measurements, measure
from voice_pipeline.settings import AUDIO, AudioSettings
from voice_pipeline.split import MIN_CLIPS, split_clips
from voice_pipeline.vad import find_speech
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl, write_jsonl

logger = logging.getLogger(__name__)

METHOD = 3  # raise it when this module gives other clips or measurements from the same recording
_REPAIRS = {
    "unreadable": "Copy or record the file again, or export it as WAV or FLAC.",
    "not_finite": "Export it as 16-bit WAV from the original.",
    "file_too_long": "Cut it into one file per sentence, with a text for each.",
    "duplicate": "Nothing to do: the other file is used. Delete this one, or replace it by another take.",
}


@dataclass(frozen=True)
class PreprocessSettings:
    """How recordings become clips.

    Attributes:
        margin: seconds kept before the first and after the last speech.
        limits: thresholds of the ledger.
        audio: sample rate, loudness and peak limit.
    """

    margin: float = 0.10
    limits: ledger.Limits = field(default_factory=ledger.Limits)
    audio: AudioSettings = AUDIO


@dataclass(frozen=True)
class PreprocessResult:
    """What a run did.

    Attributes:
        rows: the whole ledger.
        split: content of split.json.
        processed: recordings worked on in this run.
        reused: recordings whose result was still valid.
        removed: clips deleted because their recording is gone or is now rejected.
        notes: what could not be judged, and why.
    """

    rows: list[dict[str, Any]]
    split: dict[str, Any]
    processed: int
    reused: int
    removed: int
    notes: tuple[str, ...] = ()


def preprocess(
    folder: VoiceFolder,
    settings: PreprocessSettings | None = None,
    *,
    seed: int = 0,
    allow_few: bool = False,
    workers: int | None = None,
    listening: bool = False,
    on_clip: Callable[[dict[str, Any]], object] | None = None,
    on_heard: Callable[[dict[str, Any]], object] | None = None,
) -> PreprocessResult:
    """Bring clips/, ledger.jsonl, metadata.csv and split.json in line with raw/. Safe to kill and run again.

    Args:
        folder: a voice with recordings. The caller holds its lock.
        settings: how; the defaults suit every engine.
        seed: of the split.
        allow_few: accept fewer than `MIN_CLIPS` clips.
        workers: threads; default one per core, at most 8. The work is in libraries that run side by side.
        listening: also compare the speaker of each clip with the others, and its words with its text (slower; see
            `voice_pipeline.listening`).
        on_clip: called with each finished ledger row, in the order they finish.
        on_heard: called with each row listened to.

    Raises:
        PipelineError: no recordings, the disk refuses, or too few clips were accepted (the ledger is written first).
    """
    settings = settings or PreprocessSettings()
    manifest = read_jsonl(folder.manifest)
    if not manifest:
        raise PipelineError(
            f"the voice '{folder.name}' has no recordings yet",
            hint=f"python 01_collect_recordings.py --voice {folder.name} --import DIR",
        )
    folder.create()
    journal = _Journal(folder)
    done = _reusable_rows(folder, journal)
    tasks = [_Task.of(folder, recording, settings) for recording in manifest]
    todo = [task for task in tasks if task.key not in done]
    with writing_to(folder.root):
        for task, row in _run(folder, todo, settings, workers):
            journal.append(row)
            done[task.key] = row
            if on_clip:
                on_clip(row)
        rows = [done[task.key] for task in tasks]
        notes: list[str] = []
        if listening:
            from voice_pipeline.listening import listen

            rows, notes = listen(folder, rows, settings.limits, on_heard)
        ledger.check_complete([recording["given"] for recording in manifest], rows)
        write_reports(folder, rows, notes)
        split = _write_results(folder, rows, seed)
        removed = _remove_stale(folder, rows)
        journal.clear()
    _require_enough(folder, rows, allow_few)
    return PreprocessResult(rows, split, len(todo), len(tasks) - len(todo), removed, tuple(notes))


@dataclass(frozen=True)
class _Task:
    recording: dict[str, Any]
    raw: Path | None
    sha256: str | None
    key: str

    @classmethod
    def of(cls, folder: VoiceFolder, recording: dict[str, Any], settings: PreprocessSettings) -> _Task:
        raw = folder.raw / recording["file"] if recording.get("file") else None
        digest = sha256_file(raw) if raw and raw.is_file() else None
        identity = {
            "method": METHOD,
            "settings": asdict(settings),
            "source": digest,
            **{name: recording.get(name) for name in ("id", "given", "text", "problem", "duplicate_of", "set_aside")},
        }
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
        return cls(recording, raw, digest, key)


def _run(
    folder: VoiceFolder, tasks: list[_Task], settings: PreprocessSettings, workers: int | None
) -> Iterator[tuple[_Task, dict[str, Any]]]:
    workers = workers or min(8, os.cpu_count() or 1)
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(tasks)))) as pool:
        futures = {pool.submit(process_recording, folder, task, settings): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def process_recording(folder: VoiceFolder, task: _Task, settings: PreprocessSettings) -> dict[str, Any]:
    """Make one recording's clip and its ledger row. Never raises on account of the recording."""
    recording = task.recording
    text = recording.get("text") or ""
    clip = folder.clips / f"{recording['id']}.wav"
    measured, clip_sha256, reasons = None, None, _reasons_before_decoding(task)
    if not reasons and task.raw:
        try:
            waveform, measured = prepare(task.raw, text, settings)
            if given := recording.get("source_format"):  # a slice: raw/ holds WAV, the recording was something else
                measured = replace(measured, **{f"source_{name}": value for name, value in given.items()})
            reasons = ledger.judge(measured, text, settings.limits)
            if not reasons:
                clip_sha256 = write_wav(clip, waveform, settings.audio.sample_rate)
        except AudioError as error:
            reasons = [ledger.Reason(error.rule, str(error), None, _REPAIRS[error.rule])]
    row = ledger.entry(
        clip_id=recording["id"],
        file=recording["given"],
        text=text,
        source_sha256=task.sha256 or recording.get("sha256"),
        reasons=reasons,
        measurements=measured,
        clip=clip.relative_to(folder.root).as_posix(),
    )
    return {**row, "key": task.key, "clip_sha256": clip_sha256}


def _reasons_before_decoding(task: _Task) -> list[ledger.Reason]:
    problem = task.recording.get("problem")
    if not problem and task.sha256 is None:
        problem = f"raw/{task.recording.get('file')} is gone"
    if problem:
        return [ledger.Reason("unreadable", problem, None, _REPAIRS["unreadable"])]
    if aside := task.recording.get("set_aside"):
        return [ledger.Reason(**aside)]
    if task.recording.get("duplicate_of"):
        return [ledger.Reason("duplicate", task.recording["duplicate_of"], None, _REPAIRS["duplicate"])]
    return []


def prepare(path: Path, text: str, settings: PreprocessSettings) -> tuple[np.ndarray, Measurements]:
    """Decode, resample, trim and normalise one recording.

    Args:
        path: the recording.
        text: what is said in it; empty when unknown.
        settings: how.

    Returns:
        (clip, float32 `[samples]` at `settings.audio.sample_rate`; measurements).

    Raises:
        AudioError: the file gives no usable sound.
    """
    audio = settings.audio
    decoded = decode(path)
    speech = find_speech(decoded.waveform, decoded.sample_rate)
    waveform = resample(decoded.waveform, decoded.sample_rate, audio.sample_rate)
    if speech.segments:
        start = max(0, round((speech.start - settings.margin) * audio.sample_rate))
        end = min(len(waveform), round((speech.end + settings.margin) * audio.sample_rate))
        waveform = waveform[start:end]
    loudness = measure_loudness(waveform, audio.sample_rate)
    clip, clip_loudness = normalise(waveform, loudness, audio)
    measured = measure(
        decoded,
        speech,
        text,
        clip_duration=len(clip) / audio.sample_rate,
        loudness=loudness,
        clip_loudness=clip_loudness,
    )
    return clip, measured


def measure_loudness(waveform: np.ndarray, sample_rate: int) -> float | None:
    """Integrated loudness (ITU-R BS.1770, `pyloudnorm`). Clips under its 0.4 s block are repeated until they fill one.

    Args:
        waveform: float32 `[samples]`.
        sample_rate: Hz.

    Returns:
        LUFS, or None for silence.
    """
    if not len(waveform):
        return None
    meter = _meter(sample_rate)
    block = int(np.ceil(meter.block_size * sample_rate)) + 1
    loudness = float(meter.integrated_loudness(waveform if len(waveform) >= block else np.resize(waveform, block)))
    return loudness if np.isfinite(loudness) else None


def normalise(
    waveform: np.ndarray, loudness: float | None, audio: AudioSettings = AUDIO
) -> tuple[np.ndarray, float | None]:
    """Bring a clip to `audio.loudness`, or as near as `audio.peak_limit` allows; the waveform keeps its shape.

    Args:
        waveform: float32 `[samples]`.
        loudness: its loudness, LUFS; None for silence, which stays as it is.
        audio: target loudness and peak limit.

    Returns:
        (float32 `[samples]`, its loudness).
    """
    if loudness is None:
        return waveform, None
    gain = 10.0 ** ((audio.loudness - loudness) / 20.0)
    peak = float(np.abs(waveform).max(initial=0.0))
    if peak * gain > audio.peak_limit:
        gain = audio.peak_limit / peak
    return waveform * np.float32(gain), loudness + 20.0 * float(np.log10(gain))


@functools.cache
def _meter(sample_rate: int) -> Any:
    import pyloudnorm

    return pyloudnorm.Meter(sample_rate)


class _Journal:
    """Rows finished in a run that has not ended yet, so that a killed run is continued and not begun anew."""

    def __init__(self, folder: VoiceFolder) -> None:
        self._path = folder.clips / ".journal.jsonl"

    def append(self, row: dict[str, Any]) -> None:
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def rows(self) -> list[dict[str, Any]]:
        if not self._path.is_file():
            return []
        found = []
        for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:  # the line that was being written when the process was killed
                logger.info("the journal of the last run ends in half a line; that clip is made again")
        return found

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


def _reusable_rows(folder: VoiceFolder, journal: _Journal) -> dict[str, dict[str, Any]]:
    """Rows by key whose clip, if they have one, is on disk with the content it had."""
    try:
        old = read_jsonl(folder.ledger)
    except PipelineError as error:
        logger.warning("%s; all clips are made again", error)
        old = []
    return {row["key"]: row for row in [*old, *journal.rows()] if "key" in row and _clip_is_whole(folder, row)}


def _rejected_by_ear(row: dict[str, Any]) -> bool:
    """What `listening` rejected depends on the other clips, so it is judged anew each time."""
    return bool({rule.name for rule in ledger.LISTENING_RULES} & {reason["rule"] for reason in row["reasons"]})


def _clip_is_whole(folder: VoiceFolder, row: dict[str, Any]) -> bool:
    if row["status"] == ledger.REJECTED:
        return not _rejected_by_ear(row)
    clip = folder.root / row["clip"]
    return clip.is_file() and sha256_file(clip) == row.get("clip_sha256")


def _write_results(folder: VoiceFolder, rows: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    accepted = [row for row in rows if row["status"] == ledger.ACCEPTED]
    split = split_clips(accepted, seed=seed)
    write_text_atomic(folder.metadata, "".join(f"{row['id']}|{row['text']}\n" for row in accepted))
    write_json_atomic(folder.split, split)
    write_jsonl(folder.ledger, rows)
    return split


def _remove_stale(folder: VoiceFolder, rows: list[dict[str, Any]]) -> int:
    kept = {Path(row["clip"]).name for row in rows if row["clip"]}
    stale = [path for path in folder.clips.glob("*.wav") if path.name not in kept]
    for path in stale:
        path.unlink(missing_ok=True)
    return len([path for path in stale if not path.name.startswith(".")])


def _require_enough(folder: VoiceFolder, rows: list[dict[str, Any]], allow_few: bool) -> None:
    accepted, rejected = ledger.counts(rows)
    if accepted == 0 or (accepted < MIN_CLIPS and not allow_few):
        raise PipelineError(
            f"only {accepted} of {len(rows)} recordings were accepted; a voice needs {MIN_CLIPS}, better 20 "
            f"(the {rejected} rejected ones and their repairs are in {folder.ledger})",
            hint=f"python 01_collect_recordings.py --voice {folder.name} --import DIR"
            + (" for more, or add --allow-few to go on with these" if accepted else ""),
        )
