"""Damaged and odd files: accepted or rejected with the right reason, within a memory bound, and none lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voice_pipeline.audio import AudioError, decode, encode
from voice_pipeline.preprocessing import PreprocessSettings, prepare, preprocess
from voice_pipeline.recording import import_folder
from voice_pipeline.voice_folder import VoiceFolder

from .synthetic_speech import speech, text_for

RATE = 16_000
HEADER = 44


def test_a_wav_truncated_at_every_64th_byte(tmp_path):
    """What is left is decoded to the last whole sample; a file without one is refused, never anything else."""
    whole = encode(speech(1.0, sample_rate=RATE, margin=0.1), RATE, "wav")
    assert len(whole) == HEADER + 2 * round(1.2 * RATE)
    path = tmp_path / "cut.wav"
    for size in [*range(HEADER + 20), *range(64, len(whole), 64)]:
        path.write_bytes(whole[:size])
        if size < HEADER + 2:
            with pytest.raises(AudioError) as caught:
                decode(path)
            assert caught.value.rule == "unreadable" and caught.value.hint
        else:
            assert len(decode(path).waveform) == (size - HEADER) // 2


@pytest.mark.parametrize("kept", [0.02, 0.4, 0.6, 0.95])
def test_a_truncated_wav_in_the_ledger(tmp_path, kept):
    text, path = text_for(4.0), tmp_path / "given" / "cut.wav"
    path.parent.mkdir()
    whole = encode(speech(4.0), 24_000, "wav")
    path.write_bytes(whole[: int(kept * len(whole))])
    rules = ledger_of(tmp_path / "home", path.parent, {"cut.wav": text})["cut.wav"]
    assert rules == {0.02: ["silent"], 0.4: ["text_longer_than_speech"]}.get(kept, [])


def damaged(folder: Path) -> dict[str, tuple[str, list[str]]]:
    """Write files; returns the text of each and the rules it has to be rejected by."""
    random = np.random.default_rng(0)
    good, text = speech(3.0, seed=5), text_for(3.0)
    nan = good.copy()
    nan[len(nan) // 2] = np.nan
    infinite = good.copy()
    infinite[7] = np.inf
    for name, waveform in {"nan.wav": nan, "infinite.wav": infinite}.items():
        soundfile.write(folder / name, waveform, 24_000, subtype="FLOAT")
    eight = np.stack([speech(3.0, seed=6)] * 8, axis=1)
    soundfile.write(folder / "eight.wav", eight, 24_000)
    soundfile.write(folder / "high.wav", speech(3.0, seed=7, sample_rate=192_000), 192_000)
    (folder / "random.wav").write_bytes(random.bytes(50_000))
    (folder / "random_after_header.wav").write_bytes(encode(good, 24_000, "wav")[:HEADER] + random.bytes(144_000))
    (folder / "zero.wav").write_bytes(b"")
    (folder / "is_mp3.wav").write_bytes(encode(speech(3.0, seed=8), 24_000, "mp3"))
    (folder / "is_wav.mp3").write_bytes(encode(speech(3.0, seed=9), 24_000, "wav"))
    (folder / "text.wav").write_text("this is a letter, not a recording\n" * 40)
    (folder / "zip.flac").write_bytes(b"PK\x03\x04" + random.bytes(2_000))
    lies = bytearray(encode(speech(3.0, seed=10), 24_000, "wav"))
    lies[40:44] = b"\xff\xff\xff\x7f"  # a data chunk of 2 GB, says the header
    (folder / "lying_header.wav").write_bytes(bytes(lies))
    ten_hours(folder / "ten_hours.flac")
    expected = {
        "nan.wav": ["not_finite"], "infinite.wav": ["not_finite"], "eight.wav": [], "high.wav": [],
        "random.wav": ["unreadable"], "zero.wav": ["unreadable"], "is_mp3.wav": [], "is_wav.mp3": [],
        "text.wav": ["unreadable"], "zip.flac": ["unreadable"], "lying_header.wav": [],
        "ten_hours.flac": ["file_too_long"],
    }  # fmt: skip
    return {name: (f"{number} {text}", rules) for number, (name, rules) in enumerate(expected.items())}


def ten_hours(path: Path) -> None:
    """Ten hours of silence, which FLAC packs into a small file."""
    silence = np.zeros(8_000 * 600, np.int16)
    with soundfile.SoundFile(path, "w", 8_000, 1, subtype="PCM_16", format="FLAC") as file:
        for _ in range(60):
            file.write(silence)


def peak_memory(paths: list[Path]) -> tuple[dict[str, list[str]], float]:
    """Verdict of each file, and by how many MB one process's peak memory rose while it prepared them all."""
    command = [sys.executable, str(Path(__file__).with_name("peak_memory.py")), *map(str, paths)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1])
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    return found["verdicts"], found["rise_mb"]


def ledger_of(home: Path, source: Path, texts: dict[str, str]) -> dict[str, list[str]]:
    """Rules that rejected each file; checks that no file was lost."""
    (source / "metadata.csv").write_text("".join(f"{name}|{text}\n" for name, text in texts.items()))
    voice = VoiceFolder(home, "odd")
    report = import_folder(voice, source)
    try:
        preprocess(voice, allow_few=True)
    except Exception as error:
        assert "were accepted" in str(error), error
    rows = [json.loads(line) for line in voice.ledger.read_text().splitlines()]
    files = {path.name for path in source.iterdir()} - {"metadata.csv"}
    assert sorted(row["file"] for row in rows) == sorted(files) and report.given == len(files)
    assert all((row["status"] == "rejected") == bool(row["reasons"]) for row in rows)
    for row in rows:
        for reason in row["reasons"]:
            assert reason["repair"].endswith("."), reason
    return {row["file"]: [reason["rule"] for reason in row["reasons"]] for row in rows}


def test_generated_damage(tmp_path):
    source = tmp_path / "given"
    source.mkdir()
    cases = damaged(source)
    found = ledger_of(tmp_path / "home", source, {name: text for name, (text, _) in cases.items()})
    assert found.pop("random_after_header.wav")  # noise: rejected, whatever the detector makes of it
    assert found == {name: rules for name, (_, rules) in cases.items()}


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module; another reading of memory lifts it")
@pytest.mark.parametrize("kind", ["flac", "sparse wav"])
def test_ten_hours_are_refused_without_reading_them(tmp_path, kind):
    path = tmp_path / "long.audio"
    if kind == "flac":
        ten_hours(path)
    else:
        header = bytearray(encode(np.zeros(8, np.float32), 24_000, "wav")[:HEADER])
        size = 36_000 * 24_000 * 2
        header[4:8], header[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
        with open(path, "wb") as file:
            file.write(header)
            file.truncate(HEADER + size)
    verdicts, megabytes = peak_memory([path])
    assert verdicts == {"long.audio": ["file_too_long"]} and megabytes < 60


def test_true_peak_of_a_recording_is_above_its_samples(tmp_path):
    """A tone at a quarter of the sample rate, sampled off its peaks: 3 dB hide between the samples."""
    path = tmp_path / "tone.wav"
    soundfile.write(path, 0.5 * np.sin(np.pi / 2 * np.arange(24_000) + np.pi / 4), 24_000)
    _, measured = prepare(path, "", PreprocessSettings())
    assert measured.true_peak_dbtp - measured.peak_dbfs == pytest.approx(3.01, abs=0.3)
