"""Scripts 05 and 06 as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from voice_pipeline.audio import decode
from voice_pipeline.consent import declare_licence
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake
from .serve_fake import load_module

CAPSTONE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def process_text() -> Any:
    return load_module(CAPSTONE / "05_process_text.py")


@pytest.fixture
def synthesize(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = load_module(CAPSTONE / "06_synthesize.py")
    monkeypatch.setattr("voice_pipeline.watermark._marker", lambda: None)
    monkeypatch.setattr("voice_pipeline.training.load_voice", lambda folder, device: fake.ToneVoice())
    return module


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = VoiceFolder(tmp_path / "home", "ada").create()
    best = folder.models / "run-1" / "best"
    best.mkdir(parents=True)
    (best / "model.safetensors").write_bytes(b"weights")
    folder.update_info(engine="starter", model="models/run-1/best")
    declare_licence(folder, "CC0 1.0", "tones")
    return tmp_path / "home"


def test_a_text_is_shown_as_it_is_spoken(process_text: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert process_text.main(["--text", "Dr. Lee paid $3.50. Caf\u00e9 \U0001f600"]) == 0
    shown = capsys.readouterr().out
    assert "Doctor Lee paid three dollars and fifty cents." in shown
    assert "2 chunks" in shown and "U+00E9" in shown and "U+1F600" in shown and "06_synthesize.py" in shown
    assert shown.isascii()


def test_a_file_is_shown(process_text: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "chapter.txt"
    file.write_bytes("\ufeffOne.\r\n\r\nTwo.".encode())
    assert process_text.main(["--file", str(file)]) == 0
    assert "2 chunks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot read"), (b"\xff\xfe\x00", "not UTF-8"), (b"", "nothing to say")]
)
def test_files_that_are_no_text(process_text: Any, tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "chapter.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PipelineError, match=message) as caught:
        process_text.main(["--file", str(file)])
    assert caught.value.hint


@pytest.mark.parametrize("arguments", [[], ["--text", "a", "--file", "b"]])
def test_one_source_is_needed(process_text: Any, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        process_text.main(arguments)
    assert caught.value.code == 2


def test_speech_is_written_with_its_history(synthesize: Any, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "said.flac"
    arguments = ["--home", str(home), "--voice", "ada", "--text", "I have 2 cats.", "--out", str(out), "--seed", "3"]
    assert synthesize.main(arguments) == 0
    record = json.loads((tmp_path / "said.flac.json").read_text(encoding="utf-8"))
    assert record["voice"] == "ada" and record["engine"] == "starter" and record["seed"] == 3
    assert record["consent_kind"] == "licence" and record["id"] in (home / "ada" / "provenance.jsonl").read_text()
    assert len(record["weights_sha256"]) == 64 and record["normalised_text"] == "I have two cats."
    assert fake.frequency(decode(out).waveform) == pytest.approx(fake.tone_of("I have two cats."), abs=8)


def test_speech_goes_to_the_voice_folder_by_default(synthesize: Any, home: Path) -> None:
    assert synthesize.main(["--home", str(home), "--voice", "ada", "--text", "Hello.", "--format", "mp3"]) == 0
    assert len(list((home / "ada" / "speech").glob("*.mp3"))) == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--voice", "nobody"], "no voice called"),
        (["--voice", "../ada"], "cannot be a voice name"),
        (["--voice", "ada", "--speed", "9"], "speed"),
        (["--voice", "ada", "--out", "a.xyz"], "audio format"),
        (["--voice", "ada", "--out", "a.mp3", "--format", "wav"], "disagree"),
    ],
)
def test_what_cannot_be_said_is_refused(synthesize: Any, home: Path, more: list[str], message: str) -> None:
    with pytest.raises(PipelineError, match=message) as caught:
        synthesize.main(["--home", str(home), "--text", "Hello.", *more])
    assert caught.value.hint
