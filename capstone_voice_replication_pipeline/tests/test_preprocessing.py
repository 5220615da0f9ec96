"""raw/ to clips/: right clips, nothing done twice, nothing lost when killed, a split that does not leak."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voice_pipeline import preprocessing
from voice_pipeline.audio import decode, encode
from voice_pipeline.errors import PipelineError, VoiceBusyError
from voice_pipeline.preprocessing import measure_loudness, normalise, preprocess
from voice_pipeline.recording import import_folder
from voice_pipeline.settings import AUDIO
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

from .synthetic_speech import speech, text_for, write_takes

CAPSTONE = Path(__file__).resolve().parents[1]
DURATIONS = [2.0, 2.2, 2.4, 2.6, 4.0, 4.2, 4.4, 4.6]


@pytest.fixture(scope="module")
def takes(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("takes")
    write_takes(folder, DURATIONS, sample_rate=44_100)
    return folder


@pytest.fixture
def source(takes, tmp_path) -> Path:
    return Path(shutil.copytree(takes, tmp_path / "given"))


@pytest.fixture
def folder(source, tmp_path) -> VoiceFolder:
    voice = VoiceFolder(tmp_path / "home", "ann")
    import_folder(voice, source)
    return voice


def contents(folder: VoiceFolder) -> dict[str, bytes]:
    names = [folder.ledger, folder.metadata, folder.split, *folder.clips.iterdir()]
    return {path.name: path.read_bytes() for path in names}


def test_clips_are_what_the_engines_expect(folder):
    result = preprocess(folder)
    assert result.processed == 8 and [row["status"] for row in result.rows] == ["accepted"] * 8
    assert folder.metadata.read_text().splitlines() == [f"{row['id']}|{row['text']}" for row in result.rows]
    for row, seconds in zip(result.rows, DURATIONS, strict=True):
        info = soundfile.info(folder.root / row["clip"])
        assert (info.samplerate, info.channels, info.subtype) == (AUDIO.sample_rate, 1, "PCM_16")
        assert info.duration == pytest.approx(seconds + 0.2, abs=0.25)  # the speech and a margin on each side
        waveform = soundfile.read(folder.root / row["clip"], dtype="float32")[0]
        assert measure_loudness(waveform, AUDIO.sample_rate) == pytest.approx(
            row["measurements"]["clip_loudness_lufs"], abs=0.2
        )
        assert np.abs(waveform).max() <= AUDIO.peak_limit + 1e-3
    assert sorted(path.name for path in folder.clips.iterdir()) == [f"take_0{n}.wav" for n in range(8)]


def test_a_second_run_does_nothing(folder, monkeypatch):
    preprocess(folder)
    before = contents(folder)
    monkeypatch.setattr(preprocessing, "prepare", None)  # would raise if it were called
    again = preprocess(folder)
    assert (again.processed, again.reused) == (0, 8)
    assert contents(folder) == before


def test_changes_are_followed(folder, source):
    preprocess(folder)
    soundfile.write(source / "take_03.wav", speech(3.0, seed=77), 24_000)
    (source / "metadata.csv").write_text((source / "metadata.csv").read_text().replace("0 the small", "zero a small"))
    import_folder(folder, source)
    assert preprocess(folder).processed == 2  # another sound, another text
    (folder.clips / "take_05.wav").write_bytes(b"damaged")
    (folder.clips / "take_06.wav").unlink()
    assert preprocess(folder).processed == 2
    (folder.raw / "take_07.wav").unlink()
    result = preprocess(folder, allow_few=True)
    assert result.rows[7]["reasons"][0]["rule"] == "unreadable" and result.removed == 1
    assert not (folder.clips / "take_07.wav").exists()
    assert len(folder.metadata.read_text().splitlines()) == 7


def test_a_recording_taken_out_of_the_manifest_takes_its_clip_along(folder):
    preprocess(folder)
    rows = folder.manifest.read_text().splitlines(keepends=True)
    folder.manifest.write_text("".join(rows[1:]))
    result = preprocess(folder, allow_few=True)
    assert (result.processed, result.removed, len(result.rows)) == (0, 1, 7)


def test_other_settings_make_other_clips(folder):
    preprocess(folder)
    result = preprocess(folder, preprocessing.PreprocessSettings(margin=0.05))
    assert result.processed == 8


@pytest.mark.parametrize("good_clips", [0, 1, 5])
def test_stopped_in_the_middle_and_run_again(folder, monkeypatch, good_clips):
    real, calls = preprocessing.write_wav, []

    def write(path, *rest):
        calls.append(path)
        if len(calls) > good_clips:
            raise KeyboardInterrupt
        return real(path, *rest)

    monkeypatch.setattr(preprocessing, "write_wav", write)
    with pytest.raises(KeyboardInterrupt):
        preprocess(folder, workers=1)
    assert not folder.ledger.exists()
    for path in folder.clips.glob("*.wav"):
        assert soundfile.info(path).frames > 0
    monkeypatch.undo()
    result = preprocess(folder)
    assert (result.processed, result.reused) == (8 - good_clips, good_clips)
    assert not list(folder.clips.glob(".*"))


def test_a_torn_journal_and_a_damaged_ledger_are_survived(folder):
    preprocess(folder)
    before = contents(folder)
    (folder.clips / ".journal.jsonl").write_text('{"key": "abc", "sta')
    folder.ledger.write_text("{not json\n")
    assert preprocess(folder).processed == 8
    assert contents(folder) == before


def test_killed_by_the_system_and_run_again(folder, tmp_path):
    program = f"""
import os
from pathlib import Path
from voice_pipeline import preprocessing
from voice_pipeline.voice_folder import VoiceFolder
done = []
def kill_after_three(row):
    done.append(row)
    if len(done) == 3:
        os._exit(9)
preprocessing.preprocess(VoiceFolder(Path({str(folder.home)!r}), "ann"), on_clip=kill_after_three, workers=1)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    result = preprocess(folder)
    assert result.reused >= 3 and result.processed == 8 - result.reused
    fresh = VoiceFolder(tmp_path / "other", "ann")
    shutil.copytree(folder.raw, fresh.raw)
    preprocess(fresh)
    assert contents(fresh) == contents(folder)


def test_too_few_clips(source, tmp_path):
    voice = VoiceFolder(tmp_path / "home", "few")
    for path in sorted(source.glob("*.wav"))[5:]:
        path.unlink()
    import_folder(voice, source)
    with pytest.raises(PipelineError, match="only 5 of 5 recordings were accepted") as caught:
        preprocess(voice)
    assert "--allow-few" in caught.value.hint
    assert len(read_jsonl(voice.ledger)) == 5  # the reasons are there to be read
    result = preprocess(voice, allow_few=True)
    assert (result.reused, len(result.split["train"]), len(result.split["validation"])) == (5, 3, 2)


def test_nothing_recorded_yet(tmp_path):
    with pytest.raises(PipelineError, match="no recordings yet") as caught:
        preprocess(VoiceFolder(tmp_path, "nobody").create())
    assert "01_collect_recordings.py" in caught.value.hint


def test_a_full_disk_is_explained(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preprocessing, "write_wav", full)
    with pytest.raises(PipelineError, match="No space left"):
        preprocess(folder)


def test_odd_files_beside_good_ones(folder, source):
    good = speech(3.0, seed=50)
    text = text_for(3.0)
    files = {
        "eight channels.wav": (np.repeat(good[:, None], 8, axis=1), 24_000),
        "high.flac": (speech(3.0, seed=51, sample_rate=192_000), 192_000),
        "telephone.wav": (speech(3.0, seed=52, sample_rate=8_000), 8_000),
        "nan.wav": (np.where(np.arange(len(good)) == 9, np.nan, good), 24_000),
        "long.wav": (speech(13.0, seed=53), 24_000),
        "tiny.wav": (good[10_000:12_000], 24_000),
        "quiet.wav": (good * 1e-4, 24_000),
        "loud.wav": (np.clip(good * 9, -1, 1), 24_000),
    }
    for name, (waveform, rate) in files.items():
        soundfile.write(source / name, waveform, rate, subtype="FLOAT" if name == "nan.wav" else None)
    (source / "phone.wav").write_bytes(encode(speech(3.0, seed=54), 24_000, "aac"))
    (source / "zero.wav").write_bytes(b"")
    (source / "notext.wav").write_bytes(encode(speech(3.0, seed=55), 24_000, "wav"))
    (source / "copy.wav").write_bytes((source / "take_00.wav").read_bytes())
    with open(source / "metadata.csv", "a") as table:
        for name in [*files, "phone.wav", "zero.wav", "copy.wav"]:
            table.write(f"{Path(name).stem}|{text_for(13.0) if name == 'long.wav' else text}\n")
    report = import_folder(folder, source)
    result = preprocess(folder)
    found = {row["file"]: [reason["rule"] for reason in row["reasons"]] for row in result.rows}
    assert len(found) == report.given == 20
    expected = {
        "eight channels.wav": [], "high.flac": [], "phone.wav": [], "telephone.wav": ["sample_rate_too_low"],
        "nan.wav": ["not_finite"], "long.wav": ["too_long"], "quiet.wav": ["silent"], "loud.wav": ["clipped"],
        "zero.wav": ["unreadable"], "notext.wav": ["no_text"], "copy.wav": ["duplicate"],
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert found["tiny.wav"]


MESSY = {
    "106-invalid-streaminfo.flac": "unreadable",
    "16bit-8kHz-stereo.wav": "sample_rate_too_low",
    "8bit-mulaw-8kHz-noBext-mono-encoded.wav": "sample_rate_too_low",
    "RIFX-16bit-mono.wav": "sample_rate_too_low",
    "adpcm.wav": "silent",
    "almost_silent.wav": "silent",
    "common_voice_en_651325.mp3": None,
    "corrupt_metadata.ogg": None,
    "digital_silence.wav": "silent",
    "empty_file.mp3": "unreadable",
    "format_test.m4a": None,
    "gsm_6_10.wav": "silent",
    "id3_header_with_a_zero_byte.wav": "no_speech",
    "jfk.flac": None,
    "p286_011.wav": None,
    "speech_add_noise.flac": "noisy",
    "speech_clean_16k.wav": None,
    "speech_do_clip.flac": "clipped",
    "speech_drop_chunk.flac": None,
    "stereo_speech.mp3": "sample_rate_too_low",
    "test-44100Hz-le-1ch-4bytes-early-eof-no-data.wav": "unreadable",
    "test-44100Hz-le-1ch-4bytes-incomplete-chunk.wav": "unreadable",
    "test-48000Hz-2ch-64bit-float-le-wavex.wav": "no_speech",
    "test1-8bit.wav": "too_short",
    "testing.m4a": None,
    "wrong_extension.aac": "duplicate",
}


def test_every_messy_file_has_its_verdict(mirror, tmp_path):
    source = tmp_path / "given"
    shutil.copytree(mirror / "messy_audio", source)
    lines = [f"{name}|{20 * 'a '}{number}\n" for number, name in enumerate(MESSY)]
    (source / "metadata.csv").write_text("".join(lines))
    voice = VoiceFolder(tmp_path / "home", "messy")
    assert import_folder(voice, source).given == len(MESSY)
    try:
        preprocess(voice, allow_few=True)
    except PipelineError:
        pytest.fail("at least one messy file is good")
    rows = {row["file"]: row for row in read_jsonl(voice.ledger)}
    assert rows.keys() == MESSY.keys()
    for name, rule in MESSY.items():
        rules = [reason["rule"] for reason in rows[name]["reasons"]]
        assert (rule in rules) if rule else not set(rules) - {"text_longer_than_speech", "text_shorter_than_speech"}, (
            name
        )
        json.dumps(rows[name], allow_nan=False)


@pytest.mark.parametrize("data_set", ["ljspeech", "vctk"])
def test_real_recordings_are_all_accepted(mirror, tmp_path, data_set):
    root = mirror / data_set
    source = root / "LJSpeech-1.1" if data_set == "ljspeech" else tmp_path / "given"
    if data_set == "vctk":
        source.mkdir()
        for path in (root / "VCTK-Corpus" / "wav48").rglob("*.wav"):
            shutil.copy(path, source)
            shutil.copy(root / "VCTK-Corpus" / "txt" / path.parent.name / f"{path.stem}.txt", source)
    voice = VoiceFolder(tmp_path / "home", data_set)
    given = import_folder(voice, source).given
    result = preprocess(voice)
    assert [row["file"] for row in result.rows if row["status"] != "accepted"] == []
    assert len(result.rows) == given == {"ljspeech": 35, "vctk": 20}[data_set]


def test_most_of_librispeech_test_other_is_accepted(mirror, tmp_path):
    source = tmp_path / "given"
    source.mkdir()
    rows = []
    for transcript in (mirror / "librispeech").rglob("*.trans.txt"):
        for line in transcript.read_text().splitlines():
            name, text = line.split(" ", 1)
            if (transcript.parent / f"{name}.flac").is_file():
                shutil.copy(transcript.parent / f"{name}.flac", source)
                rows.append(f"{name}|{text}\n")
    (source / "metadata.csv").write_text("".join(rows))
    voice = VoiceFolder(tmp_path / "home", "libri")
    import_folder(voice, source)
    rejected = {reason["rule"] for row in preprocess(voice).rows for reason in row["reasons"]}
    assert rejected <= {"too_long"}


def test_loudness_of_clips_shorter_than_a_block():
    tone = (0.1 * np.sin(2 * np.pi * 1_000 * np.arange(24_000) / 24_000)).astype(np.float32)
    whole = measure_loudness(tone, 24_000)
    for samples in (24_000, 9_600, 9_599, 2_400, 240):
        assert measure_loudness(tone[:samples], 24_000) == pytest.approx(whole, abs=0.2)
    assert measure_loudness(np.zeros(24_000, np.float32), 24_000) is None
    assert measure_loudness(np.zeros(0, np.float32), 24_000) is None


def test_the_peak_limit_wins_over_the_loudness():
    sparse = np.zeros(24_000, np.float32)
    sparse[::4_000] = 0.5
    sparse += 0.001 * np.random.default_rng(0).normal(size=24_000).astype(np.float32)
    loudness = measure_loudness(sparse, 24_000)
    clip, clip_loudness = normalise(sparse, loudness)
    assert np.abs(clip).max() == pytest.approx(AUDIO.peak_limit, abs=1e-6)
    assert clip_loudness < AUDIO.loudness
    quiet, level = normalise(sparse * 0, None)
    assert level is None and not quiet.any()


def script(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CAPSTONE / name), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd="/")


def run_here(capsys: pytest.CaptureFixture[str], name: str, *arguments: str) -> str:
    assert runpy.run_path(str(CAPSTONE / name))["main"](list(arguments)) == 0
    printed = capsys.readouterr().out
    assert printed.isascii()
    return printed


def test_the_three_scripts(source, tmp_path, capsys):
    place = ("--voice", "ann", "--home", str(tmp_path / "home"))
    printed = run_here(capsys, "01_collect_recordings.py", *place, "--import", str(source))
    assert "8 recordings: 8 new" in printed
    assert "Next: python 02_preprocess_recordings.py --voice ann" in printed
    printed = run_here(capsys, "02_preprocess_recordings.py", *place)
    assert "8 recordings = 8 accepted + 0 rejected" in printed and "5 clips to train on, 3 held out" in printed
    printed = run_here(capsys, "03_extract_features.py", *place)
    assert "8 clips, 0 from the cache" in printed and "Next: python 04_fine_tune.py" in printed
    reports = {path.name for path in (tmp_path / "home" / "ann" / "reports").iterdir()}
    assert {"features.json", "features_overview.png", "features_overview.txt"} <= reports
    assert "short_01" in run_here(capsys, "01_collect_recordings.py", "--voice", "ann", "--prompts")


def test_scripts_explain_what_is_missing(tmp_path):
    missing = script("02_preprocess_recordings.py", "--voice", "nobody", "--home", str(tmp_path))
    assert missing.returncode == 2
    assert missing.stderr.startswith("ERROR: there is no voice called 'nobody'")
    assert "HINT: python 01_collect_recordings.py" in missing.stderr


def test_a_voice_is_worked_on_by_one_process_at_a_time(folder):
    with folder.lock():
        busy = script("02_preprocess_recordings.py", "--voice", "ann", "--home", str(folder.home))
    assert busy.returncode == 2 and "another process is working on the voice 'ann'" in busy.stderr
    with folder.lock(), pytest.raises(VoiceBusyError), folder.lock():
        pass


def test_originals_stay_as_they_were(folder, source):
    preprocess(folder)
    for path in source.glob("*.wav"):
        assert (folder.raw / path.name).read_bytes() == path.read_bytes()
        assert decode(folder.raw / path.name).sample_rate == 44_100
