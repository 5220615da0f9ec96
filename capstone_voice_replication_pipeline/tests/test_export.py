"""A voice taken along: refused without consent, usable elsewhere, with nothing of its speaker but the statement."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from voice_pipeline import consent, export
from voice_pipeline.consent import declare_licence, require_consent_to_speak, revoke
from voice_pipeline.consent_record import ConsentError
from voice_pipeline.errors import PipelineError
from voice_pipeline.training import FINISHED, weights_hash
from voice_pipeline.voice_folder import VoiceFolder

from .serve_fake import load_module

CAPSTONE = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> VoiceFolder:
    voice = VoiceFolder(tmp_path / "home", "ada").create()
    best = voice.models / "run-1" / "best"
    best.mkdir(parents=True)
    (best / "acoustic.safetensors").write_bytes(b"weights" * 100)
    (best / "settings.json").write_text("{}")
    (best.parent / "last.pth").write_bytes(b"a checkpoint with the optimiser's state")
    (best.parent / FINISHED).write_text('{"weights_sha256": "abc"}')
    (voice.raw / "take.wav").write_bytes(b"a recording")
    (voice.clips / "take.wav").write_bytes(b"a clip")
    voice.update_info(engine="starter", model="models/run-1/best", run="run-1")
    return voice


def test_refused_without_consent_and_after_it_was_revoked(folder: VoiceFolder, tmp_path: Path) -> None:
    script = load_module(CAPSTONE / "export_voice.py")
    arguments = ["--voice", "ada", "--home", str(folder.home), "--out", str(tmp_path / "ada.zip")]
    with pytest.raises(ConsentError) as caught:
        script.main(arguments)
    assert caught.value.code == "consent_missing" and "--consent" in caught.value.hint
    declare_licence(folder, "CC0 1.0", "a public set")
    assert script.main(arguments) == 0
    (tmp_path / "ada.zip").unlink()
    revoke(folder)
    with pytest.raises(ConsentError) as caught:
        script.main(arguments)
    assert caught.value.code == "consent_revoked" and not list(tmp_path.glob("*.zip"))


def test_revoked_while_it_is_packed_nothing_is_left(
    folder: VoiceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare_licence(folder, "CC0 1.0", "a public set")
    real = export._note

    def note(*arguments: Any) -> str:
        revoke(folder)
        return real(*arguments)

    monkeypatch.setattr(export, "_note", note)
    with pytest.raises(ConsentError):
        export.export_voice(folder, tmp_path / "out" / "ada.zip")
    assert not list((tmp_path / "out").iterdir())


def test_what_is_in_it_and_that_it_may_speak_elsewhere(folder: VoiceFolder, tmp_path: Path) -> None:
    declare_licence(folder, "CC0 1.0", "a public set")
    names = export.export_voice(folder, tmp_path / "ada.zip")
    with zipfile.ZipFile(tmp_path / "ada.zip") as packed:
        assert packed.testzip() is None and sorted(packed.namelist()) == sorted(names)
        packed.extractall(tmp_path / "other")
        assert "Then delete this file" in packed.read("ada/README.txt").decode()
    assert not [name for name in names if "raw/" in name or "clips/" in name or name.endswith(".pth")]
    there = VoiceFolder(tmp_path / "other", "ada")
    assert require_consent_to_speak(there) == require_consent_to_speak(folder)
    assert there.read_info() == folder.read_info()
    model = folder.read_info()["model"]
    assert weights_hash(there.root / model) == weights_hash(folder.root / model)
    first = (tmp_path / "ada.zip").read_bytes()
    export.export_voice(folder, tmp_path / "ada.zip")
    assert (tmp_path / "ada.zip").read_bytes() == first


def test_a_persons_statement_goes_along(folder: VoiceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the other computer could not check the consent."""
    statement = folder.statements / "consent-0123456789ab.wav"
    statement.parent.mkdir(exist_ok=True)
    statement.write_bytes(b"a statement")
    record = {
        "kind": "consent", "id": "consent-0123456789ab", "voice": "ada", "date": "2026-11-26",
        "statement": {"file": "consent/consent-0123456789ab.wav", "sha256": consent.sha256_file(statement)},
        "heard": {"word_error_rate": 0.1, "limit": 0.6, "code_words_heard": 4}, "speaker": None,
    }  # fmt: skip
    consent.put_record(folder, record)
    with pytest.raises(ConsentError) as caught:  # not compared with the clips yet
        export.export_voice(folder, tmp_path / "ada.zip")
    assert caught.value.code == "consent_speaker"
    consent.put_record(folder, {**record, "speaker": {"similarity": 0.9, "limit": 0.8}})
    assert "ada/consent/consent-0123456789ab.wav" in export.export_voice(folder, tmp_path / "ada.zip")
    with zipfile.ZipFile(tmp_path / "ada.zip") as packed:
        packed.extractall(tmp_path / "other")
    assert require_consent_to_speak(VoiceFolder(tmp_path / "other", "ada"))["kind"] == "consent"


def test_a_voice_without_a_model_and_a_place_that_cannot_be_written(folder: VoiceFolder, tmp_path: Path) -> None:
    declare_licence(folder, "CC0 1.0", "a public set")
    (tmp_path / "a file").write_text("")
    with pytest.raises(PipelineError, match="cannot write"):
        export.export_voice(folder, tmp_path / "a file" / "ada.zip")
    folder.update_info(model="models/gone/best")
    with pytest.raises(PipelineError, match="no model yet"):
        export.export_voice(folder, tmp_path / "ada.zip")
