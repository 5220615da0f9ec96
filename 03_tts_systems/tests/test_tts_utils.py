"""The helpers of module 03: spoken digits, espeak-ng, Coqui models and their licences."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest

from coursekit.course.modules import ROOT, load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]
tts_utils = load_script(MODULE / "tts_utils.py")
models = load_script(ROOT / "capstone_voice_replication_pipeline" / "tests" / "engine_models.py")


def settings(out: Path, **changes) -> Namespace:
    return Namespace(**{"quick": True, "seed": 0, "device": "auto", "out": out} | changes)


def buzz(seconds: float = 0.4, hz: float = 140.0) -> np.ndarray:
    t = np.arange(round(seconds * tts_utils.SAMPLE_RATE)) / tts_utils.SAMPLE_RATE
    return (0.1 * sum(np.sin(2 * np.pi * hz * k * t) / k for k in range(1, 12))).astype(np.float32)


@pytest.fixture
def takes() -> dict[str, list[np.ndarray]]:
    """Digits that buzz: each word has its own pitch and length."""
    return {word: [buzz(0.2 + 0.01 * i, 100 + 10 * i)] for i, word in enumerate(tts_utils.DIGITS)}


def test_a_gpu_is_refused_with_the_reason(tmp_path):
    with pytest.raises(CourseError, match="--device cuda cannot be used: because") as caught:
        tts_utils.prepare_cpu(settings(tmp_path, device="cuda"), "because")
    assert caught.value.hint == "leave --device out"
    assert tts_utils.prepare_cpu(settings(tmp_path), "because").random() == np.random.default_rng(0).random()


def test_joined_digits_are_where_their_edges_say(takes):
    string = tts_utils.join_digits(["one", "nine", "zero"], takes, np.random.default_rng(0))
    assert string.text == "one nine zero" and len(string.symbols) == 13
    assert string.mel.shape[1] == tts_utils.DIGIT_AUDIO.n_mels and abs(string.mel).max() < 3
    hop = tts_utils.DIGIT_AUDIO.hop_length
    for (start, end), word in zip(string.word_edges, ("one", "nine", "zero"), strict=True):
        assert (end - start) * hop == pytest.approx(len(takes[word][0]))
        inside = string.waveform[round(start * hop) : round(end * hop)]
        assert np.allclose(inside, takes[word][0], atol=1e-3)
    assert tts_utils.word_numbers("one nine").tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_strings_differ_and_keep_out_of_those_known(takes):
    random = np.random.default_rng(1)
    strings = tts_utils.digit_strings(30, (1, 2), takes, random)
    texts = [one.text for one in strings]
    assert len(set(texts)) == 30 and {text.count(" ") for text in texts} == {0, 1}
    others = tts_utils.digit_strings(30, (1, 2), takes, random, known=texts)
    assert not set(texts) & {one.text for one in others}


def test_without_recordings_digits_are_spoken_once(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path / "no data"))
    spoken = []

    class Voice:
        def synthesize(self, text: str, *, speed: float = 1.0) -> np.ndarray:
            spoken.append((text, speed))
            return np.pad(buzz(0.4 / speed), 4800)

    monkeypatch.setattr(tts_utils, "starter_voice", lambda number: Voice())
    first = tts_utils.digit_takes(settings(tmp_path))
    assert len(spoken) == 30 and set(first) == set(tts_utils.DIGITS)
    assert "Offline stand-in: digits by synthetic voices" in capsys.readouterr().out
    assert all(0.45 < np.abs(take).max() < 0.55 for found in first.values() for take in found)
    assert all(len(found[0]) > len(found[-1]) for found in first.values())  # slower first
    assert len(first["one"][0]) < len(buzz(0.4 / 0.9)) + 2 * 4800  # the silence at both ends is gone
    tts_utils.digit_takes(settings(tmp_path))
    assert len(spoken) == 30


def test_normal_mel_goes_back_and_becomes_sound():
    mel = np.random.default_rng(0).uniform(-11, 1, (5, 32)).astype(np.float32)
    assert np.allclose(tts_utils.raw_mel(tts_utils.normal_mel(mel)), mel, atol=1e-5)
    sound = tts_utils.sound_of(tts_utils.normal_mel(np.full((20, 32), -3.0)))
    assert len(sound) == 19 * 512 and np.abs(sound).max() == pytest.approx(0.5)


def test_espeak_speaks_and_says_its_phonemes():
    engine = tts_utils.espeak()
    assert engine is tts_utils.espeak()
    slow, quick = engine.speak("Hello, world.", 100), engine.speak("Hello, world.", 300)
    assert engine.sample_rate == 22_050 and len(slow) > 1.5 * len(quick) > 0 and 0.05 < np.abs(slow).max() <= 1
    assert "w" in engine.ipa("world") and engine.ipa("hello, world").count(" ") == 1 and engine.ipa("") == ""


def test_a_path_too_long_for_espeak_is_told(monkeypatch):
    import espeakng_loader

    monkeypatch.setattr(espeakng_loader, "get_data_path", lambda: "/" + "long/" * 40 + "espeak-ng-data")
    with pytest.raises(CourseError, match="200 characters|201 characters"):
        tts_utils.Espeak()


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("apache 2.0", True),
        ("MIT", True),
        ("MPL", True),
        ("CPML", False),
        ("CC BY-NC-ND 4.0", False),
        ("unknown", False),
    ],
)
def test_free_licences(licence, free):
    assert tts_utils.is_free(licence) is free


def test_public_models_need_a_yes_and_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    with pytest.raises(CourseError, match="CC BY-NC-ND 4.0") as caught:
        tts_utils.coqui_model(tts_utils.YOUR_TTS, download=True, accept_licence=False)
    assert "--accept-licence" in caught.value.hint
    for name in (tts_utils.VITS, tts_utils.YOUR_TTS):
        with pytest.raises(CourseError, match="vits|your_tts"):
            tts_utils.coqui_model(name, download=False, accept_licence=True)
    assert not list(tmp_path.rglob("*.pth"))


def test_a_folder_with_a_model_speaks(tmp_path):
    folder = models.make_vits_checkpoint(tmp_path / "vits")
    tts = tts_utils.coqui_model(str(folder), download=False, accept_licence=False)
    said = tts_utils.coqui_says(tts, "a small voice")
    assert said.dtype == np.float32 and len(said) > 1000 and np.isfinite(said).all()
    (folder / "model_file.pth").write_bytes(b"broken")
    with pytest.raises(CourseError, match="cannot be loaded"):
        tts_utils.coqui_model(str(folder), download=False, accept_licence=False)


def test_an_xtts_in_a_folder_clones_through_the_same_function(tmp_path):
    folder = models.make_xtts_checkpoint(tmp_path / "xtts")
    clips = models.make_clips(tmp_path / "clips", count=1, seconds=2.0)
    tts = tts_utils.coqui_model(str(folder), download=False, accept_licence=False)
    said = tts_utils.coqui_says(tts, "numbers are words here", clips[0].path)
    assert len(said) > 1000 and np.isfinite(said).all()
