"""What the scripts of module 05 teach, tried on small inputs whose right answers are known."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.training import Example

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]


def lesson(name: str):
    return load_script(MODULE / f"{name}.py")


@pytest.fixture(scope="module")
def tagger_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline with a trained tagger and entity recogniser in the folder form of the public ones."""
    nlp, folder = spacy.blank("en"), tmp_path_factory.mktemp("pipeline") / "en_tiny"
    nlp.add_pipe("tagger")
    nlp.add_pipe("ner")
    words = ["Alice", "read", "it", "."]
    doc = spacy.tokens.Doc(nlp.vocab, words=words)
    examples = [Example.from_dict(doc, {"tags": ["NNP", "VBD", "PRP", "."], "entities": [(0, 5, "PERSON")]})]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(10):
        nlp.update(examples, sgd=optimizer)
    nlp.to_disk(folder)
    return folder


# ---------------------------------------------------------------------------------------------------- normalisation


def test_01_words_of_numbers():
    rules = lesson("01_text_normalisation")
    assert [rules.cardinal(n) for n in (0, 13, 40, 101, -7)] == [
        "zero",
        "thirteen",
        "forty",
        "one hundred one",
        "minus seven",
    ]
    assert rules.cardinal(2_000_005) == "two million five"
    assert [rules.ordinal(n) for n in (1, 12, 20, 103)] == ["first", "twelfth", "twentieth", "one hundred third"]
    assert [rules.year(n) for n in (1066, 1900, 1905, 2000, 2026)] == [
        "ten sixty-six", "nineteen hundred", "nineteen oh five", "two thousand", "twenty twenty-six",
    ]  # fmt: skip
    assert [rules.roman(letters) for letters in ("IV", "XIX", "MCMXC")] == [4, 19, 1990]


def test_01_every_case_of_the_table_is_said_as_it_should_be():
    rules = lesson("01_text_normalisation")
    table = rules.read_table("normalisation")
    assert len(table) >= 120 and {row[3] for row in table} == {"ok", "wrong"}
    wrong = [row[1] for row in table if rules.folded(rules.normalise(row[1])) != rules.folded(row[2])]
    assert wrong == []
    assert len(rules.wrong_order(table)) > 30  # and the table can fail


def test_01_context_decides():
    rules = lesson("01_text_normalisation")
    assert (
        rules.normalise("He went to St. Ives, by Elm St. and back.") == "He went to Saint Ives, by Elm Street and back."
    )
    assert rules.normalise("In 1984 he paid $1984.").startswith("In nineteen eighty-four he paid one thousand nine")
    assert rules.normalise("No. 7? No.") == "Number seven? No."
    assert rules.normalise("At 31:99 on 99/99/2026.") and "99/99" not in rules.normalise("99/99/2026")


# ------------------------------------------------------------------------------------------------------------ spaCy


def test_02_rules_find_names_and_boundaries_and_forget_the_preposition():
    pipeline = lesson("02_spacy_pipeline")
    nlp = pipeline.rule_pipeline()
    doc = nlp("It may rain in May, said Dr. Lee. See No. 7. No. It is late, etc. at 5 p.m. today.")
    assert [sentence.text for sentence in doc.sents] == [
        "It may rain in May, said Dr. Lee.", "See No. 7.", "No.", "It is late, etc. at 5 p.m. today.",
    ]  # fmt: skip
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("May", "DATE"), ("Dr. Lee", "PERSON"), ("5 p.m.", "TIME")]
    assert doc[1].tag_ == "MD" and doc[4].tag_ == "NNP"


def test_02_a_classifier_learns_what_is_in_its_lines_and_survives_the_disk(tmp_path):
    pipeline = lesson("02_spacy_pipeline")
    lines = [("a", f"begin what is {word} end", "question") for word in ("this", "that", "it")]
    lines += [("a", f"begin it is {word} end", "statement") for word in ("here", "there", "late")]
    lines += [("a", f"begin oh {word} end", "exclamation") for word in ("no", "dear", "yes")]
    nlp, scores = pipeline.train(lines, 20, 0, lines)
    assert scores[-1][0] < scores[0][0] and pipeline.mean_recall(pipeline.confusion(nlp, lines)) == 1.0
    nlp.to_disk(tmp_path / "kind")
    again = pipeline.spacy_pipeline(str(tmp_path / "kind"))
    assert pipeline.said_kind(again, ["begin what is new end", "begin oh my end"]) == ["question", "exclamation"]


def test_02_a_public_pipeline_in_a_folder_is_used_and_a_missing_one_is_said(tagger_folder, capsys):
    pipeline = lesson("02_spacy_pipeline")
    nlp = pipeline.rule_pipeline()
    pipeline.public_half(Namespace(model=str(tagger_folder)), nlp)
    said = capsys.readouterr().out
    assert "tok2vec, tagger, ner" in said or "tagger, ner" in said
    assert "its entities" in said and "tags as gruut's in" in said
    pipeline.public_half(Namespace(model="en_not_there"), nlp)
    assert "NOTE: the spaCy pipeline 'en_not_there' cannot be loaded" in capsys.readouterr().out


# --------------------------------------------------------------------------------------------------------- chunking


def test_03_atoms_hold_numbers_and_names_together():
    cutter = lesson("03_chunking_for_speech")
    assert cutter.atoms("The Queen of Hearts paid one hundred and five pounds at 5 p.m. today.") == [
        "The Queen of Hearts", "paid", "one hundred and five", "pounds", "at", "5 p.m.", "today.",
    ]  # fmt: skip
    assert cutter.atoms("I saw Alice, Mary and Bob.") == ["I", "saw", "Alice,", "Mary", "and", "Bob."]


@pytest.mark.parametrize("limit", [40, 77, 250])
def test_03_no_chunk_is_too_long_and_nothing_is_lost(limit):
    cutter = lesson("03_chunking_for_speech")
    text = cutter.paragraphs("cheshire_cat")
    chunks = cutter.chunks_of(text, limit)
    assert max(len(chunk.text) for chunk in chunks) <= limit
    assert "".join("".join(text).split()) == "".join("".join(chunk.text.split()) for chunk in chunks)
    assert [chunk.cut for chunk in chunks].count("paragraph") == len(text)


def test_03_pauses_follow_the_marks():
    cutter = lesson("03_chunking_for_speech")
    chunks = cutter.chunks_of(["One, two, three, four. Five?", "Six"], 12)
    assert [(chunk.text, chunk.pause) for chunk in chunks] == [
        ("One, two,", 0.12), ("three, four.", 0.35), ("Five?", 0.75), ("Six", 0.75),
    ]  # fmt: skip


def test_03_a_text_of_ones_own_or_a_clear_refusal(tmp_path):
    cutter = lesson("03_chunking_for_speech")
    (tmp_path / "a.txt").write_text("One.\n\nTwo\nthree.\n", encoding="utf-8")
    assert cutter.load(tmp_path / "a.txt") == ["One.", "Two three."]
    (tmp_path / "b.txt").write_text("\n \n")
    for name, reason in (("b.txt", "is empty"), ("c.txt", "cannot be read")):
        with pytest.raises(CourseError, match=reason):
            cutter.load(tmp_path / name)


# --------------------------------------------------------------------------------------------------------- dialogue

CAST = {"Alice": ("she", []), "Hatter": ("he", []), "March Hare": ("he it", [])}


def speakers(text: list[str], cast=CAST) -> list[str]:
    dialogue = lesson("04_dialogue")
    return [quote.speaker for quote in dialogue.attribute(dialogue.find_quotes(text), text, cast)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (['"No," said the Hatter.'], ["Hatter"]),
        (['"No," Alice quietly said. "Never."'], ["Alice", "Alice"]),
        (['The March Hare looked up, and said, "Yes."'], ["March Hare"]),
        (["The Hatter sat down.", '"No," she said.'], ["Alice"]),
        (['The Hatter sat down. "No," he said.'], ["Hatter"]),
        (['"No!" they both cried.'], ["several"]),
        (['"A?" said Alice.', '"B," said the Hatter.', '"C?"', '"D."'], ["Alice", "Hatter", "Alice", "Hatter"]),
        (['"A," said Alice. "B', '"C."'], ["Alice"] * 3),
        (['It was marked "DRINK ME" in red.'], [""]),
    ],
)
def test_04_each_rule_has_its_case(text, wanted):
    assert speakers(text) == wanted


def test_04_aliases_belong_to_the_cast():
    cast = {"Mrs. Bennet": ("she", ["his lady"]), "Mr. Bennet": ("he", [])}
    assert speakers(['"Sir," said his lady to him.', '"Well?"'], cast) == ["Mrs. Bennet", "Mr. Bennet"]


def test_04_parts_are_cast_with_the_narrator_between():
    dialogue = lesson("04_dialogue")
    text = ['"No," said Alice. "Never."']
    quotes = dialogue.attribute(dialogue.find_quotes(text), text, CAST)
    assert dialogue.parts_of(text[0], 0, quotes) == [("Alice", "No"), ("narrator", "said Alice."), ("Alice", "Never.")]


# --------------------------------------------------------------------------------------------------- summarisation


def test_05_textrank_and_rouge_of_what_is_plain():
    summaries = lesson("05_summarisation")
    star = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0.0]])
    rank = summaries.textrank(star)
    assert rank.sum() == pytest.approx(1) and rank[0] > 1.5 * rank[1] and rank[1] == pytest.approx(rank[2])
    assert summaries.textrank(np.zeros((3, 3))) == pytest.approx([1 / 3] * 3)
    assert summaries.rouge_n("The fox.", "the FOX", 1) == 1.0 and summaries.rouge_n("a b", "c d", 1) == 0.0
    assert summaries.rouge_n("a a a", "a b", 1) == pytest.approx(2 / 5)  # what stands twice counts as often as in both
    assert summaries.rouge_l("a b c d", "a c b d") == pytest.approx(3 / 4)
    assert summaries.rouge_n("", "a", 1) == summaries.rouge_l("", "a") == 0.0


def test_05_a_recast_fable_has_others_in_text_and_title():
    summaries = lesson("05_summarisation")
    for title, text in summaries.fables():
        new_text, new_title = summaries.recast(text, title, np.random.default_rng(1))
        assert new_title != title and all(name in new_text for name in summaries.roles(new_title)), title
        assert "@" not in new_text


def test_05_summarisers_of_two_families_come_from_folders_and_write(tmp_path, capsys):
    transformers = pytest.importorskip("transformers")
    summaries = lesson("05_summarisation")
    tokenizer = summaries.make_tokenizer(["The Fox ran. The Fox hid.", "The Crow sang. The Crow flew."])
    t5 = transformers.T5ForConditionalGeneration(transformers.T5Config(
        vocab_size=len(tokenizer), d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, pad_token_id=0,
        eos_token_id=2, decoder_start_token_id=0,
    ))  # fmt: skip
    stories = [("A Fox ran.", "The Fox and the Crow")]
    for name, model in (("bart", summaries.make_model(len(tokenizer))), ("t5", t5)):
        summaries.hf_utils.save_model(tmp_path / name, model, tokenizer)
        loaded, same_tokenizer = summaries.load_summariser(tmp_path / name)
        assert (
            loaded.config.model_type == name
            and same_tokenizer("The Fox")["input_ids"] == tokenizer("The Fox")["input_ids"]
        )
        assert isinstance(summaries.summarise(loaded, same_tokenizer, ["A Fox ran. " * 80], 5)[0], str)
        summaries.public_half(Namespace(model=str(tmp_path / name), quick=False), "cpu", stories)
        assert "ROUGE-1 with the titles" in capsys.readouterr().out
    with pytest.raises(CourseError, match="cannot be loaded as AutoModelForSeq2SeqLM"):
        (tmp_path / "empty").mkdir()
        summaries.load_summariser(tmp_path / "empty")


def test_05_without_a_network_the_small_model_stands_alone(capsys):
    summaries = lesson("05_summarisation")
    summaries.public_half(Namespace(model="owner/never-fetched", quick=False), "cpu", [])
    assert "forbids downloads. The small model above stands alone." in capsys.readouterr().out


def test_05_two_names_are_read_off():
    summaries = lesson("05_summarisation")
    assert summaries.by_names("A Crow saw a Fox. The Crow sang.") == "The Crow and the Fox"


# --------------------------------------------------------------------------------------- homographs and emphasis


def test_06_tags_and_neighbours_decide():
    sounds = lesson("06_homographs_and_emphasis")
    assert sounds.by_tag("read", "I read it.", lambda tokens: ["PRP", "VBD", "PRP", "."]) == "red"
    assert sounds.by_tag("read", "I read it.", lambda tokens: ["PRP", "VBP", "PRP", "."]) == "reed"
    assert sounds.by_neighbours("row", "They had a terrible row.") == "rau"
    assert sounds.by_neighbours("row", "A row of lamps.") == "roh"
    assert sounds.commoner("bow", "") == "boh"


def test_06_every_line_of_the_list_holds_its_word_and_a_known_reading():
    sounds = lesson("06_homographs_and_emphasis")
    rows = sounds.read_table("homographs")
    assert all(word in map(str.lower, sounds.tokens_of(sentence)) for word, _, _, sentence in rows)
    for word, readings in sounds.SOUNDS.items():
        for part in ("tune", "test"):
            said = {row[1] for row in rows if row[0] == word and row[2] == part}
            assert said <= set(readings) and said, (word, part)
        assert {row[1] for row in rows if row[0] == word} == set(readings)
        assert set(sounds.BY_TAG[word].values()) <= set(readings)
        assert {reading for _, reading in sounds.NEIGHBOURS.get(word, [])} <= set(readings)


def test_06_a_public_tagger_from_a_folder(tagger_folder, capsys):
    sounds = lesson("06_homographs_and_emphasis")
    tagger = sounds.public_tagger(str(tagger_folder))
    assert tagger(["Alice", "read", "it", "."]) == ["NNP", "VBD", "PRP", "."]
    assert sounds.public_tagger("en_not_there") is None
    assert "gruut's tags stand alone" in capsys.readouterr().out


def test_06_italics_are_labels_and_the_default_is_the_last_content_word():
    sounds = lesson("06_homographs_and_emphasis")
    sentences = sounds.stressed_sentences(("tea_party",))
    assert (["There's", "plenty", "of", "room", "!"], {1}) in sentences
    assert sounds.last_content_word(["There's", "plenty", "of", "room", "!"]) == 3
    assert sounds.emphasised(["There's", "plenty", "of", "room", "!"]) == 1
