"""Where a file comes from is known again: unchanged, converted, cut, louder; and speech of others is not mistaken."""

from __future__ import annotations

import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from voice_pipeline import fingerprint, provenance, verified, watermark
from voice_pipeline.api import ApiSettings, create_app
from voice_pipeline.audio import decode, encode, resample
from voice_pipeline.consent import declare_licence
from voice_pipeline.verified import GOOD_SCORE, RETRIES, VerifiedVoice
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake
from .serve_fake import load_module
from .synthetic_speech import speech

CAPSTONE = Path(__file__).resolve().parents[1]
RATE = 24_000


@pytest.fixture
def folder(tmp_path: Path) -> VoiceFolder:
    voice = VoiceFolder(tmp_path / "home", "ada").create()
    voice.update_info(engine="starter", model="models/run-1/best")
    declare_licence(voice, "CC0 1.0", "tones")
    return voice


def spoken(folder: VoiceFolder, waveform: np.ndarray, path: Path, seed: int = 0) -> dict[str, Any]:
    """A file as step 6 writes it."""
    details = provenance.describe_speech(folder, seed=seed)
    path.write_bytes(encode(waveform, RATE, path.suffix[1:], tags=provenance.tags(details)))
    digest = provenance.sha256_file(path)
    provenance.note(folder, details, waveform, RATE, digest, "some words")
    return details


def converted(waveform: np.ndarray, audio_format: str) -> np.ndarray:
    sound, rate = soundfile.read(io.BytesIO(encode(waveform, RATE, audio_format)), dtype="float32")
    return resample(sound, rate, RATE)


CHANGES = {
    "mp3": lambda sound: converted(sound, "mp3"),
    "opus": lambda sound: converted(sound, "opus"),
    "16 kHz and back": lambda sound: resample(resample(sound, RATE, 16_000), 16_000, RATE),
    "first second cut off, mp3": lambda sound: converted(sound[RATE:], "mp3"),
    "middle three seconds": lambda sound: sound[RATE + 1234 : 4 * RATE + 1234],
    "louder until it clips, mp3": lambda sound: converted(np.clip(4.0 * sound, -1, 1), "mp3"),
    "much quieter, mp3": lambda sound: converted(0.05 * sound, "mp3"),
    "half a second of noise before": lambda sound: np.concatenate(
        [np.random.default_rng(0).normal(0, 0.01, RATE // 2).astype(np.float32), sound]
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_known_and_others_are_not(change: str) -> None:
    sounds = [speech(5.0, seed=seed, f0=100 + 15 * seed) for seed in range(6)]
    stored = [fingerprint.landmarks(sound, RATE) for sound in sounds]
    for number, sound in enumerate(sounds):
        asked = fingerprint.landmarks(CHANGES[change](sound), RATE)
        found = [other for other in range(6) if fingerprint.match(asked, stored[other]).is_copy]
        assert found == [number]


@pytest.mark.slow
def test_rates_on_real_speech(mirror: Path) -> None:
    """Measured on LJSpeech: copies found of copies made, and strangers taken for copies, the same reader's included."""
    files = sorted((mirror / "ljspeech/LJSpeech-1.1/wavs").glob("*.wav"))[:6]
    sounds = [resample(decode(path).waveform, 22_050, RATE) for path in files]
    stored = [fingerprint.landmarks(sound, RATE) for sound in sounds]
    hits = false = asked_for = pairs = 0
    for number, sound in enumerate(sounds):
        for change in CHANGES.values():
            asked = fingerprint.landmarks(change(sound), RATE)
            found = [fingerprint.match(asked, other).is_copy for other in stored]
            hits, asked_for = hits + found[number], asked_for + 1
            false, pairs = false + sum(found) - found[number], pairs + len(found) - 1
    print(f"hits {hits} of {asked_for}, false {false} of {pairs}")
    assert hits / asked_for > 0.97 and false == 0


def test_sounds_without_landmarks_match_nothing() -> None:
    for nothing in (np.zeros(RATE, np.float32), np.zeros(3, np.float32), np.zeros(0, np.float32)):
        pairs = fingerprint.landmarks(nothing, RATE)
        assert not len(pairs) and not fingerprint.match(pairs, pairs).is_copy
        assert np.array_equal(fingerprint.unpack(fingerprint.pack(pairs)), pairs)
    with pytest.raises(ValueError):
        fingerprint.unpack("AAAA")


# ----------------------------------------------------------------------------------------------------------------------
# the ledger and the command


def test_a_file_is_known_and_its_copies_too(
    folder: VoiceFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = load_module(CAPSTONE / "verify_audio.py")
    sound = speech(4.0, seed=3)
    details = spoken(folder, sound, tmp_path / "said.wav", seed=7)
    spoken(folder, speech(4.0, seed=4), tmp_path / "another.wav")
    assert command.main([str(tmp_path / "said.wav"), "--home", str(folder.home)]) == 0
    shown = capsys.readouterr().out
    assert "byte for byte" in shown and details["id"] in shown and "seed 7" in shown and "licence licence-" in shown
    (tmp_path / "copy.mp3").write_bytes(encode(0.3 * sound[RATE:], RATE, "mp3"))
    assert command.main([str(tmp_path / "copy.mp3"), "--home", str(folder.home), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["known"] == "sound" and found["record"]["id"] == details["id"]
    assert found["shift_seconds"] == pytest.approx(1.0, abs=0.1)
    (tmp_path / "stranger.wav").write_bytes(encode(speech(4.0, seed=9), RATE, "wav"))
    assert command.main([str(tmp_path / "stranger.wav"), "--home", str(folder.home)]) == 1
    assert "not known" in capsys.readouterr().out


@pytest.mark.parametrize("audio_format", ["wav", "flac", "mp3", "opus"])
def test_the_file_itself_says_that_it_is_synthetic(folder: VoiceFolder, tmp_path: Path, audio_format: str) -> None:
    path = tmp_path / f"said.{audio_format}"
    details = spoken(folder, speech(2.0), path)
    with soundfile.SoundFile(path) as file:
        assert details["id"] in file.comment and details["consent"] in file.comment and "ada" in file.title
    if audio_format == "wav":
        data = path.read_bytes()
        assert b"LIST" in data and b"INFO" in data and int.from_bytes(data[4:8], "little") == len(data) - 8
    assert decode(path).duration == pytest.approx(2.8, abs=0.2)


def test_a_forged_tag_proves_nothing(folder: VoiceFolder, tmp_path: Path) -> None:
    details = spoken(folder, speech(3.0, seed=1), tmp_path / "said.wav")
    forged = tmp_path / "forged.wav"
    forged.write_bytes(encode(speech(3.0, seed=2), RATE, "wav", tags=provenance.tags(details)))
    finding = provenance.verify(forged, folder.home)
    assert finding.how == "" and details["id"] in finding.tag


def test_damaged_lines_and_many_writers(folder: VoiceFolder, tmp_path: Path) -> None:
    spoken(folder, speech(2.0), tmp_path / "a.wav")
    folder.provenance.write_text(folder.provenance.read_text(encoding="utf-8") + '{"id": "spee', encoding="utf-8")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda seed: spoken(folder, speech(1.0, seed=seed), tmp_path / f"{seed}.wav"), range(8)))
    assert len(provenance.read_ledgers(folder.home)) == 9


def test_the_text_is_not_in_the_ledger(folder: VoiceFolder, tmp_path: Path) -> None:
    spoken(folder, speech(1.0), tmp_path / "a.wav")
    assert "some words" not in folder.provenance.read_text(encoding="utf-8")


def test_speech_of_the_service_is_noted(folder: VoiceFolder, tmp_path: Path) -> None:
    settings = ApiSettings(home=folder.home, key="", watermark=False)  # type: ignore[arg-type]
    app = create_app(settings, load=lambda folder: fake.ToneVoice())
    body = {"model": "tts-1", "voice": "ada", "input": "Hello there.", "response_format": "flac"}
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.post("/v1/audio/speech", json=body)
    (tmp_path / "answer.flac").write_bytes(answer.content)
    finding = provenance.verify(tmp_path / "answer.flac", folder.home)
    assert finding.how == "exact" and finding.record["id"] == answer.headers["x-provenance-id"]


# ----------------------------------------------------------------------------------------------------------------------
# the watermark


def test_the_watermark(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = speech(1.0)
    monkeypatch.setattr(watermark, "_marker", lambda: None)
    assert watermark.apply(sound, RATE)[1] is None and watermark.detect(sound, RATE) is None


@pytest.mark.slow
def test_the_watermark_survives_mp3() -> None:
    pytest.importorskip("perth", reason=f"needs Perth: {watermark.INSTALL}")
    sound = speech(3.0)
    marked, name = watermark.apply(sound, RATE)
    assert name == "perth" and len(marked) == len(sound) and np.abs(marked).max() <= 1.0
    assert watermark.detect(converted(marked, "mp3"), RATE) and not watermark.detect(sound, RATE)


# ----------------------------------------------------------------------------------------------------------------------
# verified speech


class Mumbler:
    """Clear only with some seeds; the waveform's mean says with which seed it was said."""

    sample_rate = RATE

    def __init__(self, scores: list[float], fixed: bool = False) -> None:
        self.scores, self.fixed, self.seeds = scores, fixed, []

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        self.seeds.append(seed)
        return np.full(100, 0.0 if self.fixed else len(self.seeds) / 100, np.float32)


def listen(monkeypatch: pytest.MonkeyPatch, voice: Mumbler) -> None:
    monkeypatch.setattr(
        verified, "understood", lambda waveform, rate, text: (voice.scores[len(voice.seeds) - 1], "heard")
    )


def test_unclear_sentences_are_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = Mumbler([0.2, 0.5, 0.9])
    listen(monkeypatch, voice)
    checked = VerifiedVoice(voice)
    waveform = checked.synthesize("Hello there.", seed=5)
    assert waveform[0] == pytest.approx(0.03) and len(set(voice.seeds)) == 3 and voice.seeds[0] == 5
    assert checked.result.score == 0.9 and checked.result.respoken == 2
    assert checked.sentences[0].seed == voice.seeds[2]


def test_the_best_of_four_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = Mumbler([0.2, 0.6, 0.4, 0.1, 0.9])
    listen(monkeypatch, voice)
    checked = VerifiedVoice(voice)
    assert checked.synthesize("Hello there.")[0] == pytest.approx(0.02)
    assert checked.sentences[0].tries == RETRIES + 1 and checked.result.score == 0.6 < GOOD_SCORE
    assert "heard: heard" in verified.score_text(checked.result)


def test_a_voice_without_chance_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = Mumbler([0.2] * 5, fixed=True)
    listen(monkeypatch, voice)
    checked = VerifiedVoice(voice)
    checked.synthesize("Hello there.")
    assert len(voice.seeds) == 2 and checked.sentences[0].tries == 1


def test_a_client_who_left_is_not_tried_for(monkeypatch: pytest.MonkeyPatch) -> None:
    voice, stop = Mumbler([0.2] * 5), threading.Event()
    listen(monkeypatch, voice)
    stop.set()
    VerifiedVoice(voice, stop).synthesize("Hello there.")
    assert len(voice.seeds) == 1


def test_verified_over_the_service(folder: VoiceFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = iter([0.1, 0.8])
    monkeypatch.setattr(verified, "understood", lambda waveform, rate, text: (next(scores), "hello"))
    settings = ApiSettings(home=folder.home, key="", watermark=False)  # type: ignore[arg-type]
    body = {"model": "tts-1", "voice": "ada", "input": "Hello there.", "response_format": "wav", "verify": True}
    app = create_app(settings, load=lambda folder: fake.ToneVoice())
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.post("/v1/audio/speech", json=body)
        assert answer.headers["x-speech-score"] == "0.800" and answer.headers["x-speech-respoken"] == "1"
        assert "x-speech-score" not in client.post("/v1/audio/speech", json={**body, "verify": False}).headers


def test_a_tone_is_not_understood() -> None:
    tone = fake.ToneVoice().synthesize("Hello there.")
    score, heard = verified.understood(tone, RATE, "Hello there.")
    assert score < 0.5 and verified.understood(tone, RATE, "...") == (1.0, "")
