"""One long recording of many prompts: cut at pauses, each piece matched to its prompt by what was heard, by the order
of reading and by length.

The voice activity detector gives stretches of speech. A prompt is one stretch or several neighbouring ones. Dynamic
programming picks the runs of stretches that match prompts best, prefers the order of the list, and leaves what matches
nothing. Nothing is lost: every stretch of speech ends in exactly one slice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from voice_pipeline.coverage import PAUSE, sounds
from voice_pipeline.errors import PipelineError
from voice_pipeline.prompt_match import heard_in
from voice_pipeline.prompts import Prompt
from voice_pipeline.recognizer import plain_words
from voice_pipeline.vad import find_speech

MIN_PAUSE = 0.35  # stretches nearer to each other are one
MARGIN = 0.25  # seconds kept on each side, less where the next stretch is near
MIN_MATCH = 0.42
LONGEST_RUN = 8  # stretches in one prompt
IN_ORDER = 3.0  # sounds that reading in order is worth

MATCHED, REPEATED, UNMATCHED = None, "repeated_take", "matches_no_prompt"


@dataclass(frozen=True)
class Slice:
    """A piece of a long recording.

    Attributes:
        start: seconds, margin included.
        end: seconds, margin included.
        prompt: what was read; None when it matches nothing.
        match: share of the prompt's sounds that were heard, 0..1.
        heard: what the recogniser understood.
        rule: None for the piece to use; "repeated_take" when another take of the prompt matches better;
            "matches_no_prompt".
    """

    start: float
    end: float
    prompt: Prompt | None
    match: float
    heard: str
    rule: str | None


def slice_recording(
    waveform: np.ndarray,
    sample_rate: int,
    prompts: Sequence[Prompt],
    listen: Callable[[np.ndarray, int], str] = heard_in,
) -> list[Slice]:
    """Cut a long recording into takes of prompts.

    Args:
        waveform: float32 `[samples]`.
        sample_rate: Hz.
        prompts: in the order they were probably read.
        listen: words in a piece of sound.

    Returns:
        slices in the order of time; every stretch of speech is in one of them.
    """
    stretches = _stretches(find_speech(waveform, sample_rate).segments)
    if not stretches:
        return []
    edges = [(max(0, round((start - 0.1) * sample_rate)), round((end + 0.1) * sample_rate)) for start, end in stretches]
    heard = [listen(waveform[start:end], sample_rate) for start, end in edges]
    runs = _best_runs(stretches, [_sounds(text) for text in heard], prompts)
    best: dict[str, tuple[float, int]] = {}
    for first, _, prompt, score in runs:
        if prompt is not None and (score, first) > best.get(prompt.prompt_id, (0.0, -1)):
            best[prompt.prompt_id] = (score, first)
    slices = []
    for first, last, prompt, score in runs:
        start, end = _with_margin(stretches, first, last, len(waveform) / sample_rate)
        rule = UNMATCHED if prompt is None else MATCHED if best[prompt.prompt_id][1] == first else REPEATED
        slices.append(Slice(start, end, prompt, round(score, 4), " ".join(heard[first : last + 1]).strip(), rule))
    covered = sum(last - first + 1 for first, last, _, _ in runs)
    if covered != len(stretches):
        raise PipelineError(f"{len(stretches)} stretches of speech, {covered} in slices", hint="report this recording")
    return slices


def _stretches(segments: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in segments:
        if joined and start - joined[-1][1] < MIN_PAUSE:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _best_runs(
    stretches: Sequence[tuple[float, float]], heard: Sequence[tuple[str, ...]], prompts: Sequence[Prompt]
) -> list[tuple[int, int, Prompt | None, float]]:
    """(first stretch, last stretch, prompt or None, match) of each run, in time; together they are all stretches."""
    candidates = _candidates(stretches, heard, prompts)
    nothing = -1
    # best[n]: for each prompt last read, the points and the runs that account for the first n stretches
    best: list[dict[int, tuple[float, tuple]]] = [{nothing: (0.0, ())}]
    for end in range(1, len(stretches) + 1):
        here = {last: (points, (*runs, (end - 1, None, 0.0))) for last, (points, runs) in best[end - 1].items()}
        for first, number, score in candidates.get(end - 1, []):
            gain = (score - MIN_MATCH / 2) * len(_sounds(prompts[number].text))
            for last, (points, runs) in best[first].items():
                total = points + gain + (IN_ORDER if number in (last, last + 1) else 0.0)
                if total > here.get(number, (-1.0, ()))[0]:
                    here[number] = (total, (*runs, (first, number, score)))
        best.append(here)
    runs = max(best[-1].values(), key=lambda found: found[0])[1]
    firsts = [first for first, _, _ in runs]
    ends = [*(first - 1 for first in firsts[1:]), len(stretches) - 1]
    return [
        (first, last, None if number is None else prompts[number], score)
        for (first, number, score), last in zip(runs, ends, strict=True)
    ]


def _candidates(
    stretches: Sequence[tuple[float, float]], heard: Sequence[tuple[str, ...]], prompts: Sequence[Prompt]
) -> dict[int, list[tuple[int, int, float]]]:
    """By last stretch: (first stretch, prompt number, match) of all runs that could be a prompt."""
    from rapidfuzz.distance import Levenshtein

    wanted = [_sounds(prompt.text) for prompt in prompts]
    found: dict[int, list[tuple[int, int, float]]] = {}
    for first in range(len(stretches)):
        for last in range(first, min(first + LONGEST_RUN, len(stretches))):
            seconds = stretches[last][1] - stretches[first][0]
            said = tuple(sound for one in heard[first : last + 1] for sound in one)
            for number, prompt in enumerate(prompts):
                if not 0.4 <= seconds / prompt.expected_seconds <= 2.5:
                    continue
                score = Levenshtein.normalized_similarity(wanted[number], said)
                if score >= MIN_MATCH:
                    found.setdefault(last, []).append((first, number, score))
    return found


def _with_margin(
    stretches: Sequence[tuple[float, float]], first: int, last: int, duration: float
) -> tuple[float, float]:
    before = stretches[first - 1][1] if first else 0.0
    after = stretches[last + 1][0] if last + 1 < len(stretches) else duration
    start, end = stretches[first][0], stretches[last][1]
    start -= min(MARGIN, (start - before) / 2 if first else start)
    return max(0.0, start), min(duration, end + min(MARGIN, (after - end) / 2))


def _sounds(text: str) -> tuple[str, ...]:
    return tuple(sound for sound in sounds(plain_words(text)) if sound != PAUSE)
