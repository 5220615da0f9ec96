"""Text as a person writes it to chunks a voice can speak: spelled out, in sentences, with the pauses between them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voice_pipeline import english
from voice_pipeline.errors import PipelineError
from voice_pipeline.normalisation import Normalised, normalise, split_paragraphs

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

__all__ = ["Chunk", "Normalised", "Pauses", "normalise", "prepare", "split_paragraphs", "split_sentences"]

MAX_CHUNK_CHARACTERS = 250
CHARACTERS_PER_SECOND = 15.0
"""How fast English is read aloud, for estimates before anything is synthesized."""

_BLOCK = 50_000
_NUMBER_WORDS = set(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million "
    "billion trillion point minus".split()
)


@dataclass(frozen=True)
class Pauses:
    """Silence added between chunks, seconds at normal speed.

    Attributes:
        comma: after a comma, where a long sentence was cut. 0.05 to 0.3.
        semicolon: after a semicolon or colon, where a long sentence was cut. 0.1 to 0.5.
        sentence: between two sentences. 0.2 to 0.8.
        paragraph: between two paragraphs. 0.5 to 1.5.
    """

    comma: float = 0.12
    semicolon: float = 0.22
    sentence: float = 0.35
    paragraph: float = 0.75

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 <= value <= 10.0:
                raise PipelineError(f"the {name} pause is {value} s", hint="choose 0 to 10 seconds")

    def within_sentence(self, text: str) -> float:
        """Pause after a piece that ends before its sentence does."""
        return {",": self.comma, ";": self.semicolon, ":": self.semicolon}.get(text[-1], 0.0)


@dataclass(frozen=True)
class Chunk:
    """What a voice is given at once.

    Attributes:
        text: normalised text, at most `MAX_CHUNK_CHARACTERS` characters.
        pause_after_seconds: silence before the next chunk at normal speed; 0 after the last one.
        paragraph: number of its paragraph, from 0.
        sentence: number of its sentence in the whole text, from 0.
    """

    text: str
    pause_after_seconds: float
    paragraph: int
    sentence: int

    @property
    def estimated_seconds(self) -> float:
        """Roughly how long it takes to say, without the pause."""
        return len(self.text) / CHARACTERS_PER_SECOND


def prepare(text: str, *, pauses: Pauses | None = None, max_characters: int = MAX_CHUNK_CHARACTERS) -> list[Chunk]:
    """Turn any text into chunks ready for `LoadedVoice.synthesize`.

    Args:
        text: what to say; paragraphs are parted by empty lines.
        pauses: silences between the chunks.
        max_characters: longest chunk.

    Raises:
        PipelineError: nothing in the text can be spoken.
    """
    return chunks_of(normalise(text), pauses=pauses, max_characters=max_characters)


def chunks_of(
    normalised: Normalised, *, pauses: Pauses | None = None, max_characters: int = MAX_CHUNK_CHARACTERS
) -> list[Chunk]:
    """Cut a normalised text into chunks; see `prepare`."""
    if not normalised.text:
        silent = f" ({normalised.dropped[:20]} cannot be read aloud)" if normalised.dropped else ""
        raise PipelineError(f"there is nothing to say in this text{silent}", hint='give words: --text "Hello there."')
    pauses = pauses or Pauses()
    found: list[Chunk] = []
    sentence_number = 0
    for number, paragraph in enumerate(normalised.text.split("\n\n")):
        for sentence in split_sentences(paragraph):
            pieces = split_long(sentence, max_characters)
            found += [Chunk(piece, pauses.within_sentence(piece), number, sentence_number) for piece in pieces]
            found[-1] = Chunk(pieces[-1], pauses.sentence, number, sentence_number)
            sentence_number += 1
        found[-1] = Chunk(found[-1].text, pauses.paragraph, number, found[-1].sentence)
    found[-1] = Chunk(found[-1].text, 0.0, found[-1].paragraph, found[-1].sentence)
    return found


def split_sentences(text: str) -> list[str]:
    """Sentences of one paragraph, by spaCy's rules; "Dr. Smith" and "No. 7" stay whole.

    Args:
        text: normalised or raw English.
    """
    # spaCy takes quadratic time on one endless word.
    guarded = re.sub(r"\S{200}(?=\S)|[^\w\s]{40}(?=[^\w\s])", r"\g<0> ", text)
    sentences = (span.text.strip() for block in _blocks(guarded) for span in _splitter()(block).sents)
    return [sentence for sentence in sentences if sentence]


def _blocks(text: str) -> list[str]:
    """Parts of at most `_BLOCK` characters that end after a sentence, or at least after a word."""
    blocks = []
    while len(text) > _BLOCK:
        cut = max(text.rfind(mark, 0, _BLOCK) for mark in (". ", "? ", "! "))
        cut = cut + 1 if cut > 0 else text.rfind(" ", 0, _BLOCK) + 1 or _BLOCK
        blocks.append(text[:cut])
        text = text[cut:]
    return [*blocks, text]


@functools.lru_cache(maxsize=1)
def _splitter() -> Language:
    import spacy  # takes seconds
    from spacy.language import Language

    Language.component("keep_abbreviations", func=_keep_abbreviations)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("keep_abbreviations")
    return nlp


def _keep_abbreviations(doc: Doc) -> Doc:
    for token in doc[2:]:
        if token.is_sent_start and doc[token.i - 1].text == "." and not doc[token.i - 2].whitespace_:
            if _joins(doc[token.i - 2].text, token.text):
                token.is_sent_start = False
    return doc


def _joins(before: str, after: str) -> bool:
    """Whether "before. after" belongs to one sentence."""
    if before in english.BEFORE_NUMBERS:
        return after[0].isdigit() or before in english.TITLES
    if before in english.TITLES or before in english.PHRASES:
        return True
    if before in english.MAY_END:
        return after[0].islower()
    initial = len(before) == 1 and before.isupper() and before != "I"
    return initial and after[0].isupper() and after not in english.SENTENCE_STARTERS


def split_long(sentence: str, max_characters: int = MAX_CHUNK_CHARACTERS) -> list[str]:
    """Cut a sentence that is too long: at a clause if one ends in the second half, else between two words.

    A number stays in one piece unless it alone is longer than `max_characters`; so does a word.
    """
    pieces: list[str] = []
    piece = ""
    clause_end = 0
    for atom in _atoms(sentence, max_characters):
        if piece and len(piece) + 1 + len(atom) > max_characters:
            if clause_end > max_characters // 2 or (
                clause_end and len(piece) - clause_end + len(atom) < max_characters
            ):
                pieces.append(piece[:clause_end])
                piece = piece[clause_end:].lstrip()
            if piece and len(piece) + 1 + len(atom) > max_characters:
                pieces.append(piece)
                piece = ""
            clause_end = 0
        piece = f"{piece} {atom}" if piece else atom
        if atom[-1] in ",;:":
            clause_end = len(piece)
    return [*pieces, piece]


def _atoms(sentence: str, max_characters: int) -> list[str]:
    """Words, with the words of one number held together."""
    atoms: list[str] = []
    inside_number = False
    for word in sentence.split():
        if len(word) > max_characters:
            atoms += [word[start : start + max_characters] for start in range(0, len(word), max_characters)]
            inside_number = False
            continue
        is_number = all(part in _NUMBER_WORDS for part in word.rstrip(",.;:!?").lower().split("-"))
        if is_number and inside_number and len(atoms[-1]) + 1 + len(word) <= max_characters:
            atoms[-1] += f" {word}"
        else:
            atoms.append(word)
        inside_number = is_number and word[-1] not in ".;:!?"
    return atoms
