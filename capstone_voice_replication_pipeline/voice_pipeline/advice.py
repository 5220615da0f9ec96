"""What to record next, and what to change: read off the proof card, the ledger and the sounds of the clips."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from voice_pipeline import ledger
from voice_pipeline.coverage import Coverage, measure_coverage, pairs, sounds
from voice_pipeline.prompt_plan import OFTEN, Pool, load_pool

THIN = 2  # a phoneme heard less often is taught by one neighbour only; the course's list holds each twice
PLANNED_CLIPS = 20
QUIET_ENOUGH = 25.0  # dB; the ledger lets pass from 9 dB on, public readings have 30 and more
_SENTENCES = 5
_WORTH = 20  # points of a phoneme that is thin, where a new common diphone has one


@dataclass(frozen=True)
class Advice:
    """One thing to do.

    Attributes:
        seen: the figure it rests on.
        do: what to do.
    """

    seen: str
    do: str


def advise(
    card: dict[str, Any], rows: Sequence[dict[str, Any]], texts: Sequence[str], pool: Pool | None = None
) -> tuple[list[Advice], list[str]]:
    """What would help this voice most, most important first.

    Args:
        card: the proof card.
        rows: its ledger.
        texts: sentences of the clips it was trained on.
        pool: sentences to choose new ones from; None for the course's English ones.

    Returns:
        (advice; sentences to record next, chosen for the sounds the clips lack). Both are empty when nothing is found.
    """
    pool = pool or load_pool()
    coverage = measure_coverage(texts, pool.sentences, phonemes=pool.phonemes, rate=pool.rate)
    found = [*_of_recordings(rows), *_of_amount(card), *_of_sounds(coverage, pool), *_of_figures(card)]
    lacking = card["train_clips"] < PLANNED_CLIPS or _thin(coverage) or not coverage.questions
    held = [row["text"] for row in rows]
    return found, next_sentences(texts, pool, leave_out=held) if lacking else []


def next_sentences(
    texts: Sequence[str], pool: Pool, *, leave_out: Sequence[str] = (), count: int = _SENTENCES
) -> list[str]:
    """Sentences of the pool that add most to what the texts hold for each letter read: thin phonemes, new diphones.

    Args:
        texts: what is recorded.
        pool: what to choose from.
        leave_out: sentences not to propose.
        count: how many, at most.
    """
    language = Counter(pair for text in pool.sentences for pair in pairs(sounds(text, pool.phonemes)))
    common = {pair for pair, seen in language.items() if seen >= (OFTEN if len(pool.sentences) >= 200 else 1)}
    heard = Counter(sound for text in texts for sound in sounds(text, pool.phonemes))
    held = {pair for text in texts for pair in pairs(sounds(text, pool.phonemes))}
    question = any(text.rstrip().endswith("?") for text in texts)
    free = [text for text in dict.fromkeys(pool.sentences) if text not in {*texts, *leave_out}]
    chosen: list[str] = []

    def gain(text: str) -> float:
        sequence = sounds(text, pool.phonemes)
        needed = sum(min(max(0, THIN - heard[sound]), seen) for sound, seen in Counter(sequence).items())
        asks = 0 if question or not text.endswith("?") else 1
        return (_WORTH * (needed + asks) + len((set(pairs(sequence)) & common) - held)) / len(text)

    while free and len(chosen) < count:
        best = max(free, key=lambda text: (gain(text), text))
        if not gain(best):
            break
        free.remove(best)
        chosen.append(best)
        heard.update(sounds(best, pool.phonemes))
        held.update(pairs(sounds(best, pool.phonemes)))
        question = question or best.endswith("?")
    return chosen


def _thin(coverage: Coverage) -> list[str]:
    return [name for name, count in coverage.phonemes.items() if count < THIN]


def _of_sounds(coverage: Coverage, pool: Pool) -> list[Advice]:
    out = []
    if thin := _thin(coverage):
        words = _example_words(thin, pool)
        named = ", ".join(f"{name} as in '{words[name]}'" if name in words else name for name in thin[:8])
        more = f" and {len(thin) - 8} more" if len(thin) > 8 else ""
        out.append(
            Advice(
                f"{len(thin)} of {len(coverage.phonemes)} sounds are in the training clips fewer than {THIN} times: "
                f"{named}{more}",
                "record the sentences below; they were chosen for these sounds",
            )
        )
    if coverage.running < 0.85:
        out.append(
            Advice(
                f"the training clips hold {coverage.common} of {coverage.common_of} common pairs of sounds, "
                f"{100 * coverage.running:.0f} % of those in running speech",
                "more, and more different, sentences fill the gaps",
            )
        )
    if not coverage.questions:
        out.append(
            Advice("no training clip is a question", "record a few questions, or the voice cannot raise its pitch")
        )
    return out


def _of_recordings(rows: Sequence[dict[str, Any]]) -> list[Advice]:
    out = []
    rejected = Counter(reason["rule"] for row in rows for reason in row["reasons"])
    repairs = {reason["rule"]: reason["repair"] for row in rows for reason in row["reasons"]}
    needless = ("duplicate", "repeated_take", "matches_no_prompt")
    for rule, count in rejected.most_common():
        if rule not in needless:
            were = "recording was" if count == 1 else "recordings were"
            do = repairs[rule][0].lower() + repairs[rule][1:].rstrip(".")
            out.append(Advice(f"{count} {were} rejected: {rule.replace('_', ' ')}", do))
    noise = [row["measurements"].get("snr_db") for row in rows if row["status"] == ledger.ACCEPTED]
    known = [value for value in noise if value is not None]
    if known and float(np.median(known)) < QUIET_ENOUGH:
        out.append(
            Advice(
                f"speech stands {np.median(known):.0f} dB above the noise (median of the clips; "
                f"{QUIET_ENOUGH:.0f} dB and more is good)",
                "record in a quieter room, nearer to the microphone; the clone learns the noise too",
            )
        )
    return out


def _of_amount(card: dict[str, Any]) -> list[Advice]:
    out = []
    clips, held_out = card["train_clips"], card["held_out_sentences"]
    if clips + held_out < PLANNED_CLIPS:
        missing = PLANNED_CLIPS - clips - held_out
        more = "one more sentence" if missing == 1 else f"{missing} more sentences"
        out.append(Advice(f"only {clips + held_out} of {PLANNED_CLIPS} clips could be used", f"record {more}"))
    low, high = card["systems"]["clone"]["normalized_interval"]
    if high - low > 0.3:
        out.append(
            Advice(
                f"{held_out} held-out sentences leave the likeness uncertain ({low:.2f} to {high:.2f})",
                "about four times as many sentences halve the interval",
            )
        )
    return out


def _of_figures(card: dict[str, Any]) -> list[Advice]:
    out = []
    rows = card["systems"]
    clone, real = rows["clone"], rows["real"]
    if (ceiling := card["similarity"]["ceiling"]) < 0.8:
        out.append(
            Advice(
                f"the recordings resemble each other only by {ceiling:.2f} (one person usually reaches 0.8 to 0.95)",
                "read everything with one microphone, in one room, in one mood",
            )
        )
    if real["dnsmos_background"] is not None and real["dnsmos_background"] < 3.5:
        out.append(
            Advice(
                f"the background of the recordings is rated {real['dnsmos_background']:.1f} of 5",
                "switch off fans and screens, close the windows, and hang up something soft against the echo",
            )
        )
    before = rows.get("zero_shot")
    if before and clone["wer"] > before["wer"] + 0.1:
        out.append(
            Advice(
                f"fine-tuning made words less clear ({before['wer']:.2f} misheard before, {clone['wer']:.2f} after)",
                "check that every clip says exactly its text, then fine-tune with fewer steps: --steps",
            )
        )
    if clone["pitch_error"] is not None and abs(clone["pitch_error"]) > 0.06:
        side = "above" if clone["pitch_error"] > 0 else "below"
        out.append(
            Advice(
                f"the clone speaks {100 * abs(clone['pitch_error']):.0f} % {side} the speaker's pitch",
                "record livelier sentences: questions, exclamations, dialogue; more of your own melody helps",
            )
        )
    if abs(clone["rate"] - 1) > 0.1:
        word = "faster" if clone["rate"] > 1 else "slower"
        out.append(
            Advice(
                f"the clone speaks {100 * abs(clone['rate'] - 1):.0f} % {word} than the speaker",
                f"read evenly, without long pauses; or speak with --speed {1 / clone['rate']:.2f}",
            )
        )
    return out


def _example_words(names: Sequence[str], pool: Pool) -> dict[str, str]:
    """For each sound a short word that holds it."""
    words = sorted({word.strip(".,?!").lower() for text in pool.sentences for word in text.split()}, key=len)
    found: dict[str, str] = {}
    for word in words:
        if len(word) > 2:
            for sound in sounds(word, pool.phonemes):
                if sound in names:
                    found.setdefault(sound, word)
    return found
