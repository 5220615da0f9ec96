"""Sentences to read: chosen by the optimiser, better than the list before, and any text or language will do."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from voice_pipeline import prompt_plan
from voice_pipeline.audio import write_wav
from voice_pipeline.coverage import PAUSE, coverage_table, has_lexicon, in_lexicon, measure_coverage, sounds
from voice_pipeline.errors import PipelineError
from voice_pipeline.ledger import Limits
from voice_pipeline.prompt_commands import plan_command
from voice_pipeline.prompt_plan import Pool, load_pool, plan_prompts, pool_of_text, readable
from voice_pipeline.prompts import (
    Prompt,
    change_prompts,
    load_prompts,
    prompt_languages,
    prompts_of_voice,
    read_prompts,
    write_prompts,
)
from voice_pipeline.recording import import_folder
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl, write_jsonl

from .synthetic_speech import speech

CAPSTONE = Path(__file__).resolve().parents[1]
EARLIER = CAPSTONE / "voice_pipeline" / "prompt_texts" / "earlier" / "en-1.txt"


@pytest.mark.parametrize("language", prompt_languages())
def test_the_list_that_ships_is_what_the_optimiser_chooses(language):
    assert plan_prompts(load_pool(language)) == load_prompts(language)


def test_it_covers_more_than_the_list_before():
    pool = load_pool().sentences
    now, before = (
        measure_coverage([prompt.text for prompt in prompts], pool)
        for prompts in (load_prompts(), read_prompts(EARLIER))
    )
    print(coverage_table({"now": now, "before": before}))
    assert not now.missing and min(now.phonemes.values()) >= 2
    assert now.common > before.common + 80 and now.diphones > before.diphones + 60
    assert now.running > before.running + 0.05
    assert now.questions >= 2


@pytest.mark.parametrize("language", prompt_languages())
def test_no_prompt_is_near_the_limit_of_a_clip(language):
    kinds = [prompt.prompt_id.split("_")[0] for prompt in load_prompts(language)]
    assert kinds == ["short"] * 10 + ["long"] * 10
    for prompt in load_prompts(language):
        short = prompt.prompt_id.startswith("short")
        low, high = prompt_plan.SHORT_SECONDS if short else prompt_plan.LONG_SECONDS
        assert low <= prompt.expected_seconds <= high < Limits().max_seconds


def test_sounds_are_those_of_gruut():
    gruut = pytest.importorskip("gruut")
    for text in load_prompts()[0].text, load_prompts()[12].text:
        full = [
            phone.strip("\u02c8\u02cc")
            for sentence in gruut.sentences(text, lang="en-us")
            for word in sentence
            for phone in word.phonemes or ()
            if word.is_spoken
        ]
        found = [sound for sound in sounds(text) if sound != PAUSE]
        assert sum(a != b for a, b in zip(full, found, strict=True)) <= 0.05 * len(full)
    assert sounds("Hi, there.") == ("_", "h", "a\u026a", "_", "\u00f0", "\u025b", "\u0279", "_")


def test_one_seed_one_list_another_seed_another():
    pool = load_pool()
    small = Pool(pool.rows[::3])
    assert plan_prompts(small, short=2, long=2, seed=1) == plan_prompts(small, short=2, long=2, seed=1)
    chosen = plan_prompts(small, short=3, long=1, seed=2)
    assert [prompt.prompt_id for prompt in chosen] == ["short_01", "short_02", "short_03", "long_01"]


def test_swaps_find_what_greedy_alone_misses():
    pool = Pool(load_pool().rows[::4])
    counts, caps, points = prompt_plan._units(pool)
    slots = [prompt_plan._of_length(pool, prompt_plan.SHORT_SECONDS)] * 6
    greedy: list[int] = []
    for slot in slots:
        greedy.append(prompt_plan._best(counts, caps, points, slot, greedy)[1])
    score, chosen = prompt_plan._climb(counts, caps, points, slots, 0, 0)
    assert score > prompt_plan._score(counts, caps, points, greedy)
    assert len(set(chosen)) == 6


@pytest.mark.parametrize(("short", "long"), [(0, 0), (-1, 5), (200, 1)])
def test_impossible_counts(short, long):
    with pytest.raises(PipelineError, match="cannot be planned"):
        plan_prompts(load_pool(), short=short, long=long)


def test_a_text_that_is_too_short_is_refused():
    pool = pool_of_text("A short text. It has nothing to choose from.", "mine.txt", load_pool())
    with pytest.raises(PipelineError, match="0 readable sentences of 3.3 to 4.6 s, 1 are to be chosen") as caught:
        plan_prompts(pool, short=1, long=0)
    assert "--short 0" in caught.value.hint


def test_what_can_be_read_without_stumbling():
    assert readable("The road was bordered by good-looking fences, painted white.")
    for text in ("In 1850 it was so.", "he was gone.", "No end", "Qwxzvil Brrgs went.", "He (Tom) ran."):
        assert not readable(text), text
    assert in_lexicon("road") and not in_lexicon("qwxzvil")


def test_your_own_text_and_counts(tmp_path, capsys):
    text = tmp_path / "mine.txt"
    text.write_text("\n\n".join(load_pool().sentences[5:60]), encoding="utf-8")
    place = ["--voice", "ann", "--home", str(tmp_path / "home")]
    main = runpy.run_path(str(CAPSTONE / "01_collect_recordings.py"))["main"]
    assert main([*place, "--plan", "--text", str(text), "--short", "3", "--long", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.isascii() and "Coverage, against the" in printed and "share of running diphones" in printed
    folder = VoiceFolder(tmp_path / "home", "ann")
    own = prompts_of_voice(folder)
    assert [prompt.prompt_id for prompt in own] == ["short_01", "short_02", "short_03", "long_01"]
    assert {prompt.text for prompt in own} <= set(load_pool().sentences) and own[0].source == "mine.txt"
    assert (folder.reports / "prompt_coverage.png").stat().st_size > 10_000
    main([*place, "--prompts"])
    assert own[3].text in capsys.readouterr().out


def test_another_language_is_a_file(tmp_path, monkeypatch):
    rows = [
        f"book|Der {a} Hund lief am {b} Morgen durch den {c} Wald."
        for a in ("alte", "kleine", "graue", "treue")
        for b in ("fr\u00fchen", "kalten", "ersten")
        for c in ("dunklen", "gr\u00fcnen")
    ]
    head = "# phonemes: de-de\n# characters_per_second: 14\n"
    (tmp_path / "de.txt").write_text(head + "\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.setattr(prompt_plan, "_POOLS", tmp_path)
    prompts = plan_prompts(load_pool("de"), short=3, long=0)
    assert len(prompts) == 3 and prompts[0].rate == 14
    found = measure_coverage([prompt.text for prompt in prompts], load_pool("de").sentences, phonemes="de-de")
    assert not found.missing
    with pytest.raises(PipelineError, match="no text ships for the language 'xx'"):
        load_pool("xx")


def test_german_is_two_files_and_no_code(tmp_path, capsys):
    """Planned, shown as it is to be read, covered, and found again by the names of its takes."""
    place = ["--voice", "anna", "--home", str(tmp_path / "home"), "--language", "de"]
    main = runpy.run_path(str(CAPSTONE / "01_collect_recordings.py"))["main"]
    assert main([*place, "--prompts"]) == 0
    shown = capsys.readouterr().out
    assert all(prompt.text in shown for prompt in load_prompts("de"))
    assert main([*place, "--plan", "--short", "4", "--long", "2"]) == 0
    printed = capsys.readouterr().out
    own = prompts_of_voice(VoiceFolder(tmp_path / "home", "anna"), "de")
    assert len(own) == 6 and all(prompt.text in printed for prompt in own)
    assert {prompt.text for prompt in own} <= set(load_pool("de").sentences)
    assert any(not prompt.text.isascii() for prompt in own) and "share of running diphones" in printed
    assert ("letters were counted in place of phonemes" in printed) is not has_lexicon("de-de")
    (tmp_path / "given").mkdir()
    write_wav(tmp_path / "given" / "long 2.wav", speech(2.0))
    voice = VoiceFolder(tmp_path / "home", "berta")
    import_folder(voice, tmp_path / "given", language="de")
    assert read_jsonl(voice.manifest)[0]["text"] == load_prompts("de")[11].text


def test_a_language_with_a_text_and_without_a_list(tmp_path, monkeypatch, capsys):
    (tmp_path / "xx.txt").write_text("".join(f"me|{text}\n" for text in load_pool("de").sentences), encoding="utf-8")
    monkeypatch.setattr(prompt_plan, "_POOLS", tmp_path)
    folder = VoiceFolder(tmp_path / "home", "ann").create()
    assert len(plan_command(folder, language="xx", short=2, long=2)) == 4
    printed = capsys.readouterr().out
    assert "this plan" in printed and "the course's list" not in printed


def test_a_voice_with_takes_of_the_list_before_goes_on(tmp_path):
    folder = VoiceFolder(tmp_path, "ann").create()
    before = {prompt.prompt_id: prompt.text for prompt in read_prompts(EARLIER)}
    row = {"id": "short_03", "given": "short_03.wav", "text": before["short_03"], "text_from": "short_03"}
    write_jsonl(folder.manifest, [row])
    found = {prompt.prompt_id: prompt.text for prompt in prompts_of_voice(folder)}
    now = {prompt.prompt_id: prompt.text for prompt in load_prompts()}
    assert found == {**now, "short_03": before["short_03"]} != now
    with pytest.raises(PipelineError, match="has takes of other sentences: short_03"):
        change_prompts(folder, load_prompts())


def test_a_list_survives_being_written(tmp_path):
    prompts = (Prompt("short_01", "Eins.", "book", 13.5), Prompt("long_01", "Zwei.", "", 13.5))
    write_prompts(tmp_path / "prompts.txt", prompts)
    assert read_prompts(tmp_path / "prompts.txt") == prompts
    (tmp_path / "prompts.txt").write_text("short_01 no bars\n")
    with pytest.raises(PipelineError, match="line 1 is not id"):
        read_prompts(tmp_path / "prompts.txt")
