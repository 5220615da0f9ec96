"""C2PA manifests: signed, found again, broken by a changed byte, gone after a conversion, refused where impossible."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from voice_pipeline import content_credentials as credentials
from voice_pipeline import provenance, steps, training
from voice_pipeline.audio import decode, encode
from voice_pipeline.consent import declare_licence
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake
from .serve_fake import load_module
from .synthetic_speech import speech

CAPSTONE = Path(__file__).resolve().parents[1]
RATE = 24_000

needs_c2pa = pytest.mark.skipif(not credentials.is_installed(), reason=f"needs C2PA: {credentials.INSTALL}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VoiceFolder:
    for name in (credentials.CERTIFICATE_VARIABLE, credentials.KEY_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    voice = VoiceFolder(tmp_path / "home", "ada").create()
    voice.update_info(engine="starter", model="models/run-1/best")
    declare_licence(voice, "CC0 1.0", "tones")
    return voice


@pytest.fixture
def voice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Step 6 with a voice that says a tone."""
    monkeypatch.setattr(training, "load_voice", lambda folder, device="cpu": fake.ToneVoice())


def details_of(folder: VoiceFolder) -> dict[str, Any]:
    return provenance.describe_speech(folder, seed=3)


# ----------------------------------------------------------------------------------------------------------------------
# signing and reading


@needs_c2pa
@pytest.mark.parametrize("audio_format", credentials.FORMATS)
def test_a_manifest_is_found_and_says_what_made_the_file(
    folder: VoiceFolder, tmp_path: Path, audio_format: str
) -> None:
    details, sound = details_of(folder), speech(2.0)
    plain = encode(sound, RATE, audio_format, tags=provenance.tags(details))
    path = tmp_path / "said.audio"  # known by its content
    path.write_bytes(plain)
    assert credentials.read(path) is None
    path.write_bytes(credentials.sign(plain, audio_format, details, folder.home))
    found = credentials.read(path)
    assert found and found.valid and found.synthetic and not found.problems
    assert not found.known_signer and "self-made" in found.signer
    assert found.record["id"] == details["id"] and found.record["consent"] == details["consent"]
    assert found.record["seed"] == 3 and "text" not in found.record
    assert (decode(path).waveform == decode_bytes(plain, tmp_path)).all()
    assert details["id"] in provenance.verify(path, folder.home).tag  # the INFO chunk or the tags are still there


def decode_bytes(data: bytes, place: Path) -> Any:
    (place / "plain.audio").write_bytes(data)
    return decode(place / "plain.audio").waveform


@needs_c2pa
def test_one_changed_byte_is_noticed_and_a_conversion_drops_it(folder: VoiceFolder, tmp_path: Path) -> None:
    sound, path = speech(2.0), tmp_path / "said.wav"
    signed = credentials.sign(encode(sound, RATE, "wav"), "wav", details_of(folder), folder.home)
    changed = bytearray(signed)
    changed[20_000] ^= 1
    path.write_bytes(bytes(changed))
    found = credentials.read(path)
    assert found and not found.valid and found.problems == ("assertion.dataHash.mismatch",)
    path.write_bytes(signed)
    (tmp_path / "copy.mp3").write_bytes(encode(decode(path).waveform, RATE, "mp3"))
    assert credentials.read(tmp_path / "copy.mp3") is None


@needs_c2pa
def test_files_that_hold_no_manifest(tmp_path: Path) -> None:
    cases = {"a.opus": encode(speech(1.0), RATE, "opus"), "b.wav": b"RIFF\x04\x00\x00\x00WAVE", "c.mp3": b"", "d": b"x"}
    for name, data in cases.items():
        (tmp_path / name).write_bytes(data)
        assert credentials.read(tmp_path / name) is None


# ----------------------------------------------------------------------------------------------------------------------
# the signer


@needs_c2pa
def test_this_computers_certificate_is_kept_private_and_renewed(
    folder: VoiceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = credentials.signing_identity(folder.home)
    assert credentials.signing_identity(folder.home) == first
    key = folder.home / ".c2pa" / "key.pem"
    if os.name != "nt":
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    monkeypatch.setattr(credentials, "_lasts", lambda chain: False)
    assert credentials.signing_identity(folder.home) != first
    monkeypatch.undo()
    (folder.home / ".c2pa" / "certificate.pem").write_text("damaged")
    credentials.sign(encode(speech(1.0), RATE, "wav"), "wav", details_of(folder), folder.home)
    assert [path.name for path in folder.home.iterdir() if path.name != "ada"] == [".c2pa"]


@needs_c2pa
def test_a_certificate_of_your_own(folder: VoiceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key = credentials.make_certificate()
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(key)
    plain = encode(speech(1.0), RATE, "wav")
    monkeypatch.setenv(credentials.CERTIFICATE_VARIABLE, str(tmp_path / "chain.pem"))
    with pytest.raises(PipelineError, match="belong together"):
        credentials.sign(plain, "wav", details_of(folder), folder.home)
    monkeypatch.setenv(credentials.KEY_VARIABLE, str(tmp_path / "key.pem"))
    (tmp_path / "said.wav").write_bytes(credentials.sign(plain, "wav", details_of(folder), folder.home))
    found = credentials.read(tmp_path / "said.wav")
    assert found and found.valid and not (folder.home / ".c2pa").exists()
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(PipelineError, match="could not be signed"):
        credentials.sign(plain, "wav", details_of(folder), folder.home)
    (tmp_path / "key.pem").unlink()
    with pytest.raises(PipelineError, match="cannot be read"):
        credentials.sign(plain, "wav", details_of(folder), folder.home)


# ----------------------------------------------------------------------------------------------------------------------
# the commands


@needs_c2pa
def test_step_6_signs_and_verify_reports(
    folder: VoiceFolder, voice: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said, home = tmp_path / "said.wav", str(folder.home)
    command = load_module(CAPSTONE / "06_synthesize.py")
    place = ["--voice", "ada", "--home", home, "--device", "cpu", "--no-watermark", "--text", "Hello there."]
    assert command.main([*place, "--out", str(said), "--c2pa"]) == 0
    sidecar = json.loads(said.with_name("said.wav.json").read_text(encoding="utf-8"))
    assert sidecar["c2pa"] is True and sidecar["sha256"] == provenance.sha256_file(said)
    verify = load_module(CAPSTONE / "verify_audio.py")
    capsys.readouterr()
    assert verify.main([str(said), "--home", home]) == 0
    shown = capsys.readouterr().out
    assert shown.isascii() and "C2PA manifest: fits, says that a machine made this; signed by" in shown
    assert f"a signer nobody vouches for, id {sidecar['id']}" in shown and "byte for byte" in shown
    assert verify.main([str(said), "--home", home, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["c2pa"]["record"]["id"] == sidecar["id"]
    changed = bytearray(said.read_bytes())
    changed[1_000] ^= 1  # one sample's last bit
    said.write_bytes(bytes(changed))
    verify.main([str(said), "--home", home])
    assert "does not fit: the file was changed after it was signed" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["said.opus", "said.aac", "said.pcm"])
def test_formats_without_a_manifest_are_refused_before_anything_is_spoken(
    folder: VoiceFolder, tmp_path: Path, name: str
) -> None:
    with pytest.raises(PipelineError, match="cannot stand in") as caught:
        steps.synthesize_step(folder, "Hello.", tmp_path / name, manifest=True)
    assert "--out FILE.wav" in caught.value.hint and not list(tmp_path.glob("said*"))


def test_without_the_library_the_repair_is_named(
    folder: VoiceFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "is_installed", lambda: False)
    with pytest.raises(PipelineError, match="needs the packages") as caught:
        credentials.check_possible("wav")
    assert caught.value.hint == credentials.INSTALL
    (tmp_path / "a.wav").write_bytes(encode(speech(1.0), RATE, "wav"))
    finding = provenance.verify(tmp_path / "a.wav", folder.home)
    verify = load_module(CAPSTONE / "verify_audio.py")
    assert finding.credentials is None and credentials.INSTALL in verify.report(finding)


def test_what_a_manifest_is_worth_is_said() -> None:
    line = load_module(CAPSTONE / "verify_audio.py").manifest_line
    known = credentials.Credentials(True, True, "A Studio", False, {}, ())
    if credentials.is_installed():
        assert line(known) == "fits, does not say that a machine made this; signed by A Studio, a known signer"
        assert "does not fit" in line(replace(known, valid=False, problems=("claimSignature.mismatch",)))
        assert line(None) == "none"
