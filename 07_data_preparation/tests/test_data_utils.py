"""The helpers of module 07: sentences with their texts, stretches of speech, manifests, the practice server."""

from __future__ import annotations

import tarfile
import urllib.request
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]
data_utils = load_script(MODULE / "data_utils.py")
Row = data_utils.Row
RATE = data_utils.SAMPLE_RATE


def settings(out: Path, **changes) -> Namespace:
    return Namespace(**{"quick": True, "seed": 0, "device": "auto", "out": out} | changes)


def bursts(*places: tuple[float, float], seconds: float, noise: float = 1e-4) -> np.ndarray:
    """A buzz at some places of a quiet room."""
    t = np.arange(round(seconds * RATE)) / RATE
    on = sum(((start <= t) & (t < end)).astype(float) for start, end in places)
    return (0.2 * on * np.sin(2 * np.pi * 150 * t) + noise * np.random.default_rng(0).normal(size=len(t))).astype("f4")


@pytest.fixture
def synthetic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No recordings, and a voice that buzzes instead of the starter voice, which takes seconds to load."""
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path / "no data"))
    monkeypatch.setattr(data_utils.audio_utils, "_speak", lambda voice, text: bursts((0, 2), seconds=2.0))


def test_without_data_there_are_ten_sentences_with_their_texts(synthetic, tmp_path):
    asked = settings(tmp_path, quick=False)
    readings = data_utils.load_readings(asked, 24)
    assert asked.quick is True and len(readings) == 10 == len({reading.text for reading in readings})
    assert readings[3].text == data_utils.audio_utils.STAND_IN_TEXTS[3]
    assert all(reading.sample_rate == RATE and reading.seconds > 2.5 for reading in readings)


def test_real_sentences_come_with_the_text_that_is_said_in_them(mirror, tmp_path):
    readings = data_utils.load_readings(settings(tmp_path), 3)
    assert [reading.name for reading in readings] == ["LJ001-0001", "LJ001-0003", "LJ001-0004"]
    assert readings[0].text.startswith("Printing, in the only sense with which we are at present concerned")
    assert {reading.sample_rate for reading in readings} == {RATE}


def test_a_room_is_as_loud_as_the_quietest_frames():
    waveform = bursts((0.3, 1.0), seconds=1.3, noise=1e-3)
    longer = data_utils.with_room(waveform, np.random.default_rng(1), 0.5)
    assert len(longer) == len(waveform) + RATE and np.array_equal(longer[RATE // 2 : -RATE // 2], waveform)
    assert data_utils.decibels(data_utils.rms(longer[: RATE // 2])) == pytest.approx(-60, abs=1.5)


@pytest.mark.parametrize(
    ("min_pause", "wanted"), [(0.1, [(0.5, 1), (1.3, 2), (3, 4)]), (0.5, [(0.5, 2), (3, 4)]), (2, [(0.5, 4)])]
)
def test_stretches_are_joined_over_short_pauses(min_pause, wanted):
    waveform = bursts((0.5, 1), (1.3, 2), (3, 4), seconds=4.5)
    found = data_utils.speech_stretches(waveform, min_pause)
    assert np.array(found) == pytest.approx(np.array(wanted), abs=0.03)


def test_a_manifest_comes_back_as_it_was_with_marks_of_every_kind(tmp_path):
    rows = [Row("a", '"Stop.', '"Stop.'), Row("b", "In 1865, so?", "In eighteen sixty-five, so?"), Row("c", "x;", "x")]
    data_utils.write_manifest(tmp_path, rows)
    assert data_utils.read_manifest(tmp_path) == rows
    assert (tmp_path / "metadata.csv").read_bytes().count(b"\n") == 3


def test_a_windows_editor_and_two_cells_are_understood(tmp_path):
    (tmp_path / "metadata.csv").write_bytes("\ufeffa|one\r\n\r\nb|two|2\r\n".encode())
    assert data_utils.read_manifest(tmp_path) == [Row("a", "one", "one"), Row("b", "two", "2")]


@pytest.mark.parametrize("cell", ["a|b", "a\nb", "a\rb"])
def test_what_the_form_cannot_hold_is_refused_before_anything_is_written(tmp_path, cell):
    with pytest.raises(CourseError, match="separate cells and lines"):
        data_utils.write_manifest(tmp_path, [Row("x", cell, "y")])
    assert not list(tmp_path.iterdir())


def test_a_damaged_or_missing_manifest_is_named(tmp_path):
    with pytest.raises(CourseError, match="does not exist"):
        data_utils.read_manifest(tmp_path)
    (tmp_path / "metadata.csv").write_text("a|b\njust words\n")
    with pytest.raises(CourseError, match="line 2 has 1 cells"):
        data_utils.read_manifest(tmp_path)


def reading(name: str, text: str):
    return data_utils.Reading(name, "me", bursts((0.4, 1.4), seconds=1.8), RATE, text)


def test_a_corpus_has_a_file_for_each_line(tmp_path):
    rows = data_utils.write_corpus(tmp_path, [reading("a", "One."), reading("b", "Two.")])
    assert rows == [Row("a", "One.", "One."), Row("b", "Two.", "Two.")] == data_utils.read_manifest(tmp_path)
    assert sorted(path.name for path in (tmp_path / "wavs").iterdir()) == ["a.wav", "b.wav"]


# ------------------------------------------------------------------------------------------------- the server


def test_the_server_hangs_up_where_told_and_knows_ranges():
    server_module = load_script(MODULE / "practice_server.py")
    content = bytes(range(200)) * 5
    with server_module.serving(content) as server:
        assert urllib.request.urlopen(server.address + "/x").read() == content
        request = urllib.request.Request(server.address + "/x", headers={"Range": "bytes=990-"})
        with urllib.request.urlopen(request) as answer:
            assert (answer.status, answer.read()) == (206, content[990:])
        server.hang_up_at = 300
        with urllib.request.urlopen(server.address + "/x") as answer:
            assert answer.read1(10_000)[:300] == content[:300]
        assert server.asked == [("", 1000), ("bytes=990-", 10), ("", 300)]


def test_the_small_archive_has_the_layout_of_the_real_one(tmp_path):
    server_module = load_script(MODULE / "practice_server.py")
    path = tmp_path / "a.tar.gz"
    path.write_bytes(server_module.small_archive([reading("a", "One."), reading("b", "Two."), reading("c", "Three.")]))
    with tarfile.open(path) as tar:
        names = tar.getnames()
    assert "LibriTTS/speakers.tsv" in names and "LibriTTS/dev-clean/9002/102/9002_102.trans.tsv" in names
    clips = [name for name in names if name.endswith(".wav")]
    assert len(clips) == 6 and "LibriTTS/dev-clean/9001/101/9001_101_000001_000000.wav" in clips
    for clip in clips:
        assert {clip.replace(".wav", f".{kind}.txt") for kind in ("original", "normalized")} <= set(names)
