"""Listening to the set, the list of what to record again, and the page for people."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from voice_pipeline import listening
from voice_pipeline.ledger_page import page, re_record_list, to_record_again
from voice_pipeline.preprocessing import preprocess
from voice_pipeline.recording import import_folder
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

from .synthetic_speech import write_takes

LENGTHS = [2.0, 2.2, 2.4, 2.6, 2.8, 3.0]


@pytest.fixture
def folder(tmp_path) -> VoiceFolder:
    write_takes(tmp_path / "given", LENGTHS)
    voice = VoiceFolder(tmp_path / "home", "ann")
    import_folder(voice, tmp_path / "given")
    return voice


@pytest.fixture
def ears(monkeypatch):
    """Replace the models: a list of (speaker vector, words or None for the right ones), by order of clips."""

    def set_ears(answers: dict[str, tuple[np.ndarray, str | None]]) -> list[str]:
        calls: list[str] = []

        def listen_to(folder, row):
            calls.append(row["id"])
            vector, heard = answers.get(row["id"], (np.eye(256)[0], None))
            words = row["text"] if heard is None else heard
            return {"clip_sha256": row["clip_sha256"], "heard": words, "embedding": vector.tolist()}

        monkeypatch.setattr(listening, "_listen_to", listen_to)
        return calls

    return set_ears


def rules(result) -> dict[str, list[str]]:
    return {row["id"]: [reason["rule"] for reason in row["reasons"]] for row in result.rows if row["reasons"]}


def test_another_speaker_and_other_words_are_rejected(folder, ears):
    ears({"take_01": (np.eye(256)[7], None), "take_04": (np.eye(256)[0], "nothing that stands there")})
    result = preprocess(folder, allow_few=True, listening=True)
    assert rules(result) == {"take_01": ["another_speaker"], "take_04": ["other_words"]}
    assert not (folder.clips / "take_01.wav").exists() and len(result.rows) == 6
    assert len(folder.metadata.read_text().splitlines()) == 4
    measured = result.rows[0]["measurements"]
    assert measured["prompt_match"] == 1.0 and measured["similarity_to_rest"] > 0.9


WHAT_IS_ASKED = {
    "loudness_lufs", "true_peak_dbtp", "peak_dbfs", "clipped_share", "snr_db", "noise_floor_dbfs", "leading_silence",
    "trailing_silence", "inner_silence", "longest_pause", "duration", "clip_duration", "characters_per_second",
    "source_sample_rate", "source_codec", "source_container", "similarity_to_rest", "prompt_match",
}  # fmt: skip


def test_every_line_holds_every_figure_and_every_reason_its_value_limit_and_repair(folder, ears):
    ears({"take_01": (np.eye(256)[7], None), "take_04": (np.eye(256)[0], "nothing that stands there")})
    preprocess(folder, allow_few=True, listening=True)
    rows = read_jsonl(folder.ledger)
    for row in rows:
        assert {name for name in WHAT_IS_ASKED if row["measurements"].get(name) is None} == set(), row["id"]
    reasons = [reason for row in rows for reason in row["reasons"]]
    assert len(reasons) == 2
    for reason in reasons:
        assert reason.keys() == {"rule", "value", "limit", "repair"} and reason["repair"].endswith(".")
        assert reason["value"] < reason["limit"]


def test_a_clip_is_listened_to_once_and_judged_anew(folder, ears):
    calls = ears({"take_01": (np.eye(256)[7], None)})
    preprocess(folder, allow_few=True, listening=True)
    assert len(calls) == 6
    again = preprocess(folder, allow_few=True, listening=True)
    assert len(calls) == 6 and rules(again) == {"take_01": ["another_speaker"]}


def test_a_voice_nobody_understands_is_not_judged_by_its_words(folder, ears):
    ears({f"take_0{n}": (np.eye(256)[0], "zzz") for n in range(6)})
    result = preprocess(folder, allow_few=True, listening=True)
    assert not rules(result) and "the words of the clips were not checked" in result.notes[0]
    assert "were not checked" in (folder.reports / "ledger.html").read_text()


def test_real_models_tell_two_people_apart(mirror, tmp_path):
    import shutil

    source = tmp_path / "given"
    source.mkdir()
    texts = {}
    for line in (mirror / "ljspeech" / "LJSpeech-1.1" / "metadata.csv").read_text().splitlines():
        name, *cells = line.split("|")
        path = mirror / "ljspeech" / "LJSpeech-1.1" / "wavs" / f"{name}.wav"
        if path.is_file() and len(cells[-1]) < 75 and len(texts) < 5:
            shutil.copy(path, source)
            texts[name] = cells[-1]
    names = list(texts)
    texts[names[1]], texts[names[2]] = texts[names[2]], texts[names[1]]  # two texts changed places
    stranger = sorted((mirror / "vctk" / "VCTK-Corpus" / "wav48").rglob("*.wav"))[0]
    shutil.copy(stranger, source)
    spoken = mirror / "vctk" / "VCTK-Corpus" / "txt" / stranger.parent.name / f"{stranger.stem}.txt"
    texts[stranger.stem] = spoken.read_text().strip()
    (source / "metadata.csv").write_text("".join(f"{name}|{text}\n" for name, text in texts.items()))
    voice = VoiceFolder(tmp_path / "home", "mixed")
    import_folder(voice, source)
    found = rules(preprocess(voice, allow_few=True, listening=True))
    swapped = {*found[names[1]], *found[names[2]]}
    assert found[names[1]] and found[names[2]] and "other_words" in swapped
    assert "another_speaker" in found[stranger.stem]
    assert names[0] not in found and names[3] not in found


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "rect", "polygon", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in ("rect", "polygon"):
            return
        assert self.open.pop() == tag


def test_the_page_holds_everything_and_needs_nothing(folder, ears):
    ears({"take_01": (np.eye(256)[7], None)})
    result = preprocess(folder, allow_few=True, listening=True)
    written = (folder.reports / "ledger.html").read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|<script|@import|url\(", written)
    parser = Page()
    parser.feed(written)
    assert parser.open == []
    articles = [attributes["id"] for tag, attributes in parser.tags if tag == "article"]
    assert sorted(articles) == sorted(f"clip-{row['id']}" for row in result.rows)
    drawings = [attributes for tag, attributes in parser.tags if tag == "svg"]
    assert len(drawings) == 6
    assert all(drawing["role"] == "img" and "Waveform" in drawing["aria-label"] for drawing in drawings)
    assert {attributes["href"][1:] for tag, attributes in parser.tags if tag == "a"} == {"clip-take_01"}
    assert "6 recordings given = 5 accepted + 1 rejected" in written
    assert dict(parser.tags)["html"] == {"lang": "en"}


def test_names_from_outside_cannot_break_the_page():
    row = {
        "id": "x", "file": "<script>alert(1)</script>.wav", "status": "rejected", "text": "a & b's \"c\"", "clip": None,
        "reasons": [{"rule": "unreadable", "value": "<b>", "limit": None, "repair": "Copy it again."}],
        "measurements": {},
    }  # fmt: skip
    written = page("ann", [row])
    assert "<script" not in written and "<b>" not in written and "a &amp; b&#x27;s" in written


def test_the_re_record_list(folder, ears):
    ears({"take_02": (np.eye(256)[0], "other words in here entirely")})
    preprocess(folder, allow_few=True, listening=True)
    lines = (folder.reports / "re_record.txt").read_text().splitlines()
    assert len(lines) == 2 and lines[1].startswith("take_02|2 the small dog") and "other_words" in lines[1]
    rows = read_jsonl(folder.ledger)
    spare = {**rows[2], "id": "spare", "status": "accepted", "reasons": []}
    assert to_record_again([*rows, spare]) == []  # another take of the sentence is good
    assert re_record_list([]).startswith("#")
