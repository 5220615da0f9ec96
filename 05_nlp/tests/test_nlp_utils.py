"""The helpers of module 05: texts and tables, counting, tags, pipelines in folders."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

nlp_utils = load_script(Path(__file__).resolve().parents[1] / "nlp_utils.py")


def test_a_text_comes_in_paragraphs_with_or_without_italics():
    plain, marked = nlp_utils.paragraphs("tea_party"), nlp_utils.paragraphs("tea_party", italics=True)
    assert len(plain) == len(marked) > 100
    assert "There's plenty of room!" in plain[1] and "There's _plenty_ of room!" in marked[1]
    with pytest.raises(CourseError, match="there is no text 'hamlet'") as caught:
        nlp_utils.paragraphs("hamlet")
    assert "tea_party" in caught.value.hint


def test_every_text_has_its_source_and_every_source_its_text():
    sources = (nlp_utils.TEXTS / "SOURCES.md").read_text(encoding="utf-8")
    files = {path.name for path in nlp_utils.TEXTS.iterdir()} - {"SOURCES.md"}
    assert files and {name for name in files if f"]({name})" not in sources} == set()


def test_fables_have_titles_of_one_form_and_their_roles_in_the_text():
    fables = nlp_utils.fables()
    assert len(fables) == 55 == len({title for title, _ in fables})
    for title, text in fables:
        first, second = title.removeprefix("The ").split(" and the ")
        assert title.startswith("The ") and len(text) > 100
        assert all(name.rstrip("s") in text for name in (first, second)), title


def test_lines_to_classify_hide_their_marks():
    lines = nlp_utils.labelled_lines()
    assert {group for group, *_ in lines} == {"carroll", "stage", "tales", "fables"}
    assert all(set(text) <= set("abcdefghijklmnopqrstuvwxyz' ") for _, text, _ in lines)
    assert ("stage", "begin to be or not to be that is the question end", "statement") in lines
    assert ("carroll", "begin why is a raven like a writing desk end", "question") in lines


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("J. R. Smith", "JR Smith", True),
        ("one hundred and five", "one hundred five", True),
        ("It's five, please!", "its Five please", True),
        ("twenty-one", "twenty one", True),
        ("five dollars", "five dollar", False),
    ],
)
def test_folding_keeps_what_is_heard(one, other, same):
    assert (nlp_utils.folded(one) == nlp_utils.folded(other)) is same


def test_counting_what_was_found():
    assert nlp_utils.precision_recall({1, 2, 3}, {2, 3, 4, 5}) == (2 / 3, 1 / 2)
    assert nlp_utils.precision_recall(set(), set()) == (1.0, 1.0)
    assert nlp_utils.precision_recall(set(), {1}) == (0.0, 0.0) and nlp_utils.precision_recall({1}, set()) == (0.0, 1.0)
    assert nlp_utils.f1(1.0, 0.5) == pytest.approx(2 / 3) and nlp_utils.f1(0.0, 0.0) == 0.0
    assert nlp_utils.mean_recall(np.array([[8, 0], [2, 0]])) == 0.5
    assert nlp_utils.mean_recall(np.array([[3, 1], [0, 0]])) == pytest.approx(0.375)


def test_tags_tell_verbs_from_nouns():
    assert nlp_utils.tags_of(["I", "record", "the", "record", "."])[1][:2] == "VB"
    assert nlp_utils.tags_of(["I", "record", "the", "record", "."])[3] == "NN"
    assert nlp_utils.tags_of([]) == []


def test_a_pipeline_that_is_not_there_is_named_with_the_repair(tmp_path):
    for name in ("no_such_pipeline", str(tmp_path)):
        with pytest.raises(CourseError, match="cannot be loaded") as caught:
            nlp_utils.spacy_pipeline(name)
        assert "spacy download" in caught.value.hint


def test_a_gpu_is_refused_and_the_reason_is_printed(capsys):
    with pytest.raises(CourseError, match="--device cuda cannot be used: rules"):
        nlp_utils.prepare(Namespace(device="cuda", seed=0), "rules")
    nlp_utils.prepare(Namespace(device="auto", seed=0), "rules")
    assert "device cpu, dtype float32: rules" in capsys.readouterr().out
