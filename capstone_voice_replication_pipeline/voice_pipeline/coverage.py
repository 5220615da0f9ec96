"""Which sounds a set of sentences holds: phonemes and diphones, counted by gruut's pronunciations.

A diphone is a pair of neighbouring sounds, across word ends too; a comma, a full stop and the edges of a sentence count
as a pause. For a language whose pronunciations are not installed, letters stand in for phonemes.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coursekit.files import atomic_path
from voice_pipeline.lexicon import index_gruut

PAUSE = "_"
_STRESS = "\u02c8\u02cc"


@functools.lru_cache(maxsize=8192)
def sounds(text: str, phonemes: str = "en-us") -> tuple[str, ...]:
    """Sounds of one sentence without stress marks, between pauses; a word's first pronunciation counts.

    gruut's whole chain would also choose among pronunciations by grammar, but takes a tenth of a second a sentence.

    Args:
        text: the sentence.
        phonemes: gruut's code of the language.

    Returns:
        for example `("_", "h", "a\u026a", "_")`.
    """
    found = [PAUSE]
    for word in re.findall(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*|[,.;:?!]|--", text):
        found += [PAUSE] if not word[0].isalpha() else _pronounce(word.lower().replace("\u2019", "'"), phonemes)
    found.append(PAUSE)
    return tuple(sound for place, sound in enumerate(found) if not place or sound != PAUSE or found[place - 1] != PAUSE)


@functools.lru_cache(maxsize=20_000)
def _pronounce(word: str, phonemes: str) -> tuple[str, ...]:
    """Sounds of a word: from the lexicon, else guessed, else its letters."""
    settings = _settings(phonemes)
    if settings is None:
        return tuple(letter for letter in word if letter.isalpha())
    known = settings.lookup_phonemes(word) or (settings.guess_phonemes and settings.guess_phonemes(word)) or word
    return tuple(stripped for sound in known if (stripped := sound.strip(_STRESS)))


def pairs(sequence: Sequence[str]) -> list[tuple[str, str]]:
    """Neighbours in a sequence of sounds."""
    return list(zip(sequence, sequence[1:], strict=False))


def in_lexicon(word: str, phonemes: str = "en-us") -> bool:
    """Whether a pronunciation of the word is known and not guessed; true where no lexicon is installed."""
    settings = _settings(phonemes)
    return settings is None or settings.lookup_phonemes(word.lower()) is not None


def has_lexicon(phonemes: str) -> bool:
    """Whether gruut's pronunciations of a language are installed; without them letters stand in for phonemes."""
    return _settings(phonemes) is not None


@functools.cache
def _settings(phonemes: str) -> Any:
    """gruut's settings of a language; None where its lexicon is not installed."""
    from gruut.lang import get_settings

    index_gruut()  # also lets every thread look words up
    settings = get_settings(phonemes)
    return settings if settings.lookup_phonemes and settings.lookup_phonemes("a") is not None else None


@dataclass(frozen=True)
class Coverage:
    """How much of a language a set of sentences holds, against a reference text.

    Attributes:
        phonemes: how often each phoneme of the reference occurs in the set, rarest first.
        diphones: different diphones in the set.
        common: those of them that occur at least `often` times in the reference.
        common_of: common diphones in the reference.
        running: share of the reference's running diphones that are in the set, 0..1.
        questions: sentences that end with a question mark.
        sentences: sentences in the set.
        seconds: expected time to read them.
    """

    phonemes: dict[str, int]
    diphones: int
    common: int
    common_of: int
    running: float
    questions: int
    sentences: int
    seconds: float

    @property
    def missing(self) -> list[str]:
        """Phonemes that do not occur."""
        return [name for name, count in self.phonemes.items() if not count]


def measure_coverage(
    sentences: Sequence[str], reference: Sequence[str], *, phonemes: str = "en-us", often: int = 3, rate: float = 15.0
) -> Coverage:
    """Count the sounds of `sentences`; `reference` says which sounds a language has, and how often.

    Args:
        sentences: the set.
        reference: many sentences of the language.
        phonemes: gruut's code of the language.
        often: from how many occurrences in the reference on a diphone counts as common.
        rate: characters read a second.
    """
    language = Counter(pair for text in reference for pair in pairs(sounds(text, phonemes)))
    inventory = {sound for pair in language for sound in pair} - {PAUSE}
    held = [sounds(text, phonemes) for text in sentences]
    heard = Counter(sound for sequence in held for sound in sequence)
    diphones = {pair for sequence in held for pair in pairs(sequence)}
    common = {pair for pair, count in language.items() if count >= often}
    return Coverage(
        phonemes=dict(sorted(((name, heard[name]) for name in inventory), key=lambda item: (item[1], item[0]))),
        diphones=len(diphones),
        common=len(diphones & common),
        common_of=len(common),
        running=sum(count for pair, count in language.items() if pair in diphones) / max(1, language.total()),
        questions=sum(text.rstrip().endswith("?") for text in sentences),
        sentences=len(sentences),
        seconds=sum(map(len, sentences)) / rate,
    )


def coverage_table(columns: dict[str, Coverage]) -> str:
    """Coverage of several sets side by side, plain ASCII."""
    rows = [("", *columns)]
    for name, cells in (
        ("sentences", [str(c.sentences) for c in columns.values()]),
        ("expected seconds", [f"{c.seconds:.0f}" for c in columns.values()]),
        ("phonemes", [f"{len(c.phonemes) - len(c.missing)} of {len(c.phonemes)}" for c in columns.values()]),
        ("rarest phoneme occurs", [f"{min(c.phonemes.values(), default=0)} times" for c in columns.values()]),
        ("different diphones", [str(c.diphones) for c in columns.values()]),
        ("common diphones", [f"{c.common} of {c.common_of}" for c in columns.values()]),
        ("share of running diphones", [f"{100 * c.running:.1f} %" for c in columns.values()]),
        ("questions", [str(c.questions) for c in columns.values()]),
    ):
        rows.append((name, *cells))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    )


def plot_coverage(columns: dict[str, Coverage], path: Path, *, unit: str = "phoneme (IPA)") -> Path:
    """Draw how often each phoneme (or what stands for it, `unit`) occurs in each set, and the share of diphones."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from voice_pipeline.plots import BLUE, ORANGE

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(13, 4), gridspec_kw={"width_ratios": [3.2, 1]})
    names = sorted(next(iter(columns.values())).phonemes, key=lambda name: -next(iter(columns.values())).phonemes[name])
    wide = 0.8 / len(columns)
    styles = [(BLUE, None), (ORANGE, "//")]
    for place, (title, coverage) in enumerate(columns.items()):
        color, hatch = styles[place % 2]
        shift = (place - (len(columns) - 1) / 2) * wide
        counts = [coverage.phonemes.get(name, 0) for name in names]
        left.bar([at + shift for at in range(len(names))], counts, wide, color=color, hatch=hatch, label=title)
        shares = [coverage.common / max(1, coverage.common_of), coverage.running]
        bars = right.bar([at + shift for at in range(2)], [100 * x for x in shares], wide, color=color, hatch=hatch)
        right.bar_label(bars, fmt="%.0f")
    left.set_xticks(range(len(names)), names)
    left.set(xlabel=unit, ylabel="occurrences", title="sounds in the sentences to read", yscale="symlog")
    left.legend()
    right.set_xticks(range(2), ["common\ndiphones", "running\ndiphones"])
    right.set(ylabel="covered (%)", ylim=(0, 105), title="diphones")
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110)
    pyplot.close(figure)
    return path
