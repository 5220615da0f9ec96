"""The sentences a learner reads. Languages are data: `prompt_texts/LANGUAGE.txt`, one `id|text|source` a line."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from voice_pipeline.errors import PipelineError

CHARACTERS_PER_SECOND = 15.0  # read speech in English, pauses included; LJ Speech has 14.9

_FOLDER = Path(__file__).with_name("prompt_texts")
_STEM = re.compile(r"(?:prompt[ _-]*)?(?:(short|long)[ _-]*)?0*(\d{1,3})(?:[ _-]*(?:take)[ _-]*\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Prompt:
    """One sentence to read aloud.

    Attributes:
        prompt_id: for example "short_01"; also the file name a take gets.
        text: the sentence.
        source: where it comes from.
    """

    prompt_id: str
    text: str
    source: str = ""

    @property
    def expected_seconds(self) -> float:
        """How long reading it takes, about."""
        return len(self.text) / CHARACTERS_PER_SECOND


@functools.cache
def load_prompts(language: str = "en") -> tuple[Prompt, ...]:
    """The course's prompts of a language, in reading order.

    Raises:
        PipelineError: there are none for this language.
    """
    path = _FOLDER / f"{language}.txt"
    if not path.is_file():
        known = ", ".join(sorted(entry.stem for entry in _FOLDER.glob("*.txt")))
        raise PipelineError(f"there are no prompts for the language '{language}'", hint=f"choose one of: {known}")
    rows = [line.split("|") for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return tuple(Prompt(prompt_id, text, source) for prompt_id, text, source in rows)


def find_prompt(stem: str, prompts: Sequence[Prompt]) -> Prompt | None:
    """The prompt a file name stands for.

    "short_03", "Short 3", "long-07 take 2" name a prompt by its id; "3", "03", "prompt 13" by its place in the list.

    Args:
        stem: file name without its suffix.
        prompts: in reading order.
    """
    match = _STEM.fullmatch(stem.strip())
    if not match:
        return next((prompt for prompt in prompts if prompt.prompt_id == stem), None)
    kind, number = match.group(1), int(match.group(2))
    if kind:
        wanted = f"{kind.lower()}_{number:02d}"
        return next((prompt for prompt in prompts if prompt.prompt_id == wanted), None)
    return prompts[number - 1] if 1 <= number <= len(prompts) else None
