"""What the scripts of this module share: texts in the public domain, tables of cases, tags, models in folders, plots.

Letters used in shapes: S sentences, V words of a vocabulary, B batch, N tokens, C channels. Plots and colours come from
module 04's `audio_utils`, models of the public hub from module 06's `hf_utils`, voices from module 03's `tts_utils`.
"""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from coursekit.course.modules import ROOT, load_script
from coursekit.device import cpu_generator
from coursekit.errors import CourseError
from coursekit.files import write_csv_atomic

if TYPE_CHECKING:
    from spacy.language import Language

audio_utils = load_script(ROOT / "04_speech_audio_processing" / "audio_utils.py")
save_figure, as_course_error = audio_utils.save_figure, audio_utils.as_course_error
BLUE, ORANGE, GREEN, PURPLE, GREY = (
    getattr(audio_utils, name) for name in ("BLUE", "ORANGE", "GREEN", "PURPLE", "GREY")
)

warnings.filterwarnings("ignore", "invalid escape sequence", SyntaxWarning)  # in pysbd, seen by Python 3.12

TEXTS = Path(__file__).resolve().parent / "texts"  # SOURCES.md there says where each comes from
ALICE = ("rabbit_hole", "cheshire_cat", "tea_party")  # Lewis Carroll, 1865
AUSTEN = "pride_1"  # Jane Austen, 1813

# ----------------------------------------------------------------------------------------------------------------------
# what every script does first


prepare = cpu_generator  # says where it computes and why, returns the generator of random numbers


@functools.cache
def sibling(folder: str, name: str) -> ModuleType:
    """Import the helpers of another module of the course, for example ("06_hf_transformers", "hf_utils")."""
    return load_script(ROOT / folder / f"{name}.py")


# ----------------------------------------------------------------------------------------------------------------------
# texts


def paragraphs(name: str, *, italics: bool = False) -> list[str]:
    """Return the paragraphs of a text.

    Args:
        name: File name without ending, for example "tea_party".
        italics: Keep the marks `_word_` of what the printed book has in italics.

    Raises:
        CourseError: There is no such text.
    """
    path = TEXTS / f"{name}.txt"
    if not path.is_file():
        known = ", ".join(sorted(other.stem for other in TEXTS.glob("*.txt")))
        raise CourseError(f"there is no text {name!r}.", hint=f"use one of: {known}")
    text = path.read_text(encoding="utf-8")
    found = [" ".join(block.split()) for block in text.split("\n\n") if block.strip()]
    return found if italics else [block.replace("_", "") for block in found]


def read_table(name: str) -> list[list[str]]:
    """Return the rows of a tab-separated table of `texts/`, without comments and empty lines."""
    lines = (TEXTS / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if line.strip() and not line.startswith("#")]


write_csv = write_csv_atomic  # rows as CSV, whole or not at all


def fables() -> list[tuple[str, str]]:
    """Return Aesop's fables: (title, text)."""
    blocks = (TEXTS / "fables.txt").read_text(encoding="utf-8").strip().split("\n\n")
    return [(title, " ".join(text.split())) for title, text in (block.split("\n", 1) for block in blocks)]


MARKS = {".": "statement", "?": "question", "!": "exclamation"}
AUTHORS = {"shakespeare": "stage", "wilde": "stage", AUSTEN: "stage", "dickens": "tales", "doyle": "tales",
           "stevenson": "tales", "fables": "fables"}  # fmt: skip


def labelled_lines() -> list[tuple[str, str, str]]:
    """Return (group of authors, line without its mark, kind): sentences of all texts, and the lines of `lines.tsv`.

    A line is in small letters without any marks, which would give its kind away, between "begin" and "end".
    """
    from voice_pipeline.text import split_sentences

    texts = [(name, paragraph) for name in (*ALICE, AUSTEN) for paragraph in paragraphs(name)]
    texts += [("fables", text) for _, text in fables()]
    sentences = [
        (name, sentence)
        for name, paragraph in texts
        for part in paragraph.split('"')  # what is said and what is told, each for itself
        for sentence in split_sentences(part.strip(" ()-:;'"))
    ]
    lines = []
    for name, sentence in [*sentences, *((book, line) for book, line in read_table("lines"))]:
        bare = sentence.strip(" ()-:;'\"")
        if bare and bare[-1] in MARKS and re.search("[a-z]", bare):
            words = re.sub(r"[^a-z' ]", " ", bare.lower()).split()
            lines.append((AUTHORS.get(name, "carroll"), " ".join(["begin", *words, "end"]), MARKS[bare[-1]]))
    return lines


def shown(text: str) -> str:
    """Return a text as any console can show it: what is not ASCII as its code."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


def folded(text: str) -> str:
    """Return what is heard of a spoken text: no capitals, marks or "and"; letters said one by one run together.

    "J. R. Smith paid one hundred and five, please" and "JR Smith paid one hundred five please" sound alike to who
    only counts words; comparing them letter by letter would call one of the two wrong.
    """
    bare = re.sub(r"[^a-z' ]", " ", text.lower().replace("-", " ")).replace("'", "")
    bare = " ".join(word for word in bare.split() if word != "and")
    return re.sub(r"\b(\w) (?=\w\b)", r"\1", bare)


# ----------------------------------------------------------------------------------------------------------------------
# counting what was found


def precision_recall(found: set, wanted: set) -> tuple[float, float]:
    """Return (precision, recall): the share of what was found that is right, of what is right that was found.

    Both are 1 where nothing was wanted and nothing was found.
    """
    right = len(found & wanted)
    return (right / len(found) if found else float(not wanted)), (right / len(wanted) if wanted else 1.0)


def mean_recall(table: np.ndarray) -> float:
    """Return the mean of "found of what there is" over the kinds of a confusion table (rows: what it is), 0..1.

    Guessing always the same of three kinds gives a third, however common it is.
    """
    return float((table.diagonal() / np.maximum(table.sum(axis=1), 1)).mean())


def f1(precision: float, recall: float) -> float:
    """Return the harmonic mean of both, 0..1: as low as the lower of the two wants it."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


# ----------------------------------------------------------------------------------------------------------------------
# parts of speech, and spaCy's pipelines


@functools.cache
def _tagger() -> Any:
    import gruut_lang_en
    from gruut.pos import PartOfSpeechTagger

    return PartOfSpeechTagger(str(Path(gruut_lang_en.__file__).parent / "pos" / "model.crf"))


def tags_of(words: Sequence[str]) -> list[str]:
    """Return the part of speech of each word of one sentence, in the names of the Penn Treebank ("VBD", "NN").

    The tagger is gruut's: a conditional random field, trained on Universal Dependencies; the package holds it.
    """
    return list(_tagger()(list(words))) if words else []


def spacy_pipeline(name: str) -> Language:
    """Return a spaCy pipeline by the name of an installed package ("en_core_web_sm"), or from a folder.

    Raises:
        CourseError: It is not installed, or the folder holds none.
    """
    import spacy

    try:
        return spacy.load(Path(name) if Path(name).is_dir() else name)
    except (OSError, ValueError, KeyError) as error:
        first = str(error).strip().splitlines()[0][:120]
        raise CourseError(
            f"the spaCy pipeline {name!r} cannot be loaded: {first}", hint="python -m spacy download en_core_web_sm"
        ) from error


# ----------------------------------------------------------------------------------------------------------------------
# speech

TURN_PAUSE = 0.18  # seconds, the least silence between two voices


def read_aloud(parts: Sequence[tuple[int, str]]) -> np.ndarray:
    """Let the capstone's embedded voice read (number of a voice, words), one after the other.

    Args:
        parts: Any number picks one of the people whom the starter voice knows; words as people write them.

    Returns:
        float32 `[S]`, -1..1, 24,000 Hz, with a pause behind each chunk.
    """
    from voice_pipeline.settings import AUDIO
    from voice_pipeline.text import prepare as chunks_of

    starter_voice, pieces = sibling("03_tts_systems", "tts_utils").starter_voice, []
    for voice, words in parts:
        with as_course_error():
            for chunk in chunks_of(words):
                pause = max(chunk.pause_after_seconds, TURN_PAUSE)
                pieces.append(np.asarray(starter_voice(voice).synthesize(chunk.text), np.float32))
                pieces.append(np.zeros(round(pause * AUDIO.sample_rate), np.float32))
    return np.concatenate(pieces)
