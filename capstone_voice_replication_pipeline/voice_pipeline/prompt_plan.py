"""Sentences to read, chosen for the sounds they hold: greedy set cover, then swaps until no swap helps.

Points a set of sentences gets: one for each different common diphone, `PHONEME_POINTS` for each of the first
`PHONEME_CAP` occurrences of a phoneme and `SURE_POINTS` more for each of the first two, `QUESTION_POINTS` for each of
the first `QUESTION_CAP` questions. All points are whole numbers and ties go to the earlier sentence, so that one seed
gives one list on every machine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from voice_pipeline.coverage import in_lexicon, pairs, sounds
from voice_pipeline.errors import PipelineError
from voice_pipeline.prompts import CHARACTERS_PER_SECOND, Prompt

SHORT_SECONDS = (3.3, 4.6)
LONG_SECONDS = (9.2, 10.4)  # a reader 10 % slower than expected stays under the ledger's 11.6 s
OFTEN = 3  # a diphone seen less often in the text to choose from is as likely a slip of the lexicon as a real one
PHONEME_CAP = 5
PHONEME_POINTS = 3
SURE_POINTS = 12  # no phoneme may be missing, or stand in one sentence only that may be rejected
QUESTION_CAP = 3
QUESTION_POINTS = 4
RESTARTS = 3

_POOLS = Path(__file__).with_name("prompt_texts") / "pools"
_PLAIN = re.compile(r"[^\W\d_][^\W\d_ ,'\u2019-]*(?:[ ,'\u2019-]+[^\W\d_]+)*[.?!]")


@dataclass(frozen=True)
class Pool:
    """Sentences to choose from.

    Attributes:
        rows: (sentence, source) in a fixed order.
        phonemes: gruut's code of their language.
        rate: characters read a second.
    """

    rows: tuple[tuple[str, str], ...]
    phonemes: str = "en-us"
    rate: float = CHARACTERS_PER_SECOND

    @property
    def sentences(self) -> list[str]:
        """The sentences alone."""
        return [text for text, _ in self.rows]


def load_pool(language: str = "en") -> Pool:
    """The text that ships for a language: `prompt_texts/pools/LANGUAGE.txt`, `source|sentence` a line.

    Its head may hold `# phonemes: CODE` (gruut's) and `# characters_per_second: N`.

    Raises:
        PipelineError: there is none for this language.
    """
    path = _POOLS / f"{language}.txt"
    if not path.is_file():
        known = ", ".join(sorted(entry.stem for entry in _POOLS.glob("*.txt")))
        raise PipelineError(
            f"no text ships for the language '{language}' (there is {known})", hint="give your own: --plan --text FILE"
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    head = dict(re.findall(r"^# (\w+): (\S+)$", "\n".join(lines), re.MULTILINE))
    rows = [line.split("|") for line in lines if line and line[0] != "#"]
    phonemes = head.get("phonemes", "en-us")
    rate = float(head.get("characters_per_second", CHARACTERS_PER_SECOND))
    return Pool(tuple((text, source) for source, text in rows), phonemes, rate)


def pool_of_text(text: str, source: str, like: Pool) -> Pool:
    """The sentences of any text that can be read without stumbling (see `readable`), in the language of `like`."""
    from voice_pipeline.text import split_sentences

    found: dict[str, None] = {}
    for paragraph in re.split(r"\n\s*\n", text.replace("\u2019", "'")):
        for part in re.split(r'[\u201c\u201d"]', " ".join(paragraph.split())):
            found |= dict.fromkeys(s for s in split_sentences(part) if s and readable(s, like.phonemes))
    return Pool(tuple((sentence, source) for sentence in found), like.phonemes, like.rate)


def readable(sentence: str, phonemes: str = "en-us") -> bool:
    """A capital first, words and commas only, an end mark; at most three commas; every word in the lexicon."""
    plain = sentence[:1].isupper() and sentence.count(",") <= 3 and _PLAIN.fullmatch(sentence)
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", sentence)
    return bool(plain) and all(in_lexicon(word, phonemes) for word in words)


def plan_prompts(pool: Pool, *, short: int = 10, long: int = 10, seed: int = 0) -> tuple[Prompt, ...]:
    """Choose prompts from a pool: `short` of about 4 s and `long` of about 10 s, none over 11 s.

    Args:
        pool: what to choose from.
        short: how many short ones.
        long: how many long ones.
        seed: of the restarts; the best of `RESTARTS` is returned.

    Returns:
        short_01 ... long_10, each kind from the shortest to the longest.

    Raises:
        PipelineError: no sentence is asked for, or the pool has too few of the right length.
    """
    if short < 0 or long < 0 or not 0 < short + long <= 200:
        raise PipelineError(f"{short} short and {long} long sentences cannot be planned", hint="ask for 1 to 200")
    kinds = [("short", short, _of_length(pool, SHORT_SECONDS)), ("long", long, _of_length(pool, LONG_SECONDS))]
    for kind, wanted, found in kinds:
        if len(found) < wanted:
            low, high = SHORT_SECONDS if kind == "short" else LONG_SECONDS
            raise PipelineError(
                f"the text has {len(found)} readable sentences of {low:g} to {high:g} s, {wanted} are to be chosen",
                hint=f"give a longer text, or ask for fewer: --{kind} {len(found)}",
            )
    counts, caps, points = _units(pool)
    slots = [found for _, wanted, found in kinds for _ in range(wanted)]
    best = max((_climb(counts, caps, points, slots, seed, run) for run in range(RESTARTS)), key=lambda found: found[0])
    chosen, prompts = iter(best[1]), []
    for kind, wanted, _ in kinds:
        rows = sorted((pool.rows[next(chosen)] for _ in range(wanted)), key=lambda row: (len(row[0]), row[0]))
        prompts += [Prompt(f"{kind}_{n:02d}", text, source, pool.rate) for n, (text, source) in enumerate(rows, 1)]
    return tuple(prompts)


def _of_length(pool: Pool, seconds: tuple[float, float]) -> np.ndarray:
    low, high = (bound * pool.rate for bound in seconds)
    return np.array([n for n, (text, _) in enumerate(pool.rows) if low <= len(text) <= high], dtype=int)


def _units(pool: Pool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Counts `[sentences, units]`, how many of each unit count, and the points of one; float32 holds them exactly."""
    held = [sounds(text, pool.phonemes) for text in pool.sentences]
    often = OFTEN if len(held) >= 200 else 1
    language = Counter(pair for sequence in held for pair in pairs(sequence))
    diphones = sorted(pair for pair, count in language.items() if count >= often)
    phonemes = sorted({sound for sequence in held for sound in sequence})
    place: dict[object, int] = {unit: number for number, unit in enumerate([*diphones, *phonemes])}
    counts: np.ndarray = np.zeros((len(held), len(place) + 1), np.float32)
    for row, (sequence, text) in enumerate(zip(held, pool.sentences, strict=True)):
        for unit in (*pairs(sequence), *sequence):
            if unit in place:
                counts[row, place[unit]] += 1
        counts[row, -1] = text.endswith("?")
    counts = np.concatenate([counts, counts[:, len(diphones) : -1]], axis=1)
    caps = [1] * len(diphones) + [PHONEME_CAP] * len(phonemes) + [QUESTION_CAP] + [2] * len(phonemes)
    points = [1] * len(diphones) + [PHONEME_POINTS] * len(phonemes) + [QUESTION_POINTS] + [SURE_POINTS] * len(phonemes)
    return counts, np.array(caps, np.float32), np.array(points, np.float32)


def _climb(
    counts: np.ndarray, caps: np.ndarray, points: np.ndarray, slots: Sequence[np.ndarray], seed: int, run: int
) -> tuple[int, list[int]]:
    """One start (run 0 greedy, the others drawn), then swaps. Returns (points, sentence of each slot)."""
    random = np.random.default_rng([seed, run])
    chosen: list[int] = []
    for slot in slots if run == 0 else []:
        chosen.append(_best(counts, caps, points, slot, chosen)[1])
    if run:
        for slot in slots:
            chosen.append(int(random.choice(np.setdiff1d(slot, chosen))))
    score, improved = _score(counts, caps, points, chosen), True
    while improved:
        improved = False
        for place in random.permutation(len(slots)):
            others = [sentence for n, sentence in enumerate(chosen) if n != place]
            better, sentence = _best(counts, caps, points, slots[place], others)
            if better > score:
                score, chosen[place], improved = better, sentence, True
    return score, chosen


def _best(
    counts: np.ndarray, caps: np.ndarray, points: np.ndarray, slot: np.ndarray, others: Sequence[int]
) -> tuple[int, int]:
    """The sentence of `slot` that adds most to `others`: (points of them together, sentence)."""
    free = np.setdiff1d(slot, np.array(others, int))
    scores = np.minimum(counts[free] + counts[list(others)].sum(axis=0), caps) @ points
    winner = int(scores.argmax())
    return int(scores[winner]), int(free[winner])


def _score(counts: np.ndarray, caps: np.ndarray, points: np.ndarray, chosen: Iterable[int]) -> int:
    return int(np.minimum(counts[list(chosen)].sum(axis=0), caps) @ points)
