"""One long phone recording: cut at pauses, matched to the prompts, every stretch of speech accounted for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voice_pipeline.audio import encode
from voice_pipeline.errors import PipelineError
from voice_pipeline.phone_takes import check_accounted
from voice_pipeline.preprocessing import preprocess
from voice_pipeline.prompts import Prompt, write_prompts
from voice_pipeline.recording import import_folder
from voice_pipeline.slicing import slice_recording
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

from .synthetic_speech import speech

RATE = 24_000
TEXTS = (
    "The yellow bird sang over the water.",
    "He put seven heavy boxes in the small house.",
    "Where did your father leave the garden key?",
)
PROMPTS = tuple(Prompt(f"short_{n:02d}", text, "test") for n, text in enumerate(TEXTS, 1))


def recording(*seconds: float) -> np.ndarray:
    """Stretches of babble with a second of silence between."""
    return np.concatenate([speech(length, seed=n, margin=0.5) for n, length in enumerate(seconds)])


def hears(*sentences: str):
    """A recogniser that knows what was said in each stretch."""
    left = list(sentences)
    return lambda waveform, rate: left.pop(0)


def test_in_order_with_a_repeat_a_cough_and_one_left_out():
    heard = hears(TEXTS[0].lower(), "um sorry", "he put seven heavy socks in the house", TEXTS[1].lower())
    slices = slice_recording(recording(2.4, 1.0, 3.0, 3.0), RATE, PROMPTS, heard)
    assert [(piece.prompt and piece.prompt.prompt_id, piece.rule) for piece in slices] == [
        ("short_01", None), (None, "matches_no_prompt"), ("short_02", "repeated_take"), ("short_02", None),
    ]  # fmt: skip
    assert all(before.end <= after.start for before, after in zip(slices, slices[1:], strict=False))


def test_a_prompt_read_with_a_long_pause_is_put_together():
    slices = slice_recording(
        recording(1.4, 1.4, 2.6), RATE, PROMPTS, hears("he put seven heavy", "boxes in the small house", TEXTS[2])
    )
    assert [piece.prompt.prompt_id for piece in slices if piece.prompt] == ["short_02", "short_03"]
    assert slices[0].heard == "he put seven heavy boxes in the small house"


def test_out_of_order_and_nothing_at_all():
    slices = slice_recording(recording(2.6, 2.4), RATE, PROMPTS, hears(TEXTS[2], TEXTS[0]))
    assert [piece.prompt.prompt_id for piece in slices if piece.prompt] == ["short_03", "short_01"]
    assert slice_recording(np.zeros(RATE, np.float32), RATE, PROMPTS, hears()) == []


@pytest.fixture
def folder(tmp_path) -> VoiceFolder:
    voice = VoiceFolder(tmp_path / "home", "ann").create()
    write_prompts(voice.root / "prompts.txt", PROMPTS)
    return voice


def given(tmp_path: Path, **recordings: np.ndarray) -> Path:
    source = tmp_path / "phone"
    source.mkdir()
    for name, waveform in recordings.items():
        (source / f"{name}.m4a").write_bytes(encode(waveform, RATE, "aac"))
    return source


def test_a_long_file_becomes_takes_and_every_piece_is_in_the_ledger(folder, tmp_path):
    source = given(tmp_path, session=recording(2.4, 1.0, 3.0, 3.0))
    heard = hears(TEXTS[0], "what was that", "he put heavy boxes in house", TEXTS[1])
    report = import_folder(folder, source, listen=heard)
    assert report.sliced == {"session.m4a": 4} and report.given == 4
    rows = {row["id"]: row for row in read_jsonl(folder.manifest)}
    assert {"short_01", "short_02"} < rows.keys() and rows["short_02"]["text"] == TEXTS[1]
    assert {row["part_of"] for row in rows.values()} == {"session.m4a"}
    again = import_folder(folder, source, listen=hears())  # nothing is listened to twice
    assert again.given == 4 and again.unchanged == ["session.m4a"]
    result = preprocess(folder, allow_few=True)
    found = {row["id"]: [reason["rule"] for reason in row["reasons"]] for row in result.rows}
    assert len(result.rows) == 4 and found["short_01"] == found["short_02"] == []
    assert sorted(rules[0] for rules in found.values() if rules) == ["matches_no_prompt", "repeated_take"]
    assert result.rows[0]["measurements"]["source_codec"] == "aac"


def test_changed_long_files_are_cut_anew(folder, tmp_path):
    source = given(tmp_path, session=recording(2.4, 3.0))
    import_folder(folder, source, listen=hears(TEXTS[0], TEXTS[1]))
    (source / "session.m4a").write_bytes(encode(recording(2.4, 3.1), RATE, "aac"))
    report = import_folder(folder, source, listen=hears(TEXTS[0], TEXTS[2]))
    assert report.given == 2
    assert {row["text_from"] for row in read_jsonl(folder.manifest)} == {"short_01", "short_03"}
    assert sorted(path.name for path in folder.raw.glob("*.wav")) == ["short_01.wav", "short_03.wav"]


def test_files_whose_names_say_nothing(folder, tmp_path):
    source = given(
        tmp_path, REC_A=recording(2.6), REC_B=recording(2.4), REC_C=speech(2.2, seed=9), REC_D=recording(2.5)
    )
    heard = hears(TEXTS[2], "nobody knows any of it", TEXTS[0], "the bird sang over water")
    report = import_folder(folder, source, listen=heard)
    rows = {row["given"]: row for row in read_jsonl(folder.manifest)}
    assert rows["REC_A.m4a"]["text"] == TEXTS[2] and rows["REC_C.m4a"]["text"] == TEXTS[0]
    assert report.without_text == ["REC_B.m4a"] and report.given == 4
    assert rows["REC_D.m4a"]["set_aside"]["rule"] == "repeated_take" and rows["REC_C.m4a"]["set_aside"] is None


def test_the_import_counts():
    check_accounted(["a", "b"], [{"given": "a"}, {"given": "b 0-1", "part_of": "b"}])
    with pytest.raises(PipelineError, match="the import lost b"):
        check_accounted(["a", "b"], [{"given": "a"}])
