"""What the scripts of this module share: sentences read aloud with their texts, stretches of speech, manifests.

Where clips come from, levels, noise and plots are those of module 04 (`audio_utils.py`), passed on from here. Letters
used in shapes: S samples, N frames.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coursekit.course.modules import load_script
from coursekit.data import transcripts
from coursekit.errors import CourseError
from coursekit.files import write_text_atomic

audio_utils = load_script(Path(__file__).resolve().parents[1] / "04_speech_audio_processing" / "audio_utils.py")

AUDIO, SAMPLE_RATE = audio_utils.AUDIO, audio_utils.SAMPLE_RATE  # 24,000 Hz, the rate of the whole course
BLUE, ORANGE, GREEN, PURPLE, GREY = (
    audio_utils.BLUE,
    audio_utils.ORANGE,
    audio_utils.GREEN,
    audio_utils.PURPLE,
    audio_utils.GREY,
)
Clip = audio_utils.Clip
prepare = audio_utils.prepare  # says the device, returns the generator of random numbers
as_course_error = audio_utils.as_course_error  # the capstone's refusals in the form the lessons print
load_speakers = audio_utils.load_speakers  # many people, one clip each, without texts
make_noise, mix_at_snr = audio_utils.make_noise, audio_utils.mix_at_snr
frame_levels, decibels, rms = audio_utils.frame_levels, audio_utils.decibels, audio_utils.rms
save_figure, write_wav = audio_utils.save_figure, audio_utils.write_wav

ROOM = 0.4  # seconds of room before and after each sentence, as in any recording; less is a word cut off
FRAME = round(0.02 * SAMPLE_RATE)  # samples, 20 ms: short enough for a pause, long enough for a level

# ----------------------------------------------------------------------------------------------------------------------
# sentences read aloud, with their text


@dataclass(frozen=True)
class Reading(Clip):
    """A clip and what is said in it.

    Attributes:
        text: The sentence, as it is to be spoken.
    """

    text: str = ""


def load_readings(settings: Namespace, n_clips: int) -> list[Reading]:
    """Return sentences read by one person at 24,000 Hz, with room around them, and their texts.

    They are LJSpeech's where it is at hand (3 to 10 s each), else a synthetic voice's (5 to 7 s). A run without the
    recordings sets `settings.quick`, because the expectations of the quick run hold then.

    Args:
        settings: The script's settings.
        n_clips: At most 24 of LJSpeech; of the synthetic voice there are 10.
    """
    texts = transcripts("ljspeech_sample")
    random = np.random.default_rng(settings.seed)
    found = []
    for clip in audio_utils.load_reader(settings, n_clips)[:n_clips]:
        real = clip.name in texts
        if not real and len(found) == len(audio_utils.STAND_IN_TEXTS):
            break  # the synthetic voice would begin again with its first sentence
        text = texts[clip.name] if real else audio_utils.STAND_IN_TEXTS[len(found)]
        waveform = clip.at(SAMPLE_RATE).waveform
        waveform = with_room(waveform, random) if real else waveform  # the synthetic clips have it already
        found.append(Reading(clip.name, clip.speaker, waveform, SAMPLE_RATE, text))
    return found


def with_room(waveform: np.ndarray, random: np.random.Generator, seconds: float = ROOM) -> np.ndarray:
    """Return the waveform with faint noise before and after it, as loud as its own quietest frames.

    Digital silence would be too easy: no room has it, and a detector that was tried on it fails in every real one.
    """
    quiet = np.percentile(frame_levels(waveform, FRAME, FRAME), 5)
    noise = 10 ** (quiet / 20) * random.normal(size=(2, round(seconds * SAMPLE_RATE)))
    return np.concatenate([noise[0], waveform, noise[1]]).astype(np.float32)


# ----------------------------------------------------------------------------------------------------------------------
# stretches of speech


def speech_stretches(waveform: np.ndarray, min_pause: float, range_db: float = 30.0) -> list[tuple[float, float]]:
    """Return (start, end) in seconds of what is loud, gaps shorter than `min_pause` closed.

    A frame is loud when it is at most `range_db` below the loud frames and well above the quiet ones. Good enough in a
    quiet room; module 04 compares it with a network that also knows speech from a slammed door.

    Args:
        waveform: float32 `[S]` at 24,000 Hz.
        min_pause: Seconds. 0.1 cuts sentences into phrases, 1.0 glues neighbours together.
        range_db: How far below the loud frames speech still is.
    """
    levels = frame_levels(waveform, FRAME, FRAME)  # [N]
    loud, quiet = np.percentile(levels, 95), np.percentile(levels, 5)
    active = levels > max(loud - range_db, min(quiet + 10, (loud + quiet) / 2))
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(int), [0]])))
    joined: list[tuple[float, float]] = []
    for start, end in zip(edges[::2] * FRAME / SAMPLE_RATE, edges[1::2] * FRAME / SAMPLE_RATE, strict=True):
        if joined and start - joined[-1][1] < min_pause:
            joined[-1] = (joined[-1][0], float(end))
        else:
            joined.append((float(start), float(end)))
    return [(start, end) for start, end in joined if end - start >= 0.08]  # a click is no speech


# ----------------------------------------------------------------------------------------------------------------------
# manifests in LJSpeech form: one line `id|text|normalised text` a clip, the clip in wavs/id.wav


@dataclass(frozen=True)
class Row:
    """One line of a manifest.

    Attributes:
        clip_id: Name of the clip without `.wav`.
        text: What is written.
        spoken: What is said: numbers and abbreviations in words. What a voice is trained on.
    """

    clip_id: str
    text: str
    spoken: str


def write_manifest(folder: Path, rows: list[Row]) -> Path:
    """Write `metadata.csv` in LJSpeech form, whole or not at all.

    Raises:
        CourseError: A text holds what the format cannot: the separator or a line break.
    """
    for row in rows:
        for cell in (row.clip_id, row.text, row.spoken):
            if "|" in cell or "\n" in cell or "\r" in cell:
                raise CourseError(
                    f"{row.clip_id}: {cell[:40]!r} holds a '|' or a line break, which separate cells and lines.",
                    hint="replace it by a comma or a space",
                )
    path = folder / "metadata.csv"
    write_text_atomic(path, "".join(f"{row.clip_id}|{row.text}|{row.spoken}\n" for row in rows))
    return path


def read_manifest(folder: Path) -> list[Row]:
    """Read `metadata.csv`: two or three cells a line, no quoting, with or without the mark of a Windows editor.

    Raises:
        CourseError: It is missing, or a line has another number of cells.
    """
    path = folder / "metadata.csv"
    if not path.is_file():
        raise CourseError(f"{path} does not exist.", hint="give a folder with metadata.csv and wavs/")
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        cells = line.split("|")  # not the csv module: see script 05
        if line.strip() and len(cells) not in (2, 3):
            raise CourseError(f"{path}, line {number} has {len(cells)} cells.", hint="write id|text|normalised text")
        if line.strip():
            rows.append(Row(cells[0], cells[1], cells[-1]))
    return rows


def write_corpus(folder: Path, readings: list[Reading]) -> list[Row]:
    """Write readings as a data set in LJSpeech form: `wavs/ID.wav` and `metadata.csv`."""
    for reading in readings:
        write_wav(folder / "wavs" / f"{reading.name}.wav", reading.waveform, SAMPLE_RATE)
    rows = [Row(reading.name, reading.text, reading.text) for reading in readings]
    write_manifest(folder, rows)
    return rows
