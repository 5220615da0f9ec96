"""What step 1 prints about sentences to read: the list, and a plan with its coverage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from voice_pipeline.coverage import coverage_table, has_lexicon, measure_coverage, plot_coverage
from voice_pipeline.prompt_plan import Pool, load_pool, plan_prompts, pool_of_text
from voice_pipeline.prompts import Prompt, change_prompts, load_prompts, prompt_languages
from voice_pipeline.text_source import read_text
from voice_pipeline.voice_folder import VoiceFolder


def prompt_lines(prompts: Sequence[Prompt]) -> str:
    """The sentences as they are to be read; signs that the terminal cannot show are escaped."""
    lines = [f"{p.prompt_id}  ({p.expected_seconds:2.0f} s)  {p.text}" for p in prompts]
    encoding = sys.stdout.encoding or "ascii"
    return "\n".join(lines).encode(encoding, "backslashreplace").decode(encoding)


def plan_command(
    folder: VoiceFolder,
    *,
    language: str = "en",
    text: Path | None = None,
    short: int = 10,
    long: int = 10,
    seed: int = 0,
) -> tuple[Prompt, ...]:
    """Plan a voice's sentences, print them and their coverage, draw it, and make them the voice's own list.

    Args:
        folder: the voice; the caller holds its lock.
        language: whose shipped text is chosen from, or whose pronunciations `text` has.
        text: a file of your own to choose from.
        short: sentences of about 4 s.
        long: sentences of about 10 s.
        seed: another seed, another list as good.

    Raises:
        PipelineError: the text is too short, or takes of other sentences exist already.
    """
    shipped = load_pool(language)
    pool: Pool = pool_of_text(read_text(None, text), text.name, shipped) if text else shipped
    prompts = plan_prompts(pool, short=short, long=long, seed=seed)
    saved = change_prompts(folder, prompts)
    print(prompt_lines(prompts))
    columns = {"this plan": prompts}
    if language in prompt_languages():
        columns["the course's list"] = load_prompts(language)
    coverage = {
        name: measure_coverage([p.text for p in chosen], pool.sentences, phonemes=pool.phonemes, rate=pool.rate)
        for name, chosen in columns.items()
    }
    print(f"\nCoverage, against the {len(pool.rows)} sentences chosen from:\n{coverage_table(coverage)}")
    spoken = has_lexicon(pool.phonemes)
    if not spoken:
        print(f"NOTE: no pronunciations of {pool.phonemes} are installed, so letters were counted in place of phonemes")
    for name, found in coverage.items():
        if found.missing:
            print(f"{name} has no {', '.join(found.missing)}".encode("ascii", "backslashreplace").decode())
    plot = plot_coverage(coverage, folder.reports / "prompt_coverage.png", unit="phoneme (IPA)" if spoken else "letter")
    print(f"  {saved}\n  {plot}")
    return prompts
