"""Verified speech: each sentence is heard by the recogniser, and said again with another seed while it is not clear."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from voice_pipeline.engines.base import LoadedVoice
from voice_pipeline.recognizer import Recognizer, plain_words, word_errors

GOOD_SCORE = 0.75
"""Enough: the recogniser understands about this share of the words of real, clean reading."""

RETRIES = 3
_SEED_STEP = 10_007  # far from the seeds of the next chunks, which follow each other


@dataclass(frozen=True)
class SentenceScore:
    """How well one sentence was understood.

    Attributes:
        text: what was to be said.
        heard: what was understood, of the try that was kept.
        score: 1 minus the word error rate, at least 0.
        tries: how often it was said: 1 to `RETRIES` + 1.
        seed: of the try that was kept.
    """

    text: str
    heard: str
    score: float
    tries: int
    seed: int


@dataclass(frozen=True)
class SpeechScore:
    """Scores of a whole text: weighted by words, the weakest sentence, and how often something was said again."""

    score: float
    weakest: float
    respoken: int
    sentences: tuple[SentenceScore, ...]

    def as_dict(self) -> dict[str, Any]:
        """For a sidecar."""
        return {
            "score": round(self.score, 4),
            "weakest": round(self.weakest, 4),
            "respoken": self.respoken,
            "good": GOOD_SCORE,
            "retries": RETRIES,
            "sentences": [asdict(sentence) for sentence in self.sentences],
        }


class VerifiedVoice:
    """A voice that listens to itself. Speaks as the voice it wraps, and keeps the best of up to four tries.

    Args:
        voice: who speaks.
        stop: set from outside to try no more.
    """

    def __init__(self, voice: LoadedVoice, stop: threading.Event | None = None) -> None:
        self.sample_rate = voice.sample_rate
        self.sentences: list[SentenceScore] = []
        self._voice = voice
        self._stop = stop or threading.Event()

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        """See `LoadedVoice.synthesize`."""
        best: tuple[float, str, int, np.ndarray] | None = None
        before: np.ndarray | None = None
        tries = 0
        while tries <= RETRIES and not (self._stop.is_set() and best):
            now = seed + tries * _SEED_STEP
            waveform = np.asarray(self._voice.synthesize(text, speed=speed, seed=now), np.float32)
            if before is not None and np.array_equal(before, waveform):
                break  # an engine without chance in it says the same again
            tries, before = tries + 1, waveform
            score, heard = understood(waveform, self.sample_rate, text)
            if best is None or score > best[0]:
                best = (score, heard, now, waveform)
            if score >= GOOD_SCORE:
                break
        assert best is not None
        self.sentences.append(SentenceScore(text, best[1], best[0], tries, best[2]))
        return best[3]

    @property
    def result(self) -> SpeechScore:
        """Scores of all that was said so far."""
        return summary(self.sentences)


def understood(waveform: np.ndarray, sample_rate: int, text: str) -> tuple[float, str]:
    """(1 minus the word error rate, at least 0; what was heard). A text without words counts as understood."""
    if not plain_words(text):
        return 1.0, ""
    heard = Recognizer.shared().transcribe(waveform, sample_rate) if np.any(waveform) else ""
    return max(0.0, 1.0 - word_errors([text], [heard]).rate), heard


def summary(sentences: Sequence[SentenceScore]) -> SpeechScore:
    """One score of several sentences, each counted by its words."""
    weights = [max(1, len(sentence.text.split())) for sentence in sentences]
    total = sum(weight * sentence.score for weight, sentence in zip(weights, sentences, strict=True))
    return SpeechScore(
        score=total / max(1, sum(weights)),
        weakest=min((sentence.score for sentence in sentences), default=1.0),
        respoken=sum(sentence.tries - 1 for sentence in sentences),
        sentences=tuple(sentences),
    )


def score_text(result: SpeechScore) -> str:
    """The score for people: a line, and one for each sentence that stayed unclear. Plain ASCII."""
    lines = [
        f"verified: {100 * result.score:.0f} % of the words understood, weakest sentence {100 * result.weakest:.0f} %, "
        f"{result.respoken} tries more"
    ]
    for sentence in result.sentences:
        if sentence.score < GOOD_SCORE:
            shown = sentence.text.encode("ascii", "backslashreplace").decode()
            lines.append(f"  {100 * sentence.score:3.0f} %  {shown[:60]}  (heard: {sentence.heard[:60]})")
    return "\n".join(lines)
