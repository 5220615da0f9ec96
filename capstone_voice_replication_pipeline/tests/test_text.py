"""What a text becomes before a voice speaks it."""

import contextlib
import gc
import re
import time
from pathlib import Path

import pytest

from voice_pipeline.errors import PipelineError
from voice_pipeline.text import Pauses, normalise, prepare, split_long, split_sentences

CASES = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "text_cases.tsv").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
SIZE = 100_000
NASTY = {
    "letters": "a" * SIZE,
    "capitals": "A" * SIZE,
    "digits": "1" * SIZE,
    "thousands": "1" + ",111" * (SIZE // 4),
    "decimals": "1." * (SIZE // 2),
    "dollars": "$" * SIZE,
    "ranges": "1-" * (SIZE // 2),
    "fractions": "1/" * (SIZE // 2),
    "times": "1:" * (SIZE // 2),
    "initials": "A." * (SIZE // 2),
    "mail": "a@" + "a." * (SIZE // 2),
    "address": "http://" + "a" * SIZE,
    "domains": "www." * (SIZE // 4),
    "brackets": "(" * SIZE,
    "hyphens": "a-" * (SIZE // 2),
    "apostrophes": "'" * SIZE + "x",
    "spaces": "1" + " " * SIZE + "May",
    "underscores": "_" * SIZE + "x",
    "lines": "\n" * SIZE + "x",
    "dots": "." * SIZE + "x",
    "quotes after an abbreviation": "etc." + '"' * SIZE,
    "Roman": "Henry " + "IV" * (SIZE // 2),
    "shouting": "AA " * (SIZE // 3),
    "titles": "Dr. " * (SIZE // 4),
    "accents": "e" + "\u0301" * SIZE,
    "emoji": "\U0001f600" * SIZE,
    "other script": "\u65e5" * (SIZE // 4),
}


def test_the_table_is_long_enough() -> None:
    assert len(CASES) >= 60


@pytest.mark.parametrize(("written", "spoken"), CASES, ids=[case[0][:30] for case in CASES])
def test_written_becomes_spoken(written: str, spoken: str) -> None:
    assert normalise(written).text == spoken


@pytest.mark.parametrize(("written", "spoken"), CASES, ids=[case[0][:30] for case in CASES])
def test_only_speakable_characters_are_left(written: str, spoken: str) -> None:
    assert re.fullmatch(r"[A-Za-z' ,.;:!?-]+", normalise(written).text)


def test_spoken_text_stays_as_it_is() -> None:
    spoken = "Doctor Smith paid fifty dollars, then left. He never came back!"
    assert normalise(spoken).text == spoken


@pytest.mark.parametrize("name", NASTY)
def test_nasty_text_takes_linear_time(name: str) -> None:
    """Four times the text may take some four times as long; a pattern that explodes takes sixteen times and more."""

    def seconds(text: str) -> float:
        """The quicker of two tries, in CPU seconds, without the collector, which would walk what other tests left."""
        tries = []
        for _ in range(2):
            started = time.process_time()
            with contextlib.suppress(PipelineError):  # nothing to say is a fine answer; slowness is not
                prepare(text)
            tries.append(time.process_time() - started)
        return min(tries)

    text = NASTY[name]
    gc.disable()
    try:
        seconds("Warm up: 3.")
        quarter = min(seconds(text[: len(text) // 4]), seconds(text[-(len(text) // 4) :]))
        whole = seconds(text)
    finally:
        gc.enable()
    assert whole < 10 * max(quarter, 0.05), f"{len(text) // 4} characters: {quarter:.2f} s, {len(text)}: {whole:.2f} s"


@pytest.mark.parametrize("name", NASTY)
def test_nasty_text_gives_bounded_chunks_or_a_clear_refusal(name: str) -> None:
    try:
        chunks = prepare(NASTY[name])
    except PipelineError as error:
        assert "nothing to say" in str(error) and error.hint
    else:
        assert max(len(chunk.text) for chunk in chunks) <= 250


@pytest.mark.parametrize("text", ["", "   ", "\n\n\n", "...", "\U0001f600", "*** ---", "\u200b"])
def test_nothing_to_say_is_refused(text: str) -> None:
    with pytest.raises(PipelineError, match="nothing to say") as caught:
        prepare(text)
    assert "--text" in caught.value.hint


def test_unusual_characters_are_reported() -> None:
    result = normalise("Caf\u00e9 \u041f\u0440\u0438\u0432\u0435\u0442 \U0001f600 \u2192 ok")
    assert "\u00e9" in result.transliterated and "\u041f" in result.transliterated
    assert result.dropped == "\U0001f600"


def test_every_character_of_unicode_is_survived() -> None:
    everything = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF)
    assert re.fullmatch(r"[A-Za-z' ,.;:!?\n-]+", normalise(everything).text)


def test_lone_surrogates_do_not_crash() -> None:
    assert normalise("a \ud800 b").text == "A b"


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Smith met Mr. Jones. They talked.", 2),
        ("See No. 7 for details. It is long.", 2),
        ("No. That is wrong.", 2),
        ("By J. R. Smith. The end.", 2),
        ("Is it? Yes! Good.", 3),
        ("One sentence only", 1),
    ],
)
def test_sentences(text: str, count: int) -> None:
    assert len(split_sentences(text)) == count
    assert " ".join(split_sentences(text)) == text


def test_pauses_follow_the_structure() -> None:
    pauses = Pauses(comma=0.1, semicolon=0.2, sentence=0.3, paragraph=0.7)
    chunks = prepare("One. Two.\n\nThree.", pauses=pauses)
    assert [chunk.pause_after_seconds for chunk in chunks] == [0.3, 0.7, 0.0]
    assert [chunk.paragraph for chunk in chunks] == [0, 0, 1]
    assert [chunk.sentence for chunk in chunks] == [0, 1, 2]


def test_a_long_sentence_is_cut_at_its_clauses() -> None:
    clause = "the quick brown fox jumps over the lazy dog beside the river"
    chunks = prepare(", ".join([clause] * 4) + "; " + ", ".join([clause] * 4) + ".")
    assert all(len(chunk.text) <= 250 for chunk in chunks)
    assert all(chunk.text[-1] in ",;." for chunk in chunks)
    assert {chunk.sentence for chunk in chunks} == {0}


def test_no_pause_where_a_clause_was_cut_between_words() -> None:
    chunks = prepare("word " * 120)
    assert [chunk.pause_after_seconds for chunk in chunks] == [0.0] * len(chunks)


def test_chunks_keep_every_word_in_order() -> None:
    text = " ".join(f"word{'abcdefghij'[i % 10]}" + ("," if i % 7 == 0 else "") for i in range(500)) + "."
    assert " ".join(chunk.text for chunk in prepare(text)).lower() == normalise(text).text.lower()


@pytest.mark.parametrize("before", range(0, 260, 13))
def test_a_number_is_never_cut(before: int) -> None:
    number = normalise("1,234,567.89").text
    pieces = split_long(f"{'a' * 5} " * (before // 6) + number.lower() + " people came along with us" * 9)
    assert sum(number.lower() in piece for piece in pieces) == 1
    assert all(len(piece) <= 250 for piece in pieces)


def test_a_word_longer_than_a_chunk_is_still_spoken() -> None:
    chunks = prepare("a" * 400 + " end.")
    assert all(len(chunk.text) <= 250 for chunk in chunks)
    assert sum(chunk.text.lower().count("a") for chunk in chunks) == 400


def test_pauses_out_of_range_are_refused() -> None:
    with pytest.raises(PipelineError, match="sentence pause"):
        Pauses(sentence=-1.0)
