"""Consent: what is asked for, what is refused, and that nothing gets past it."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from voice_pipeline import consent, consent_check
from voice_pipeline.api import ApiSettings, create_app
from voice_pipeline.audio import decode, write_wav
from voice_pipeline.consent_check import Heard, SpeakerMatch
from voice_pipeline.consent_commands import record_consent
from voice_pipeline.consent_record import ConsentError
from voice_pipeline.engines.base import TrainingClip
from voice_pipeline.errors import PipelineError
from voice_pipeline.training import fine_tune_voice, load_voice
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake
from .serve_fake import load_module
from .synthetic_speech import speech

CAPSTONE = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> VoiceFolder:
    return VoiceFolder(tmp_path / "home", "ann").create()


@pytest.fixture
def statement(tmp_path: Path) -> Path:
    path = tmp_path / "statement.wav"
    write_wav(path, np.random.default_rng(0).normal(0, 0.1, 8 * 16_000).astype(np.float32), 16_000)
    return path


@pytest.fixture
def listeners(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the recogniser and the speaker encoder say, to be changed by a test."""
    says: dict[str, Any] = {"words": Heard("i am the speaker", 0.2, 4), "speaker": SpeakerMatch(0.9, 0.8, "f", 10)}
    monkeypatch.setattr(consent, "check_words", lambda *arguments: says["words"])
    monkeypatch.setattr(consent, "match_statement", lambda *arguments: says["speaker"])
    return says


def give(folder: VoiceFolder, statement: Path) -> dict[str, Any]:
    consent.ask_for_statement(folder)
    return consent.give_statement(folder, statement)


def refused(code: str) -> Any:
    return pytest.raises(ConsentError, match=".") if not code else _Refused(code)


class _Refused:
    """`pytest.raises` that also looks at the code and the repair."""

    def __init__(self, code: str) -> None:
        self.code, self.inner = code, pytest.raises(ConsentError)

    def __enter__(self) -> Any:
        self.caught = self.inner.__enter__()
        return self.caught

    def __exit__(self, *error: Any) -> bool:
        done = bool(self.inner.__exit__(*error))
        assert self.caught.value.code == self.code and self.caught.value.hint
        return done


# ----------------------------------------------------------------------------------------------------------------------
# asking and giving


def test_the_text_names_the_voice_the_day_and_four_new_words() -> None:
    text = consent_check.statement_text("my-voice", date(2026, 11, 23), ["river", "garden", "tiger", "paper"])
    assert "called my voice" in text and "November twenty" in text and "river, garden, tiger and paper" in text
    assert text.isascii() and len(set(consent_check.CODE_WORDS)) == len(consent_check.CODE_WORDS)


def test_the_same_text_until_it_is_used_or_old(folder: VoiceFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    first = consent.ask_for_statement(folder)
    assert consent.ask_for_statement(folder) == first
    later = date.fromisoformat(first["date"]) + timedelta(days=consent.REQUEST_DAYS + 1)
    monkeypatch.setattr(consent, "_today", lambda: later)
    assert consent.ask_for_statement(folder)["date"] == later.isoformat()


def test_a_statement_becomes_the_record(folder: VoiceFolder, statement: Path, listeners: dict[str, Any]) -> None:
    record = give(folder, statement)
    kept = folder.root / record["statement"]["file"]
    assert decode(kept).duration == pytest.approx(8)
    assert len(record["statement"]["sha256"]) == 64 and record["kind"] == "consent" and record["speaker"] is None
    assert consent.require_consent(folder) == record
    assert not (folder.statements / "request.json").exists()
    assert consent.give_statement(folder, statement) == record, "the same file again changes nothing"


def test_a_statement_nobody_asked_for(folder: VoiceFolder, statement: Path, listeners: dict[str, Any]) -> None:
    with refused("consent_missing") as caught:
        consent.give_statement(folder, statement)
    assert consent.ask_for_statement(folder)["text"] in str(caught.value)


def test_an_old_statement_cannot_be_used_again(folder: VoiceFolder, statement: Path, listeners: dict[str, Any]) -> None:
    give(folder, statement)
    consent.revoke(folder)
    with refused("consent_missing"):
        consent.give_statement(folder, statement)
    with refused("consent_revoked"):
        consent.require_consent(folder)
    give(folder, statement)
    assert consent.require_consent(folder)["revoked"] is None
    assert json.loads((folder.statements / "history.jsonl").read_text(encoding="utf-8"))["revoked"]


def test_wrong_words_change_nothing(folder: VoiceFolder, statement: Path, listeners: dict[str, Any]) -> None:
    listeners["words"] = Heard("something else", 0.95, 0, problem="the word error rate is 0.95")
    with refused("consent_words") as caught:
        give(folder, statement)
    assert "something else" in str(caught.value) and not folder.consent.exists()


def test_two_at_once_one_is_taken(folder: VoiceFolder, statement: Path, listeners: dict[str, Any]) -> None:
    consent.ask_for_statement(folder)
    other = statement.with_name("other.wav")
    write_wav(other, decode(statement).waveform / 2, 16_000)

    def attempt(path: Path) -> str:
        try:
            return str(consent.give_statement(folder, path)["id"])
        except ConsentError as error:
            return error.code

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(attempt, [statement, other]))
    assert sorted(result.startswith("consent-") for result in results) == [False, True]
    assert consent.require_consent(folder)["id"] in results


# ----------------------------------------------------------------------------------------------------------------------
# licences


def test_a_licence_is_called_what_it_is(folder: VoiceFolder) -> None:
    record = consent.declare_licence(folder, "CC0 1.0", "a public set")
    assert record["kind"] == "licence" and "not a consent" in consent.describe(record)
    assert consent.declare_licence(folder, " CC0  1.0 ", "a public set") == record
    assert consent.require_consent_to_speak(folder) == record
    assert consent.require_consent_to_train(folder, []) == record


def test_a_licence_cannot_replace_a_person(folder: VoiceFolder, statement: Path, listeners: dict[str, Any]) -> None:
    with refused("consent_invalid"):
        consent.declare_licence(folder, "CC0 1.0", " ")
    give(folder, statement)
    consent.revoke(folder)
    with refused("consent_invalid"):
        consent.declare_licence(folder, "CC0 1.0", "a public set")


# ----------------------------------------------------------------------------------------------------------------------
# the gates


def clips_of(folder: VoiceFolder, n: int = 2) -> list[TrainingClip]:
    clips = []
    for number in range(n):
        path = folder.clips / f"c{number}.wav"
        write_wav(path, np.full(72_000, 0.1, np.float32))
        clips.append(TrainingClip(path.stem, path, "hello", 3.0))
    folder.metadata.write_text("".join(f"{clip.clip_id}|hello\n" for clip in clips), encoding="utf-8")
    folder.split.write_text(json.dumps({"train": [c.clip_id for c in clips], "validation": []}), encoding="utf-8")
    return clips


def test_nothing_without_consent(folder: VoiceFolder) -> None:
    """As a voice made before consent existed."""
    clips_of(folder)
    folder.update_info(engine="starter", model="models/run-1/best")
    for step in (fine_tune_voice, load_voice):
        with refused("consent_missing") as caught:
            step(folder)
        assert "01_collect_recordings.py --voice ann --consent" in caught.value.hint


def test_training_compares_the_speaker(folder: VoiceFolder, statement: Path, listeners: dict[str, Any]) -> None:
    record = give(folder, statement)
    clips = clips_of(folder)
    with refused("consent_speaker"):
        consent.require_consent_to_speak(folder)
    listeners["speaker"] = SpeakerMatch(0.62, 0.5, "f", 2, problem="the similarity is 0.62, at least 0.80 is needed")
    with refused("consent_speaker"):
        fine_tune_voice(folder)
    assert consent.require_consent(folder) == record
    listeners["speaker"] = SpeakerMatch(0.91, 0.82, "f", 2)
    consent.require_consent_to_train(folder, clips)
    assert consent.require_consent_to_speak(folder)["speaker"]["similarity"] == 0.91


def test_clips_are_compared_at_once_when_there_are_any(
    folder: VoiceFolder, statement: Path, listeners: dict[str, Any]
) -> None:
    clips_of(folder)
    listeners["speaker"] = SpeakerMatch(0.62, 0.5, "f", 2, problem="the similarity is 0.62")
    with refused("consent_speaker"):
        give(folder, statement)
    assert not folder.consent.exists()


TAMPERED = {
    "edited": lambda text: text.replace("0.2", "0.1", 1),
    "cut off": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "a list": lambda text: "[]",
    "no text at all": lambda text: "\x00\xff",
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_changed_record_is_no_consent(
    folder: VoiceFolder, statement: Path, listeners: dict[str, Any], how: str
) -> None:
    give(folder, statement)
    folder.consent.write_text(TAMPERED[how](folder.consent.read_text(encoding="utf-8")), encoding="utf-8")
    for ask in (consent.require_consent, consent.require_consent_to_speak):
        with refused("consent_invalid"):
            ask(folder)
    give(folder, statement)
    consent.require_consent(folder)


def test_a_changed_statement_is_no_consent(folder: VoiceFolder, statement: Path, listeners: dict[str, Any]) -> None:
    kept = folder.root / give(folder, statement)["statement"]["file"]
    write_wav(kept, decode(kept).waveform * 0.5, 16_000)
    with refused("consent_invalid"):
        consent.require_consent(folder)
    kept.unlink()
    with refused("consent_invalid"):
        consent.require_consent(folder)


def test_a_record_of_another_voice(folder: VoiceFolder, statement: Path, listeners: dict[str, Any]) -> None:
    give(folder, statement)
    thief = VoiceFolder(folder.home, "bob").create()
    shutil.copytree(folder.statements, thief.statements)
    shutil.copyfile(folder.consent, thief.consent)
    with refused("consent_invalid"):
        consent.require_consent(thief)


def test_a_running_server_obeys_at_the_next_request(
    folder: VoiceFolder, statement: Path, listeners: dict[str, Any]
) -> None:
    give(folder, statement)
    consent.require_consent_to_train(folder, [])
    folder.update_info(engine="starter", model="models/run-1/best")
    settings = ApiSettings(home=folder.home, key="", watermark=False)  # type: ignore[arg-type]
    app = create_app(settings, load=lambda folder: fake.ToneVoice())
    body = {"model": "tts-1", "voice": "ann", "input": "Hello there.", "response_format": "wav"}
    with TestClient(app, base_url="http://127.0.0.1") as client:
        assert client.post("/v1/audio/speech", json=body).status_code == 200
        consent.revoke(folder, "changed my mind")
        answer = client.post("/v1/audio/speech", json=body)
        assert answer.status_code == 403
        error = answer.json()["error"]
        assert error["code"] == "consent_revoked" and error["type"] == "permission_error" and error["param"] == "voice"
        assert app.state.service.store.loaded == 0
        assert client.get("/v1/audio/voices").json()["data"][0]["ready"] is False
        folder.consent.unlink()
        assert client.post("/v1/audio/speech", json=body).json()["error"]["code"] == "consent_missing"


# ----------------------------------------------------------------------------------------------------------------------
# the command


def test_script_01(
    folder: VoiceFolder, statement: Path, listeners: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    script = load_module(CAPSTONE / "01_collect_recordings.py")
    base = ["--voice", "ann", "--home", str(folder.home)]
    assert script.main([*base, "--consent"]) == 0
    assert "My code words are" in " ".join(capsys.readouterr().out.split())
    assert script.main([*base, "--consent", "--import", str(statement)]) == 0
    assert "consent taken" in capsys.readouterr().out
    assert script.main([*base, "--revoke", "--reason", "no more"]) == 0
    with refused("consent_revoked"):
        consent.require_consent(folder)
    for wrong in (["--consent", "--revoke"], ["--licence", "CC0"], ["--consent", "--licence", "CC0"]):
        with pytest.raises(PipelineError):
            script.main([*base, *wrong])


def test_at_the_microphone(folder: VoiceFolder, listeners: dict[str, Any]) -> None:
    class Microphone:
        name, sample_rate = "test", 16_000

        def open(self) -> Any:
            from contextlib import nullcontext

            return nullcontext(iter([np.full(16_000, 0.1, np.float32)] * 9))

    class Terminal:
        answers = ["", "q"]
        shown: list[str] = []

        def ask(self, question: str) -> str:
            return self.answers.pop(0)

        def show(self, text: str) -> None:
            self.shown.append(text)

        def enter_pressed(self) -> Any:
            return lambda: False

        def level(self, dbfs: float, seconds: float) -> None: ...

    terminal: Any = Terminal()
    listeners["words"] = Heard("", 1.0, 0, problem="no words were understood")
    with pytest.raises(PipelineError, match="no consent was given"):
        record_consent(folder, Microphone(), terminal)
    assert "no words" in terminal.shown[-1]
    terminal.answers, listeners["words"] = [""], Heard("i am", 0.1, 4)
    record_consent(folder, Microphone(), terminal)
    assert consent.require_consent(folder)["statement"]["seconds"] == 9.0


# ----------------------------------------------------------------------------------------------------------------------
# real speech


def test_code_words_count_in_their_order() -> None:
    asked = ["river", "garden", "tiger", "paper"]
    assert consent_check.in_order(asked, asked) == 4
    assert consent_check.in_order(asked, ["river", "doctor", "garden", "paper"]) == 3
    assert consent_check.in_order(asked, ["paper", "tiger", "garden", "river"]) == 1
    assert consent_check.in_order(asked, []) == 0


def test_silence_and_noise_say_nothing() -> None:
    text = consent_check.statement_text("ann", date(2026, 11, 23), ["river", "garden", "tiger", "paper"])
    words = ["river", "garden", "tiger", "paper"]
    assert "lasts" in consent_check.check_words(np.zeros(16_000, np.float32), 16_000, text, words).problem
    babble = speech(5.0, sample_rate=16_000)
    for sound in (np.zeros(16_000 * 6, np.float32), babble):
        heard = consent_check.check_words(sound, 16_000, text, words)
        assert heard.problem and heard.code_words_heard < consent_check.MIN_CODE_WORDS


@pytest.mark.slow
def test_real_readers_are_told_apart_and_other_words_are_refused(mirror: Path, tmp_path: Path) -> None:
    source = mirror / "ljspeech" / "LJSpeech-1.1"
    texts = dict(
        (cells[0], cells[-1])
        for cells in (line.split("|") for line in (source / "metadata.csv").read_text(encoding="utf-8").splitlines())
    )
    names = sorted(texts)[:6]
    clips = [TrainingClip(name, source / "wavs" / f"{name}.wav", texts[name], 5.0) for name in names[1:]]
    own = decode(source / "wavs" / f"{names[0]}.wav")
    match = consent_check.match_statement(own.waveform, own.sample_rate, clips)
    assert not match.problem and match.similarity > 0.85
    stranger = decode(next(iter(sorted((mirror / "vctk/VCTK-Corpus/wav48/p225").glob("*.wav")))))
    assert consent_check.match_statement(stranger.waveform, stranger.sample_rate, clips).problem
    text = consent_check.statement_text("lj", date(2026, 11, 23), ["river", "garden", "tiger", "paper"])
    heard = consent_check.check_words(own.waveform, own.sample_rate, text, ["river", "garden", "tiger", "paper"])
    assert heard.word_error_rate > consent_check.MAX_WORD_ERRORS and heard.problem
