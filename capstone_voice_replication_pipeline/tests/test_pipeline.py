"""The whole chain on real recordings and on stand-ins, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voice_pipeline.engines.starter.base_voice import reference_embeddings
from voice_pipeline.evaluation import bootstrap_interval, measure
from voice_pipeline.recognizer import word_errors
from voice_pipeline.settings import AUDIO
from voice_pipeline.speaker import SpeakerEncoder, centroid, similarity
from voice_pipeline.training import FINISHED
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

HERE = Path(__file__).resolve().parents[1]


def run_script(name: str, *arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=500, encoding="utf-8", **options)


@pytest.fixture(scope="module")
def recordings(mirror, tmp_path_factory) -> Path:
    """Ten real LJSpeech clips with their metadata, as a user would bring them."""
    source = mirror / "ljspeech" / "LJSpeech-1.1"
    rows = (source / "metadata.csv").read_text(encoding="utf-8").splitlines()
    by_length = sorted(rows, key=lambda row: soundfile.info(source / "wavs" / f"{row.split('|')[0]}.wav").duration)
    chosen = by_length[2:12]
    folder = tmp_path_factory.mktemp("my recordings")
    for row in chosen:
        name = f"{row.split('|')[0]}.wav"
        shutil.copyfile(source / "wavs" / name, folder / name)
    (folder / "metadata.csv").write_text("\n".join(chosen) + "\n", encoding="utf-8")
    (folder / "holiday.wav").write_bytes(b"RIFF....not really sound")
    return folder


@pytest.fixture(scope="module")
def voice(recordings, tmp_path_factory) -> tuple[VoiceFolder, str]:
    """A voice made by `run_pipeline.py` with a few training steps, and what the command printed."""
    home = tmp_path_factory.mktemp("home")
    done = run_script(
        "run_pipeline.py", "--voice", "lj", "--recordings", recordings, "--home", home, "--steps", "6",
        "--licence", "public domain", "--source", "LJSpeech 1.1",
        "--text", "Seven birds sang in the old tree.", "--device", "cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return VoiceFolder(home, "lj"), done.stdout


@pytest.mark.slow
def test_every_file_given_is_accounted_for(voice):
    folder, _ = voice
    rows = read_jsonl(folder.ledger)
    assert len(rows) == 11
    assert sum(row["status"] == "accepted" for row in rows) == 10
    (rejected,) = [row for row in rows if row["status"] == "rejected"]
    assert rejected["file"].endswith("holiday.wav")
    assert rejected["reasons"]


@pytest.mark.slow
def test_the_proof_card_has_what_others_read(voice):
    folder, printed = voice
    card = json.loads(folder.proof_card.read_text(encoding="utf-8"))
    assert set(card["similarity"]) >= {"clone", "ceiling", "floor", "normalized"}
    assert set(card["wer"]) >= {"clone", "real"}
    assert card["similarity"]["floor"] < card["similarity"]["ceiling"] <= 1.0
    assert card["held_out_sentences"] == 3
    assert 0 < card["real_time_factor"] < 2
    assert card["fine_tune_seconds"] > 0
    expected = (card["similarity"]["clone"] - card["similarity"]["floor"]) / (
        card["similarity"]["ceiling"] - card["similarity"]["floor"]
    )
    assert card["similarity"]["normalized"] == pytest.approx(expected)
    assert card["similarity"]["normalized"] > 0.1, "a clone of this speaker is nearer to her than other people are"
    assert f"{card['similarity']['normalized']:.2f}" in printed


@pytest.mark.slow
def test_held_out_clips_were_not_trained_on(voice):
    folder, _ = voice
    split = json.loads(folder.split.read_text(encoding="utf-8"))
    run = json.loads((folder.models / folder.read_info()["run"] / FINISHED).read_text(encoding="utf-8"))
    assert not set(split["validation"]) & set(run["train_clips"])
    assert set(split["train"]) == set(run["train_clips"])


@pytest.mark.slow
def test_speech_plots_and_model_are_there(voice):
    folder, printed = voice
    waveform, rate = soundfile.read(folder.speech / "first_words.wav")
    assert rate == AUDIO.sample_rate
    assert 1.0 < len(waveform) / rate < 8.0
    assert 0.05 < np.abs(waveform).max() <= 1.0
    assert {path.name for path in folder.reports.glob("*.png")} >= {"training.png", "proof_card.png"}
    assert list((folder.root / folder.read_info()["model"]).glob("*.safetensors"))
    assert printed.isascii()
    assert "Next: python 07_serve_api.py" in printed


@pytest.mark.slow
def test_a_second_run_finds_everything_done(voice, recordings):
    folder, _ = voice
    weights = next((folder.root / folder.read_info()["model"]).glob("acoustic.safetensors"))
    before = weights.stat().st_mtime_ns
    done = run_script(
        "run_pipeline.py", "--voice", "lj", "--recordings", recordings, "--home", folder.home, "--steps", "6",
        "--device", "cpu",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "0 processed now" in done.stdout
    assert weights.stat().st_mtime_ns == before


@pytest.mark.slow
def test_training_killed_and_run_again_finishes(voice):
    folder, _ = voice
    arguments = ["--voice", "lj", "--home", folder.home, "--steps", "60", "--device", "cpu", "--seed", "1"]
    command = [sys.executable, str(HERE / "04_fine_tune.py"), *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    before = {path.name for path in folder.models.iterdir()}
    deadline = time.monotonic() + 200
    checkpoint: list[Path] = []
    while not checkpoint and time.monotonic() < deadline and process.poll() is None:
        new = [path for path in folder.models.iterdir() if path.name not in before]
        checkpoint = [path / "last.pth" for path in new if (path / "last.pth").is_file()]
        time.sleep(0.05)
    assert checkpoint, "no checkpoint was written"
    process.send_signal(signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    process.wait()
    assert folder.read_info()["model"], "the voice still has the model it had"
    done = run_script("04_fine_tune.py", *arguments)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"was stopped at step (25|50)\b", done.stdout), done.stdout[-1000:]
    rows = [row for row in read_jsonl(checkpoint[0].with_name("curves.jsonl")) if row["split"] == "train"]
    assert [row["step"] for row in rows] == list(range(1, 61))


@pytest.mark.slow
def test_two_processes_on_one_voice_exclude_each_other(voice):
    folder, _ = voice
    with folder.lock():
        done = run_script("08_evaluate_voice.py", "--voice", "lj", "--home", folder.home)
    assert done.returncode == 2
    assert "another process" in done.stderr
    assert "Traceback" not in done.stderr


# ----------------------------------------------------------------------------------------------------------------------
# without real data


@pytest.mark.parametrize(
    ("script", "arguments", "says"),
    [
        ("04_fine_tune.py", ["--voice", "nobody"], "there is no voice called 'nobody'"),
        ("08_evaluate_voice.py", ["--voice", "nobody"], "there is no voice called 'nobody'"),
        ("04_fine_tune.py", ["--voice", "../etc"], "cannot be a voice name"),
        ("04_fine_tune.py", ["--voice", "x", "--stepps", "3"], "--steps"),
        ("04_fine_tune.py", ["--voice", "x", "--steps", "-3"], "--steps -3 is not above zero"),
        ("run_pipeline.py", ["--voice", "x", "--recordings", "no-such-folder"], "no-such-folder"),
    ],
)
def test_wrong_commands_say_what_to_do(script, arguments, says, tmp_path):
    done = run_script(script, *arguments, "--home", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "HINT:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_demo_works_without_any_data(tmp_path):
    """Everything, the API included, on the synthetic stand-in."""
    done = run_script(
        "demo.py", "--offline", "--steps", "4", "--home", tmp_path,
        env={**os.environ, "COURSE_OFFLINE": "1", "COURSE_DATA_MIRROR": "", "COURSE_DATA_HOME": str(tmp_path / "no")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "synthetic stand-in" in done.stdout
    waveform, rate = soundfile.read(tmp_path / "demo-standin" / "speech" / "from_the_api.wav")
    assert len(waveform) > 2 * rate
    assert "curl http://127.0.0.1:8000/v1/audio/speech" in done.stdout


# ----------------------------------------------------------------------------------------------------------------------
# measuring


def test_word_errors_count_what_a_person_would_count():
    errors = word_errors(["The cat sat, on the mat!", "Hello"], ["the cat sat on mat", "yellow"])
    assert (errors.errors, errors.words) == (2, 7)
    assert word_errors([""], ["anything"]).words == 0


def test_embeddings_tell_real_speakers_apart(mirror):
    def clip(path: Path) -> np.ndarray:
        waveform, rate = soundfile.read(path, dtype="float32")
        return SpeakerEncoder.shared().embed(waveform, rate)

    lj = [clip(mirror / f"ljspeech/LJSpeech-1.1/wavs/LJ001-000{n}.wav") for n in (1, 3, 4)]
    man = [clip(path) for path in sorted((mirror / "vctk/VCTK-Corpus/wav48/p227").glob("*.wav"))[:3]]
    own = similarity(lj[0], centroid(lj[1:]))
    other = similarity(man[0], centroid(lj))
    assert own > 0.8 > other
    assert np.mean(reference_embeddings() @ centroid(lj)) < own - 0.2


def test_silence_has_no_speaker():
    assert not SpeakerEncoder.shared().embed(np.zeros(24_000, dtype=np.float32), 24_000).any()


def test_intervals_hold_the_mean_and_shrink_with_more_sentences():
    rng = np.random.default_rng(0)
    few, many = rng.normal(0.7, 0.1, 5), rng.normal(0.7, 0.1, 500)
    low, high = bootstrap_interval(few, lambda rows: float(rows.mean()))
    assert low < few.mean() < high
    low_many, high_many = bootstrap_interval(many, lambda rows: float(rows.mean()))
    assert high_many - low_many < 0.5 * (high - low)


def test_a_real_clip_measures_better_than_noise(mirror):
    waveform, rate = soundfile.read(mirror / "ljspeech/LJSpeech-1.1/wavs/LJ001-0004.wav", dtype="float32")
    text = "produced the block books, which were the immediate predecessors of the true printed book,"
    target = SpeakerEncoder.shared().embed(waveform, rate)
    noise = np.random.default_rng(0).normal(0, 0.05, len(waveform)).astype(np.float32)
    measured = measure([waveform, noise], [text, text], target, rate)
    assert measured.similarity[0] > 0.99 > measured.similarity[1]
    assert measured.sentence_errors[0][0] < measured.sentence_errors[1][0]
    assert measured.seconds[0] == pytest.approx(len(waveform) / rate)
