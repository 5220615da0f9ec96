"""What a consent statement has to prove: the words that were asked for, and the speaker of the clips.

Limits and the measurements behind them, on the public sets LibriSpeech, LJSpeech, VCTK, CMU ARCTIC by "Kathleen" and
"Kerstin" (README.md, "Consent"):

- words: see `MAX_WORD_ERRORS`.
- speaker: see `MIN_SIMILARITY` and `MIN_CLIP_SIMILARITY`.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import soundfile

from voice_pipeline.engines.base import TrainingClip, fingerprint
from voice_pipeline.recognizer import RECOGNIZER_RATE, Recognizer, plain_words, word_errors
from voice_pipeline.speaker import SpeakerEncoder, centroid, similarity

MAX_WORD_ERRORS = 0.60
MIN_CODE_WORDS = 3
TAIL_SECONDS = 12.0  # the code words come last
MAX_CODE_WORDS = 8  # so many at the end are looked at: reading the whole list aloud proves nothing
MIN_SIMILARITY = 0.80
MIN_CLIP_SIMILARITY = 0.70
MAX_FOREIGN_SHARE = 0.1
MIN_SECONDS, MAX_SECONDS = 4.0, 60.0

CODE_WORDS = (
    "garden river yellow window mountain candle winter paper silver orange kitchen doctor station thunder butter "
    "morning village summer engine purple button market shoulder pencil forest dinner island lemon ladder bottle "
    "camera hammer feather monkey tiger planet carpet basket guitar"
).split()


@dataclass(frozen=True)
class Heard:
    """What the recogniser made of a statement; `problem` is empty when it will do."""

    transcript: str
    word_error_rate: float
    code_words_heard: int
    limit: float = MAX_WORD_ERRORS
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the record."""
        values = asdict(self)
        del values["problem"]
        return {**values, "word_error_rate": round(self.word_error_rate, 4)}


@dataclass(frozen=True)
class SpeakerMatch:
    """How alike statement and clips are; `problem` is empty when they are one person's."""

    similarity: float
    lowest_clip: float
    clips: str
    n_clips: int
    limit: float = MIN_SIMILARITY
    clip_limit: float = MIN_CLIP_SIMILARITY
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For the record."""
        values = asdict(self)
        del values["problem"]
        return {**values, "similarity": round(self.similarity, 4), "lowest_clip": round(self.lowest_clip, 4)}


def statement_text(voice: str, day: date, code_words: Sequence[str]) -> str:
    """What the speaker reads: who, what for, the day, and words nobody could know before."""
    from voice_pipeline.text import normalise

    spoken_day = normalise(f"{day:%B} {day.day}, {day.year}").text
    name = " ".join(re.split(r"[-_]+", voice.strip("-_")))
    *words, last = code_words
    return (
        f"I am the speaker of these recordings, and I agree that this computer makes a copy of my voice. "
        f"The voice is called {name}. Today is {spoken_day}. My code words are {', '.join(words)} and {last}."
    )


def check_words(waveform: np.ndarray, sample_rate: int, text: str, code_words: Sequence[str]) -> Heard:
    """Compare a statement with its text. Words the recogniser cannot know, such as names, do not count.

    Args:
        waveform: float32 `[samples]`.
        sample_rate: Hz.
        text: what was to be said.
        code_words: the words of it that are new each time.
    """
    seconds = len(waveform) / sample_rate
    if not MIN_SECONDS <= seconds <= MAX_SECONDS:
        return Heard("", 1.0, 0, problem=f"it lasts {seconds:.1f} s, not {MIN_SECONDS:.0f} to {MAX_SECONDS:.0f} s")
    listener = _Listener.shared()
    transcript = Recognizer.shared().transcribe(waveform, sample_rate)
    known = " ".join(word for word in plain_words(text).split() if listener.knows(word))
    rate = word_errors([known], [transcript]).rate
    right = in_order(code_words, listener.code_words(waveform, sample_rate, known)[-MAX_CODE_WORDS:])
    problem = ""
    if not transcript:
        problem = "no words were understood"
    elif rate > MAX_WORD_ERRORS:
        problem = f"the word error rate is {rate:.2f}, at most {MAX_WORD_ERRORS:.2f} is allowed"
    elif right < MIN_CODE_WORDS:
        problem = f"{right} of the {len(code_words)} code words were heard, at least {MIN_CODE_WORDS} are needed"
    return Heard(transcript, rate, right, problem=problem)


def match_statement(waveform: np.ndarray, sample_rate: int, clips: Sequence[TrainingClip]) -> SpeakerMatch:
    """Compare the speaker of a statement with the speaker of every clip.

    Args:
        waveform: the statement, float32 `[samples]`.
        sample_rate: Hz.
        clips: preprocessed clips; at least one.
    """
    encoder = SpeakerEncoder.shared()
    statement = encoder.embed(waveform, sample_rate)
    embeddings = []
    for clip in clips:
        sound, rate = soundfile.read(clip.path, dtype="float32")
        embeddings.append(encoder.embed(sound, rate))
    single = [similarity(statement, embedding) for embedding in embeddings]
    whole = similarity(statement, centroid(embeddings))
    foreign = [
        clip.clip_id
        for clip, value in zip(clips, single, strict=True)
        if value < MIN_CLIP_SIMILARITY and clip.seconds >= 2.0  # shorter ones say little about who speaks
    ]
    problem = ""
    if whole < MIN_SIMILARITY:
        problem = f"the similarity is {whole:.2f}, at least {MIN_SIMILARITY:.2f} is needed"
    elif len(foreign) > MAX_FOREIGN_SHARE * len(clips):
        names = ", ".join(foreign[:5]) + (", ..." if len(foreign) > 5 else "")
        problem = f"{len(foreign)} of {len(clips)} clips sound like someone else ({names})"
    return SpeakerMatch(whole, min(single), fingerprint(clips), len(clips), problem=problem)


class _Listener:
    """PocketSphinx with a small vocabulary, the statement's and all code words: it hears those far more surely."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(samprate=RECOGNIZER_RATE, loglevel="FATAL")
        self._lock = threading.Lock()

    @classmethod
    @functools.lru_cache(maxsize=1)
    def shared(cls) -> _Listener:
        return cls()

    def knows(self, word: str) -> bool:
        with self._lock:
            return self._decoder.lookup_word(word) is not None

    def code_words(self, waveform: np.ndarray, sample_rate: int, text: str) -> list[str]:
        """The words of `CODE_WORDS` that were said at the end, in their order.

        Args:
            waveform: float32 `[samples]`.
            sample_rate: Hz.
            text: the statement's words that the recogniser knows.
        """
        from voice_pipeline.audio import resample, to_int16

        vocabulary = sorted({*text.rpartition("today")[2].split(), *CODE_WORDS})
        chance = 1.0 / len(vocabulary)
        loop = [(state, 1, chance, word) for state in (0, 1) for word in vocabulary]  # any words, at least one
        pad = np.zeros(RECOGNIZER_RATE // 4, np.float32)
        loud = np.nonzero(np.abs(waveform) > 0.02 * np.abs(waveform).max(initial=0.0))[0]
        last = waveform[: loud[-1] + 1 if len(loud) else 0][-round(TAIL_SECONDS * sample_rate) :]
        sound = np.concatenate([pad, resample(last.astype(np.float32), sample_rate, RECOGNIZER_RATE), pad])
        with self._lock:
            self._decoder.add_fsg("statement", self._decoder.create_fsg("statement", 0, 1, loop))
            self._decoder.activate_search("statement")
            self._decoder.start_utt()
            self._decoder.process_raw(to_int16(sound).tobytes(), full_utt=True)
            self._decoder.end_utt()
            heard = self._decoder.hyp()
        words = plain_words(re.sub(r"\(\d+\)", "", heard.hypstr)).split() if heard else []
        return [word for word in words if word in CODE_WORDS]


def in_order(asked: Sequence[str], heard: Sequence[str]) -> int:
    """How many of the words asked for were heard in their order (longest common subsequence)."""
    lengths = [0] * (len(heard) + 1)
    for word in asked:
        before = 0
        for place, other in enumerate(heard, start=1):
            diagonal, before = before, lengths[place]
            lengths[place] = diagonal + 1 if word == other else max(lengths[place], lengths[place - 1])
    return lengths[-1]
