"""What is being said: PocketSphinx, whose American English model travels inside its package.

It is a small recogniser: on real, clean reading it gets every third or fourth word wrong, so a word error rate means
something only beside the rate of real clips of the same sentences.
"""

from __future__ import annotations

import functools
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

RECOGNIZER_RATE = 16_000


@dataclass(frozen=True)
class WordErrors:
    """Word errors over several sentences.

    Attributes:
        rate: substitutions + deletions + insertions over reference words; 0 is perfect, over 1 is possible.
        words: reference words counted.
        errors: their errors.
    """

    rate: float
    words: int
    errors: int


def plain_words(text: str) -> str:
    """Lower-case words only: what two transcripts have to agree on."""
    cleaned = re.sub(r"[^a-z' ]+", " ", text.lower().replace("\u2019", "'"))
    return " ".join(word.strip("'") for word in cleaned.split() if word.strip("'"))


def word_errors(references: Sequence[str], hypotheses: Sequence[str]) -> WordErrors:
    """Word error rate over all sentences together (jiwer).

    Args:
        references: what was to be said, normalised text.
        hypotheses: what was heard, in the same order.
    """
    import jiwer

    pairs = [(plain_words(a), plain_words(b)) for a, b in zip(references, hypotheses, strict=True)]
    pairs = [(a, b) for a, b in pairs if a]
    if not pairs:
        return WordErrors(0.0, 0, 0)
    out = jiwer.process_words([a for a, _ in pairs], [b for _, b in pairs])
    words = out.hits + out.substitutions + out.deletions
    errors = out.substitutions + out.deletions + out.insertions
    return WordErrors(errors / words, words, errors)


class Recognizer:
    """Waveform to words.

    Args:
        quick: one pass instead of three: about four times as fast, and as good at telling which sentence was read.
    """

    def __init__(self, *, quick: bool = False) -> None:
        from pocketsphinx import Decoder

        passes = {"fwdflat": False, "bestpath": False} if quick else {}
        self._decoder = Decoder(samprate=RECOGNIZER_RATE, loglevel="FATAL", **passes)
        self._lock = threading.Lock()

    @classmethod
    @functools.lru_cache(maxsize=1)
    def shared(cls) -> Recognizer:
        """The one recogniser of this process, loaded on first use."""
        return cls()

    @classmethod
    @functools.lru_cache(maxsize=1)
    def quick(cls) -> Recognizer:
        """The one quick recogniser of this process, loaded on first use."""
        return cls(quick=True)

    def transcribe(self, waveform: np.ndarray, sample_rate: int) -> str:
        """Words heard in a waveform.

        Args:
            waveform: float32 `[samples]`, -1..1.
            sample_rate: Hz; resampled to 16 kHz.

        Returns:
            Lower-case words; empty when nothing was understood.
        """
        at_16k = soxr.resample(waveform.astype(np.float32), sample_rate, RECOGNIZER_RATE)
        pad = np.zeros(RECOGNIZER_RATE // 4, dtype=np.float32)  # the decoder wants some silence around speech
        samples = np.clip(np.concatenate([pad, at_16k, pad]), -1.0, 1.0)
        with self._lock:
            self._decoder.start_utt()
            self._decoder.process_raw((samples * 32767).astype(np.int16).tobytes(), full_utt=True)
            self._decoder.end_utt()
            heard = self._decoder.hyp()
        return plain_words(re.sub(r"\(\d+\)|<[^>]*>", " ", heard.hypstr)) if heard else ""
