"""The sentences a learner reads. Languages are data: `prompt_texts/LANGUAGE.txt`, one `id|text|source` a line."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coursekit.files import write_text_atomic
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

CHARACTERS_PER_SECOND = 15.0  # read speech in English, pauses included; LJ Speech has 14.9

PROMPTS_FILE = "prompts.txt"  # in a voice folder: the voice's own list

_FOLDER = Path(__file__).with_name("prompt_texts")
_STEM = re.compile(r"(?:prompt[ _-]*)?(?:(short|long)[ _-]*)?0*(\d{1,3})(?:[ _-]*(?:take)[ _-]*\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class Prompt:
    """One sentence to read aloud.

    Attributes:
        prompt_id: for example "short_01"; also the file name a take gets.
        text: the sentence.
        source: where it comes from.
        rate: characters a second it is read at.
    """

    prompt_id: str
    text: str
    source: str = ""
    rate: float = CHARACTERS_PER_SECOND

    @property
    def expected_seconds(self) -> float:
        """How long reading it takes, about."""
        return len(self.text) / self.rate


def prompt_languages() -> tuple[str, ...]:
    """Languages that ship with a list of prompts."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.txt")))


@functools.cache
def load_prompts(language: str = "en") -> tuple[Prompt, ...]:
    """The course's prompts of a language, in reading order.

    Raises:
        PipelineError: there are none for this language.
    """
    path = _FOLDER / f"{language}.txt"
    if not path.is_file():
        known = ", ".join(prompt_languages())
        raise PipelineError(f"there are no prompts for the language '{language}'", hint=f"choose one of: {known}")
    return read_prompts(path)


def read_prompts(path: Path) -> tuple[Prompt, ...]:
    """Prompts of a file of lines `id|text|source`, with an optional `# characters_per_second: N`.

    Raises:
        PipelineError: the file cannot be read, or a line has another form.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(f"the prompts in {path} cannot be read: {error}", hint="plan them again: --plan") from error
    rate, prompts = CHARACTERS_PER_SECOND, []
    for number, line in enumerate(lines, 1):
        if line.startswith("# characters_per_second:"):
            rate = float(line.partition(":")[2])
        elif line.strip() and line[0] != "#":
            cells = line.split("|")
            if len(cells) != 3 or not cells[0] or not cells[1]:
                raise PipelineError(
                    f"{path}, line {number} is not id|text|source", hint="plan the prompts again: --plan"
                )
            prompts.append(Prompt(cells[0], cells[1], cells[2], rate))
    return tuple(prompts)


def write_prompts(path: Path, prompts: Sequence[Prompt]) -> None:
    """Write prompts as `read_prompts` reads them, atomically."""
    head = f"# id|text|source\n# characters_per_second: {prompts[0].rate:g}\n" if prompts else ""
    write_text_atomic(path, head + "".join(f"{p.prompt_id}|{p.text}|{p.source}\n" for p in prompts))


def prompts_of_voice(folder: VoiceFolder, language: str = "en") -> tuple[Prompt, ...]:
    """What this voice's speaker reads: the voice's own list if it has one, else the course's.

    A take keeps the sentence it was read from: where the manifest holds another text for a prompt of the course's list
    (it was read when the course had other prompts), that text stays.
    """
    if (own := folder.root / PROMPTS_FILE).is_file():
        return read_prompts(own)
    read = {row["text_from"]: row["text"] for row in read_jsonl(folder.manifest) if row.get("text")}
    return tuple(
        replace(prompt, text=read[prompt.prompt_id], source="recorded earlier")
        if read.get(prompt.prompt_id, prompt.text) != prompt.text
        else prompt
        for prompt in load_prompts(language)
    )


def change_prompts(folder: VoiceFolder, prompts: Sequence[Prompt]) -> Path:
    """Give a voice its own list.

    Raises:
        PipelineError: a take of the voice was read from a sentence that this list would take away.
    """
    new = {prompt.prompt_id: prompt.text for prompt in prompts}
    ids = {prompt.prompt_id for prompt in prompts_of_voice(folder)}
    lost = [
        row["text_from"]
        for row in read_jsonl(folder.manifest)
        if row.get("text_from") in ids and new.get(row["text_from"]) != row["text"]
    ]
    if lost:
        raise PipelineError(
            f"the voice '{folder.name}' has takes of other sentences: {', '.join(lost[:5])}",
            hint="plan new sentences for a new voice: --voice OTHER-NAME",
        )
    folder.create()
    write_prompts(folder.root / PROMPTS_FILE, prompts)
    return folder.root / PROMPTS_FILE


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
