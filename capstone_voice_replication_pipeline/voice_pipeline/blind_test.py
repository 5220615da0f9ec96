"""A blind listening test: which of two sounds is the real one, or the better one? The page, and what its answers prove.

The page plays each sentence from two sources in random order at equal loudness. When nobody can tell them apart, every
answer is a guess, and the count of right ones follows the binomial distribution with chance 1/2.
"""

from __future__ import annotations

import base64
import html
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voice_pipeline.audio import encode
from voice_pipeline.errors import PipelineError
from voice_pipeline.preprocessing import measure_loudness
from voice_pipeline.settings import AUDIO

FORMAT = "voice-blind-test-1"
MIN_TRIALS = 6  # with five, even five right answers have p = 0.06
MAX_TRIALS = 100
_MAX_SOUND_BYTES = 12_000_000
_MAX_ANSWER_BYTES = 1_000_000
_PAGES = Path(__file__).with_name("pages")


@dataclass(frozen=True)
class Pair:
    """One sentence from two sources.

    Attributes:
        pair_id: for the record of answers.
        text: what is said.
        first: float32 `[samples]` of the first source, at `AUDIO.sample_rate`.
        second: the same sentence from the second source.
    """

    pair_id: str
    text: str
    first: np.ndarray
    second: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """What answers say.

    Attributes:
        first: name of the first source.
        second: name of the second.
        picked_first: answers that named the first.
        answers: answers given.
        p_value: exact two-sided binomial, chance 1/2.
        interval: exact (Clopper and Pearson 1934) 95 % interval of the share of answers that name the first.
    """

    first: str
    second: str
    picked_first: int
    answers: int
    p_value: float
    interval: tuple[float, float]

    def words(self) -> str:
        """The verdict in plain ASCII."""
        words = _words(self.first, self.second)
        kind = "unclear" if self.p_value >= 0.05 else "first" if 2 * self.picked_first > self.answers else "second"
        p = "below 0.001" if self.p_value < 0.001 else f"{self.p_value:.3f}"
        low, high = self.interval
        said = words["counts"].format(firsts=self.picked_first, total=self.answers, p=p)
        line = (
            f"{said} {words[kind]} Share {self.picked_first / self.answers:.2f}, 95 % interval {low:.2f} to {high:.2f}."
        )
        return line.encode("ascii", "backslashreplace").decode()


def outcome(first: str, second: str, picked_first: int, answers: int) -> Outcome:
    """Test a count of answers against guessing (`scipy.stats.binomtest`).

    Raises:
        PipelineError: there is no answer, or more hits than answers.
    """
    from scipy.stats import binomtest

    if not 0 <= picked_first <= answers or answers < 1:
        raise PipelineError(f"{picked_first} of {answers} is no result of a test", hint="answer at least one pair")
    found = binomtest(picked_first, answers, 0.5)
    interval = found.proportion_ci(0.95, method="exact")
    return Outcome(
        first, second, picked_first, answers, float(found.pvalue), (float(interval.low), float(interval.high))
    )


def read_answers(path: Path) -> Outcome:
    """What a file saved by the page proves; everything is counted again from the single answers.

    Raises:
        PipelineError: the file cannot be read, is no record of answers, or its counts do not fit its answers.
    """
    repair = "give the file that the page's button 'Save the answers' wrote"
    try:
        if path.stat().st_size > _MAX_ANSWER_BYTES:
            raise PipelineError(f"{path} is too large to be a record of answers", hint=repair)
        record = json.loads(path.read_text(encoding="utf-8"))
        first, second, trials = record["first"], record["second"], record["trials"]
        if record["format"] != FORMAT or first == second or not trials:
            raise ValueError("another format, or no answers")
        picked = 0
        for trial in trials:
            if trial["picked"] not in ("a", "b") or {trial["a"], trial["b"]} != {first, second}:
                raise ValueError("an answer that names neither source")
            picked += trial[trial["picked"]] == first
        if (record["first_picked"], record["total"]) != (picked, len(trials)):
            raise ValueError("its totals do not fit its answers")
    except OSError as error:
        raise PipelineError(f"cannot read {path}: {error.strerror or error}", hint=repair) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise PipelineError(f"{path} is no record of a blind test: {error}", hint=repair) from error
    return outcome(first, second, picked, len(trials))


def pooled(outcomes: Sequence[Outcome]) -> Outcome:
    """All answers of several listeners to one comparison together.

    Raises:
        PipelineError: they compare different things.
    """
    if len({(one.first, one.second) for one in outcomes}) != 1:
        raise PipelineError(
            "the files compare different things and cannot be added up", hint="give files of one comparison: --read"
        )
    picked, answers = sum(one.picked_first for one in outcomes), sum(one.answers for one in outcomes)
    return outcome(outcomes[0].first, outcomes[0].second, picked, answers)


def same_loudness(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both at `AUDIO.loudness`, or both as near to it as the one with the higher peak can come.

    Args:
        first: float32 `[samples]`, at `AUDIO.sample_rate`.
        second: float32 `[samples]`.

    Raises:
        PipelineError: one of them is silent.
    """
    levels = [measure_loudness(waveform, AUDIO.sample_rate) for waveform in (first, second)]
    target = AUDIO.loudness
    for waveform, level in zip((first, second), levels, strict=True):
        if level is None:
            raise PipelineError("one of the sounds to compare is silent", hint="python 08_evaluate_voice.py first")
        target = min(target, level + 20.0 * float(np.log10(AUDIO.peak_limit / np.abs(waveform).max())))
    one, other = (
        waveform * np.float32(10.0 ** ((target - (level or 0.0)) / 20.0))
        for waveform, level in zip((first, second), levels, strict=True)
    )
    return one, other


def build_page(voice: str, first: str, second: str, pairs: Sequence[Pair], *, trials: int = 12) -> str:
    """The test as one HTML file that needs nothing else.

    The sounds lie in the page in an order drawn now, the page draws another for each session, and neither element
    names nor addresses tell them apart. Whoever takes the program to pieces can find out; a listener cannot.

    Args:
        voice: name of the voice, for the title.
        first: name of the first source; "real" asks for the real one, anything else for the better one.
        second: name of the second source.
        pairs: sentences to compare.
        trials: how many pairs are judged; sentences come again, in another order, when there are fewer.

    Raises:
        PipelineError: no pairs, trials out of range, a silent sound, or too much sound for one page.
    """
    if not MIN_TRIALS <= trials <= MAX_TRIALS or not pairs:
        raise PipelineError(
            f"a test of {trials} trials with {len(pairs)} sentences cannot be made",
            hint=f"--trials {MIN_TRIALS} to {MAX_TRIALS}, and at least one sentence",
        )
    rows, places, size = [], [], 0
    for pair in pairs:
        sounds = [encode(sound, AUDIO.sample_rate, "flac") for sound in same_loudness(pair.first, pair.second)]
        size += sum(map(len, sounds))
        places.append(secrets.randbelow(2))
        ordered = sounds if places[-1] == 0 else sounds[::-1]
        rows.append(
            {"id": pair.pair_id, "text": pair.text, "sounds": [base64.b64encode(sound).decode() for sound in ordered]}
        )
    if size > _MAX_SOUND_BYTES:
        raise PipelineError(
            f"the sounds take {size / 1e6:.0f} MB, more than {_MAX_SOUND_BYTES / 1e6:.0f}",
            hint="compare fewer sentences: --sentences N",
        )
    mask = secrets.token_bytes(len(rows))
    hidden = bytes((byte & 0xFE) | ((byte & 1) ^ place) for byte, place in zip(mask, places, strict=True))
    content = {
        "format": FORMAT,
        "voice": voice,
        "first": first,
        "second": second,
        "question": _question(first),
        "words": _words(first, second),
        "trials": trials,
        "pairs": rows,
        "key": base64.b64encode(mask + hidden).decode(),
    }
    return _page(voice, content, trials)


def _question(first: str) -> str:
    return "Which one is the real recording?" if first == "real" else "Which one sounds better to you?"


def _words(first: str, second: str) -> dict[str, str]:
    """What page and program say; {firsts}, {total} and {p} are filled in later."""
    if first == "real":
        counts = "The real recording was named in {firsts} of {total} answers (two-sided p = {p})."
        return {
            "counts": counts,
            "first": f"This listener can tell {second} from the real recording.",
            "second": f"This listener hears a difference, but takes {second} for the real recording.",
            "unclear": "That is not clearly different from guessing; more answers may still show a difference.",
        }
    return {
        "counts": f"'{first}' was chosen over '{second}' in {{firsts}} of {{total}} answers (two-sided p = {{p}}).",
        "first": f"'{first}' is preferred.",
        "second": f"'{second}' is preferred.",
        "unclear": "That is not clearly different from tossing a coin; more answers may still show a preference.",
    }


def _page(voice: str, content: dict[str, Any], trials: int) -> str:
    def part(name: str) -> str:
        return (_PAGES / name).read_text(encoding="utf-8")

    # "<" never stands in the data, so no text of a sentence can end the element it lies in
    data = json.dumps(content, ensure_ascii=True).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Blind test: {html.escape(voice)}</title>
<link rel="icon" href="data:,">
<style>{part("page.css")}</style></head><body><main>
<h1>Blind test of the voice {html.escape(voice)}</h1>
<p class="soft">{trials} pairs, about {max(1, round(trials * 15 / 60))} minutes. Each pair is one sentence, heard twice,
equally loud. Headphones and a quiet room help. Tab moves, Space presses. Nothing leaves this page.</p>
<section id="trial" aria-labelledby="trial-title">
<h2 id="trial-title" tabindex="-1">Pair</h2>
<blockquote id="sentence"></blockquote>
<div class="players">
<div><h3 id="name-a">Sound A</h3><audio id="sound-a" controls preload="auto" aria-labelledby="name-a"></audio></div>
<div><h3 id="name-b">Sound B</h3><audio id="sound-b" controls preload="auto" aria-labelledby="name-b"></audio></div>
</div>
<fieldset><legend>{html.escape(content["question"])}</legend>
<button type="button" id="pick-a" aria-describedby="hint" disabled>Sound A</button>
<button type="button" id="pick-b" aria-describedby="hint" disabled>Sound B</button>
<p id="hint" class="soft" role="status">Play both sounds, then answer.</p></fieldset>
</section>
<section id="result" aria-labelledby="result-title" hidden>
<h2 id="result-title" tabindex="-1">Result</h2>
<p id="verdict" class="verdict"></p>
<p><a class="button" id="save" download="blind_test_{html.escape(voice)}.json">Save the answers</a></p>
<p class="soft">python ab_test.py --read FILE reads them; several listeners' files are added up.</p>
<div class="wide"><table><caption>What was played, and what you answered</caption>
<thead><tr><th scope="col">pair</th><th scope="col">sentence</th><th scope="col">sound A</th>
<th scope="col">sound B</th><th scope="col">answer</th></tr></thead><tbody id="answers-given"></tbody></table></div>
</section>
<noscript><p>This test needs JavaScript.</p></noscript>
</main>
<script type="application/json" id="sounds">{data}</script>
<script>{part("binomial.js")}</script>
<script>{part("blind_test.js")}</script>
</body></html>
"""
