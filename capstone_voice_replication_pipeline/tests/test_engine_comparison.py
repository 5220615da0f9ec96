"""Two engines on one voice folder: their runs live side by side, and the proof card shows both."""

from __future__ import annotations

import importlib.util
import json
import os

import pytest

from voice_pipeline import engine_comparison, training
from voice_pipeline.card_text import card_table
from voice_pipeline.engine_comparison import other_engines
from voice_pipeline.errors import PipelineError
from voice_pipeline.evaluation import evaluate_voice
from voice_pipeline.training import read_split

from ..benchmarks.random_models import make_pocket
from .test_proof_card import FakeEngine, Speaker, ears, make_voice


class OtherEngine(FakeEngine):
    def load(self, model_dir, *, device="cpu"):
        FakeEngine.loaded.append(f"other {model_dir.parent.name}")
        return Speaker(170.0)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(engine_comparison, "get_engine", lambda name: OtherEngine())
    with ears():
        yield make_voice(tmp_path)


def add_run(folder, name: str, engine: str, clips: list[str], *, age: int = 0) -> None:
    model = folder.models / name / "best"
    model.mkdir(parents=True)
    (model / "voice.safetensors").write_text(name)
    row = {"engine": engine, "model": f"models/{name}/best", "train_clips": clips, "seconds": 2.0, "steps": 0}
    path = folder.models / name / training.FINISHED
    path.write_text(json.dumps(row))
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))


TRAINED = ["clip_0", "clip_1", "clip_2"]


def test_the_card_shows_the_newest_run_of_every_other_engine(folder):
    add_run(folder, "other-old", "other", TRAINED, age=100)
    add_run(folder, "other-new", "other", TRAINED)
    card = evaluate_voice(folder)
    assert [name for name in card["systems"] if name.startswith("engine_")] == ["engine_other"]
    assert "other other-new" in FakeEngine.loaded and "other other-old" not in FakeEngine.loaded
    other, clone = card["systems"]["engine_other"], card["systems"]["clone"]
    assert other["pitch_hz"] > clone["pitch_hz"] and other["similarity"] != clone["similarity"]
    assert (folder.reports / "samples" / "engine_other" / "clip_3.wav").is_file()
    assert "\nby other  " in card_table(card)


@pytest.mark.parametrize("clips", [[*TRAINED, "clip_3"], [*TRAINED, "gone"]])
def test_a_run_that_heard_other_clips_is_left_out_with_a_warning(folder, clips, caplog):
    add_run(folder, "other-1", "other", clips)
    assert other_engines(folder, *read_split(folder)) == {}
    assert "other-1 is not compared" in caplog.text


def test_an_engine_whose_model_is_gone_does_not_spoil_the_card(folder, monkeypatch, caplog):
    def gone(self, model_dir, *, device="cpu"):
        raise PipelineError("the base model is not on this machine", hint="fetch it")

    add_run(folder, "other-1", "other", TRAINED)
    monkeypatch.setattr(OtherEngine, "load", gone)
    card = evaluate_voice(folder)
    assert "engine_other" not in card["systems"] and "clone" in card["systems"]
    assert "fetch it" in caplog.text


def test_the_voices_own_model_has_to_load(folder, monkeypatch):
    monkeypatch.setattr(FakeEngine, "load", lambda self, model_dir, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        evaluate_voice(folder)


@pytest.mark.skipif(
    importlib.util.find_spec("pocket_tts") is None,
    reason="needs the extra: python3 00_env_setup/bootstrap.py extra pocket",
)
def test_pocket_learns_beside_another_engine_and_the_voice_can_go_back(tmp_path, monkeypatch):
    """The real pocket engine with random weights, through the pipeline's own training step."""
    from voice_pipeline.engines import get_engine
    from voice_pipeline.engines.pocket import PocketVoice

    folder = make_voice(tmp_path / "home")
    monkeypatch.setenv("VOICE_POCKET_CHECKPOINT", str(make_pocket(tmp_path / "base")))
    for module in (training, engine_comparison):
        monkeypatch.setattr(module, "get_engine", lambda name: FakeEngine() if name == "fake" else get_engine(name))
    before = sorted(path.name for path in folder.models.rglob("*"))
    result = training.fine_tune_voice(folder, engine="pocket", accept_licence=True)
    assert folder.read_info()["engine"] == "pocket" and result.steps == 0
    assert set(before) < {path.name for path in folder.models.rglob("*")}
    assert isinstance(training.load_voice(folder), PocketVoice)

    again = training.fine_tune_voice(folder, engine="pocket", accept_licence=True)
    assert again.model_dir == result.model_dir
    folder.update_info(engine="fake", model="models/run/best", run="run")
    voices = other_engines(folder, *read_split(folder))
    assert list(voices) == ["engine_pocket"] and isinstance(voices["engine_pocket"](), PocketVoice)
