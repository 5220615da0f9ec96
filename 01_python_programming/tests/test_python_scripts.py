"""The seven scripts: main() called small, and the claims each lesson makes, checked one by one."""

from __future__ import annotations

import csv
import json
import logging
import os
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile

from coursekit.course.modules import load_script
from coursekit.errors import CourseError
from coursekit.expectations import check

FOLDER = Path(__file__).resolve().parents[1]


def load(number: str) -> ModuleType:
    return load_script(next(FOLDER.glob(f"{number}_*.py")))


def settings(script: ModuleType, tmp_path: Path, *arguments: str) -> Namespace:
    parsed = script.PARSER.parse_args(["--quick", *arguments])
    parsed.out = tmp_path
    return parsed


@pytest.mark.parametrize("number", ["01", "02", "03", "04", "05", "06"])
def test_a_quick_main_is_as_expected(number, tmp_path):
    script = load(number)
    outcomes = check(script.main(settings(script, tmp_path)), script.EXPECTED, quick=True)
    assert outcomes and not [outcome.describe() for outcome in outcomes if not outcome.passed]


def test_01_words_and_counts_by_hand_are_the_librarys():
    script = load("01")
    text = 'A daisy-chain, "Oh dear!" (said\nAlice) - a!'
    assert script.words_by_hand(text) == ["a", "daisy-chain", "oh", "dear", "said", "alice", "-", "a"]
    assert script.count_by_hand(list("abca")) == Counter("abca")


def test_01_own_text_stands_beside_alice(tmp_path, capsys):
    script = load("01")
    (tmp_path / "mine.txt").write_text("One two. Three!", encoding="utf-8")
    values = script.main(settings(script, tmp_path, "--text", str(tmp_path / "mine.txt")))
    assert values["words"] == 57
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["words", "57", "3"] in rows and ["Alice", "mine"] in rows


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b"12 34 ..."])
def test_01_an_own_text_that_is_none_is_refused(tmp_path, content):
    script = load("01")
    if content is not None:
        (tmp_path / "mine.txt").write_bytes(content)
    with pytest.raises(CourseError, match="mine.txt") as caught:
        script.main(settings(script, tmp_path, "--text", str(tmp_path / "mine.txt")))
    assert caught.value.hint


@pytest.mark.parametrize("longest", [20, 33, 60, 250, 1000])
def test_02_pieces_keep_every_character_and_the_limit(longest):
    script = load("02")
    pieces = list(script.pieces_of(script.NARRATION, longest))
    assert max(map(len, pieces)) <= longest
    assert "".join("".join(pieces).split()) == "".join(script.NARRATION.split())
    assert " ".join(pieces).split() == script.NARRATION.split()  # and cuts no word


@pytest.mark.parametrize(
    "sentence", [", oh, dear", "a:b,c d; e", "1,000 clips: all of them", ",;:", '"Well," said he, "no."']
)
def test_02_odd_punctuation_is_not_lost(sentence):
    assert "".join("".join(load("02").cut_at_commas(sentence, 20)).split()) == "".join(sentence.split())


def test_02_refuses_a_limit_shorter_than_words(tmp_path):
    script = load("02")
    with pytest.raises(CourseError, match="--longest 5"):
        script.main(settings(script, tmp_path, "--longest", "5"))


def test_02_the_decorator_keeps_the_name_and_counts():
    script = load("02")
    assert script.cut_at_commas.__name__ == "cut_at_commas"
    before = script.cut_at_commas.calls
    script.cut_at_commas("a, b", longest=20)
    assert script.cut_at_commas.calls == before + 1


def test_02_main_twice_shows_the_same(tmp_path, capsys):
    script = load("02")
    script.main(settings(script, tmp_path))
    first = capsys.readouterr().out
    script.main(settings(script, tmp_path))
    assert capsys.readouterr().out == first  # the list that remembers is emptied again


def test_03_the_manifest_is_read_by_others(tmp_path):
    script = load("03")
    script.main(settings(script, tmp_path))
    with open(tmp_path / "manifest.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "manifest.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["text"] for row in rows] == [line["text"] for line in lines]
    for line in lines:
        info = soundfile.info(tmp_path / line["file"])
        assert (info.samplerate, round(info.duration, 3)) == (line["sample_rate"], line["seconds"])
    assert not list(tmp_path.glob("crash_*")) and not list(tmp_path.glob("*.tmp"))


def test_03_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    script = load("03")
    (tmp_path / "x.txt").write_text("old")
    with pytest.raises(KeyError), script.atomic(tmp_path / "x.txt") as temporary:
        temporary.write_text("new, half")
        raise KeyError
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.txt", "old")]


def test_03_fewer_clips_leave_none_of_an_earlier_run(tmp_path):
    script = load("03")
    script.write_wav(tmp_path / "clips" / "alice_05.wav", np.zeros(10))
    script.main(settings(script, tmp_path))
    assert sorted(path.name for path in (tmp_path / "clips").iterdir()) == ["alice_01.wav", "alice_02.wav"]


def test_04_effects_leave_the_clip_they_were_given():
    script = load("04")
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, 2400).astype(np.float32)
    clip = script.AudioClip(waveform.copy(), 24_000, "noise")
    after = script.apply([script.Fade(), script.Echo(), script.Normalise(-6.0)], clip)
    np.testing.assert_array_equal(clip.waveform, waveform)
    assert len(after) == 2400 + 6000 and after.text == "noise"
    assert script.peak_dbfs(after.waveform) == pytest.approx(-6.0, abs=1e-4)
    assert after.waveform[0] == 0 and after.waveform.dtype == np.float32


def test_04_a_fade_of_no_length_changes_nothing():
    script = load("04")
    clip = script.AudioClip(np.ones(100, np.float32))
    np.testing.assert_array_equal(script.Fade(seconds=0)(clip).waveform, clip.waveform)


def test_04_two_reels_do_not_share_their_clips():
    script = load("04")
    first, second = script.Reel(), script.Reel()
    first.add(script.AudioClip(np.zeros(10, np.float32)))
    assert len(first.clips) == 1 and not second.clips
    with pytest.raises(CourseError, match="empty reel"):
        second.joined()
    with pytest.raises(CourseError, match="0 Hz"):
        script.AudioClip(np.zeros(10), 0)


def test_05_levels_by_loop_and_by_numpy_are_equal_also_at_the_edges():
    script = load("05")
    rng = np.random.default_rng(1)
    for samples in (480, 481, 719, 720, 721, 3000):
        waveform = rng.normal(0, 0.1, samples).astype(np.float32)
        by_loop, vectorised = script.levels_by_loop(waveform), script.levels_vectorised(waveform)
        assert len(by_loop) == len(vectorised) == 1 + (samples - 480) // 240
        np.testing.assert_allclose(by_loop, vectorised, atol=1e-6)
    assert script.levels_vectorised(np.zeros(480, np.float32)).tolist() == [-120]


def test_05_spectrum_against_scipy():
    from scipy.signal import find_peaks

    script = load("05")
    tone = script.sine(300, 2.0, 0.3) + script.sine(330, 2.0, 0.4)
    frequencies, levels, peaks = script.spectrum_peaks(tone, 24_000)
    found, _ = find_peaks(levels, height=0.5 * levels.max())
    assert peaks.tolist() == frequencies[found].tolist() == [300, 330]


@pytest.mark.parametrize("difference", [1, 4, 10])
def test_05_beats_are_counted(difference):
    script = load("05")
    tones = script.sine(440, 2.0, 0.4) + script.sine(440 + difference, 2.0, 0.4)
    assert script.count_beats(tones, 24_000) == 2 * difference


def test_05_refuses_a_tone_that_does_not_beat(tmp_path):
    script = load("05")
    with pytest.raises(CourseError, match="--second 900"):
        script.main(settings(script, tmp_path, "--second", "900"))


def test_06_every_rejected_file_has_its_reason_and_repair(tmp_path):
    script = load("06")
    script.main(settings(script, tmp_path))
    with open(tmp_path / "rejected.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["reason"] for row in rows] == ["TooShort", "Silent", "Clipped", *["Unreadable"] * 3]
    assert all(row["repair"] for row in rows)
    # pytest adds handlers of its own, of kinds of its own
    assert not [each for each in script.log.handlers if type(each) in (logging.FileHandler, logging.StreamHandler)]


def test_06_a_mistake_of_our_own_is_not_swallowed(monkeypatch, tmp_path):
    script = load("06")
    monkeypatch.setattr(script, "check_recording", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        script.take_in([tmp_path / "x.wav"])


def test_06_frame_count_is_librosas():
    import librosa

    script = load("06")
    for samples in (480, 481, 720, 1000):
        frames = librosa.util.frame(np.zeros(samples), frame_length=480, hop_length=240)
        assert script.frame_count(samples, 480, 240) == frames.shape[1]


def test_07_loop_and_numpy_find_the_pitch(tmp_path):
    script = load("07")
    for path, pitch in zip(script.make_clips(tmp_path, [100, 200]), (100, 200), strict=True):
        assert script.pitch_by_loop(path) == pytest.approx(0.96 * pitch, rel=0.06)
        assert script.pitch_by_numpy(path) == pytest.approx(0.96 * pitch, rel=0.06)


def test_07_all_ways_find_the_same(tmp_path, monkeypatch):
    """Small: few windows, short waits, one round. The real ratios are the script's own expectations."""
    script = load("07")
    monkeypatch.syspath_prepend(str(FOLDER))  # a started process imports the script by its name
    monkeypatch.setattr(script, "WAIT", 0.01)
    monkeypatch.setattr(script, "LOOP_WINDOWS", 1)
    paths = script.make_clips(tmp_path, [100, 200])
    ratios, found, start_up = script.measure(paths, rounds=1)
    assert set(ratios) == set(found) == {"waiting", "Python loop", "NumPy"} and start_up > 0
    for results in (found["waiting"], found["NumPy"]):
        assert len(results) == 4 and all(result == results[0] for result in results)


def test_07_a_call_that_holds_the_gil_is_told_from_one_that_does_not():
    script = load("07")
    numbers = np.random.default_rng(0).normal(size=500_000)
    as_list = numbers.tolist()
    assert script.turns_during(lambda: sorted(as_list)) < 0.4 * script.turns_during(lambda: np.sort(numbers))


def test_07_starts_no_second_main_when_a_process_imports_it(tmp_path):
    """What Windows and macOS do with every started process: import the file under another name."""
    code = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__mp_main__')"
    done = subprocess.run(
        [sys.executable, "-c", code, str(FOLDER / "07_concurrency.py")],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(FOLDER)}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())
