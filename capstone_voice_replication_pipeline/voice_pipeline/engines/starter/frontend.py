"""Text to the phoneme ids that the starter model reads: gruut's lexicon and rules, no system package."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from voice_pipeline.lexicon import index_gruut

if TYPE_CHECKING:
    from TTS.tts.utils.text.phonemizers.gruut_wrapper import Gruut

PAD = "_"
START = "^"
END = "$"
# American English as gruut writes it, one symbol a sound; affricates are joined so that each is one sound.
PHONEMES = "aeiouæɑɔəɚɛɪʊʌbdfhjklmnpstvwzðŋɡɹʃʒʤʧθɾ"
MARKS = "ˈˌ ,.!?;:-"
SYMBOLS = [PAD, START, END, *PHONEMES, *MARKS]
_IDS = {symbol: index for index, symbol in enumerate(SYMBOLS)}
_JOINED = str.maketrans({"—": "-", "…": ".", "‘": None, "’": None, "“": None, "”": None, '"': None})


@functools.lru_cache(maxsize=2)
def _phonemizer(language: str) -> Gruut:
    from TTS.tts.utils.text.phonemizers.gruut_wrapper import Gruut  # two seconds; the models alone do not need it

    index_gruut()
    return Gruut(language, keep_stress=True)


@functools.lru_cache(maxsize=4096)
def phonemes(text: str, language: str = "en-us") -> str:
    """Phonemes of a normalised text, with stress marks, word spaces and punctuation.

    Args:
        text: what to say; numbers are spelled out before.
        language: gruut language code.

    Returns:
        One character a symbol, all of them in `SYMBOLS`; "hi there" gives "hˈaɪ ðˈɛɹ".
    """
    raw = _phonemizer(language).phonemize(text.translate(_JOINED), separator="", language=language)
    joined = raw.replace("t͡ʃ", "ʧ").replace("d͡ʒ", "ʤ").replace("͡", "").translate(_JOINED)
    return " ".join("".join(symbol for symbol in joined if symbol in _IDS).split())


def encode(text: str, language: str = "en-us") -> list[int]:
    """Symbol ids of a text, between a start and an end symbol (both stand for the silence at the edges).

    Args:
        text: normalised text.
        language: gruut language code.

    Returns:
        Ids below `len(SYMBOLS)`; two ids for a text without any sound.
    """
    return [_IDS[symbol] for symbol in (START, *phonemes(text, language), END)]


def decode(ids: list[int]) -> str:
    """Symbols of ids, for plots and messages."""
    return "".join(SYMBOLS[index] for index in ids)
