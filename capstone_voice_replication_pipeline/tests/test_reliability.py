"""The chain under hostile conditions: disks that refuse, two processes, damage within a memory bound, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from voice_pipeline.audio import encode
from voice_pipeline.consent import declare_licence
from voice_pipeline.errors import VoiceBusyError
from voice_pipeline.features import extract_all
from voice_pipeline.preprocessing import preprocess
from voice_pipeline.recording import import_folder
from voice_pipeline.training import read_split
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

from .serve_fake import load_module
from .synthetic_speech import speech, text_for, write_takes
from .test_damage import damaged, peak_memory, ten_hours

HERE = Path(__file__).resolve().parent
CAPSTONE = HERE.parent
DURATIONS = [2.0, 2.2, 2.4, 2.6, 2.8, 3.0, 3.2, 3.4]


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("takes")
    write_takes(folder, DURATIONS)
    return folder


# ----------------------------------------------------------------------------------------------------------------------
# disks


def may_mount() -> bool:
    """Whether this user can have file systems of its own (Linux with user namespaces, or root)."""
    if not (sys.platform == "linux" and shutil.which("unshare") and shutil.which("mount")):
        return False
    command = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def hostile_disk(kind: str, source: Path, home: Path) -> dict[str, Any]:
    home.mkdir()
    command = [sys.executable, str(HERE / "hostile_disk.py"), kind, str(source), str(home)]
    if kind == "tmpfs":
        command = ["unshare", "--map-root-user", "--mount", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=CAPSTONE)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout))


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX: limits of file sizes and file systems of one's own")
@pytest.mark.parametrize("kind", ["tmpfs", "limit"])
def test_a_disk_that_refuses_leaves_the_voice_valid(tmp_path: Path, takes: Path, kind: str) -> None:
    """A really full and a really read-only file system; and files cut off in the middle of a write."""
    if kind == "tmpfs" and not may_mount():
        pytest.skip("needs the right to mount a tmpfs: Linux with user namespaces, or root")
    found = hostile_disk(kind, takes, tmp_path / "home")
    says = {"tmpfs": "No space left on device", "limit": "File too large"}[kind]
    for step, rows in (("import", 0), ("preprocess", 8)):
        refused, done = found[f"{step} refused"], found[f"{step} done"]
        assert "cannot write to" in refused["error"] and says in refused["error"]
        assert "--home DIR" in refused["hint"]
        if kind == "tmpfs":
            read_only = found[f"{step} read-only"]
            assert "Read-only file system" in read_only["error"] and read_only["hint"] and read_only["same"]
        assert done["error"] == "" and done["recordings"] == 8 and done["rows"] == rows
        for after in (refused, done):
            assert after["wrong"] == [] and after["half"] == []
    assert found["import refused"]["recordings"] < 8 and found["preprocess refused"]["rows"] == 0


# ----------------------------------------------------------------------------------------------------------------------
# two processes


def test_every_step_that_writes_waits_for_nobody(tmp_path: Path, takes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock held by someone else stops each script before it changes anything."""
    voice = VoiceFolder(tmp_path / "home", "ann")
    import_folder(voice, takes)
    declare_licence(voice, "CC0 1.0", "babble")
    before = sorted(path for path in voice.root.rglob("*"))
    commands: dict[str, list[str]] = {
        "01_collect_recordings.py": ["--import", str(takes)],
        "02_preprocess_recordings.py": [],
        "03_extract_features.py": [],
        "04_fine_tune.py": [],
        "08_evaluate_voice.py": [],
        "export_voice.py": ["--out", str(tmp_path / "ann.zip")],
    }
    with voice.lock():
        for name, more in commands.items():
            script = load_module(CAPSTONE / name)
            with pytest.raises(VoiceBusyError, match="another process is working on the voice 'ann'") as caught:
                script.main(["--voice", "ann", "--home", str(voice.home), *more])
            assert "run this command again" in caught.value.hint, name
    assert sorted(path for path in voice.root.rglob("*") if path.name != ".lock") == [
        path for path in before if path.name != ".lock"
    ]


# ----------------------------------------------------------------------------------------------------------------------
# nothing is lost


def test_accepted_and_rejected_are_what_was_given_at_every_step(tmp_path: Path, takes: Path) -> None:
    source = Path(shutil.copytree(takes, tmp_path / "given"))
    soundfile.write(source / "loud.wav", np.clip(9 * speech(2.0, seed=50), -1, 1), 24_000)
    (source / "broken.flac").write_bytes(b"not a recording")
    shutil.copy(source / "take_00.wav", source / "twice.wav")
    with open(source / "metadata.csv", "a", encoding="utf-8") as table:
        table.writelines(f"{name}|{text_for(2.0)}\n" for name in ("loud", "broken", "twice"))
    voice = VoiceFolder(tmp_path / "home", "ann")
    assert import_folder(voice, source).given == len(read_jsonl(voice.manifest)) == 11
    rows = preprocess(voice).rows
    rejected = {row["file"]: row["reasons"][0]["rule"] for row in rows if row["status"] == "rejected"}
    assert rejected == {"loud.wav": "clipped", "broken.flac": "unreadable", "twice.wav": "duplicate"}
    accepted = {row["id"] for row in rows if row["status"] == "accepted"}
    assert len(accepted) + len(rejected) == 11
    assert [row["file"] for row in read_jsonl(voice.ledger)] == [row["file"] for row in rows]
    assert {path.stem for path in voice.clips.glob("*.wav")} == accepted
    assert {line.split("|")[0] for line in voice.metadata.read_text(encoding="utf-8").splitlines()} == accepted
    assert {clip.clip_id for clip in extract_all(voice)} == accepted
    train, held_out = read_split(voice)
    assert {clip.clip_id for clip in train + held_out} == accepted and len(train) + len(held_out) == 8


# ----------------------------------------------------------------------------------------------------------------------
# memory


@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module; another reading of memory lifts it")
def test_damage_is_judged_within_a_memory_bound(tmp_path: Path) -> None:
    """Generated damage, a WAV truncated at every 64th byte, and the odd files of messy_audio where they are at hand."""
    (tmp_path / "damage").mkdir()
    expected = {name: rules for name, (_, rules) in damaged(tmp_path / "damage").items()}
    expected["random_after_header.wav"] = None
    whole = encode(speech(0.3, sample_rate=8_000, margin=0.1), 8_000, "wav")
    for size in range(0, len(whole), 64):
        (tmp_path / "damage" / f"cut_{size:05d}.wav").write_bytes(whole[:size])
        expected[f"cut_{size:05d}.wav"] = None if size >= 46 else ["unreadable"]
    ten_hours(tmp_path / "damage" / "ten_hours_again.flac")
    expected["ten_hours_again.flac"] = ["file_too_long"]
    mirror = os.environ.get("COURSE_DATA_MIRROR")
    messy = sorted((Path(mirror) / "messy_audio").glob("*.*")) if mirror else []
    found, rise = peak_memory([*sorted((tmp_path / "damage").iterdir()), *messy])
    assert {name: found[name] for name, rules in expected.items() if rules is not None} == {
        name: rules for name, rules in expected.items() if rules is not None
    }
    assert all(found[name] for name in expected if name.startswith("cut_"))  # no piece of such a clip will do
    assert len(found) == len(expected) + len(messy)
    print(f"{len(found)} files, peak memory rose by {rise:.0f} MB")
    assert rise < 160


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs the resource module; another reading of memory lifts it")
def test_the_longest_file_allowed_stays_within_a_memory_bound(tmp_path: Path) -> None:
    """29 minutes at 48,000 Hz are 334 MB as float32; preparing them takes about four times that."""
    minute = np.random.default_rng(0).normal(0, 0.1, 60 * 48_000).astype(np.float32)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 48_000, 1, subtype="PCM_16") as file:
        for _ in range(29):
            file.write(minute)
    found, rise = peak_memory([tmp_path / "long.wav"])
    assert "too_long" in found["long.wav"] or "no_speech" in found["long.wav"]
    print(f"peak memory rose by {rise:.0f} MB")
    assert 29 * 60 * 48_000 * 4 / 2**20 < rise < 1_600  # the meter sees at least the samples themselves
