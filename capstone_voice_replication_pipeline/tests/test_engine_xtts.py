"""The xtts engine on a tiny XTTS with random weights: licence, zero-shot, GPT fine-tuning, resume, refusals."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from voice_pipeline.engines import coqui_models, coqui_trainer, get_engine
from voice_pipeline.engines.base import Engine, FineTuneRequest, TrainingClip
from voice_pipeline.engines.curves import read_curves
from voice_pipeline.engines.xtts import XttsEngine
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder

from .engine_models import make_clips, make_xtts_checkpoint, small_dvae


@pytest.fixture(autouse=True, scope="module")
def _small_and_quick():
    before = torch.get_num_threads()
    with small_dvae():
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_xtts_checkpoint(tmp_path_factory.mktemp("base") / "xtts")


def accepted(checkpoint: Path) -> XttsEngine:
    engine = XttsEngine(checkpoint)
    engine.prepare(accept_licence=True)
    return engine


def request_for(folder: Path, clips, *, steps: int | None = None, **changes) -> FineTuneRequest:
    voice = VoiceFolder(folder, "ann").create()
    return FineTuneRequest(
        voice, voice.models / "run-1", train=clips[:5], validation=clips[5:], max_steps=steps, **changes
    )


@pytest.fixture(scope="module")
def zero_shot(tmp_path_factory, clips, checkpoint):
    return accepted(checkpoint).fine_tune(request_for(tmp_path_factory.mktemp("home"), clips))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, clips, checkpoint):
    request = request_for(tmp_path_factory.mktemp("home"), clips, steps=3)
    return request, accepted(checkpoint).fine_tune(request)


def test_it_is_an_engine_whose_licence_has_to_be_accepted():
    engine = get_engine("xtts")
    assert isinstance(engine, Engine) and engine.licence.needs_acceptance and engine.licence.url.startswith("https://")


def test_without_acceptance_nothing_happens(tmp_path, clips, checkpoint, monkeypatch):
    monkeypatch.delenv("COQUI_TOS_AGREED", raising=False)
    engine = XttsEngine(checkpoint)
    for attempt in (engine.prepare, lambda: engine.fine_tune(request_for(tmp_path, clips))):
        with pytest.raises(PipelineError, match="Coqui Public Model License") as error:
            attempt()
        assert engine.licence.url in str(error.value) and "non-commercial" in str(error.value)
        assert "--accept-licence" in error.value.hint
    assert "COQUI_TOS_AGREED" not in os.environ


def test_the_variable_alone_is_no_acceptance(checkpoint, monkeypatch):
    monkeypatch.setenv("COQUI_TOS_AGREED", "1")
    with pytest.raises(PipelineError, match="not accepted"):
        XttsEngine(checkpoint).prepare()


def test_acceptance_is_logged_and_told_to_coqui_for_the_download_only(tmp_path, monkeypatch, checkpoint, caplog):
    """Coqui's own manager checks its variable before it asks the hub; the hub is played by a copy of the tiny model."""
    monkeypatch.delenv("COQUI_TOS_AGREED", raising=False)
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    monkeypatch.setattr(coqui_models, "reachable", lambda address: "")
    monkeypatch.setattr(coqui_models, "_hub_snapshot", lambda model: None)
    seen = []

    def hub(repository, **kwargs):
        seen.append((repository, os.environ.get("COQUI_TOS_AGREED")))
        return str(shutil.copytree(checkpoint, tmp_path / "hub", dirs_exist_ok=True))

    monkeypatch.setattr("huggingface_hub.snapshot_download", hub)
    with caplog.at_level(logging.INFO):
        XttsEngine("tts_models/multilingual/multi-dataset/xtts_v2").prepare(accept_licence=True)
    assert seen == [("tts-hub/XTTS-v2", "1")] and "COQUI_TOS_AGREED" not in os.environ
    assert "https://tts-hub.github.io/cpml" in caplog.text


@pytest.mark.parametrize("offline", [True, False])
def test_without_a_network_it_says_so_at_once(tmp_path, monkeypatch, offline):
    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    started = time.monotonic()
    with pytest.raises(PipelineError, match="xtts_v2 is not on this machine") as error:
        XttsEngine("tts_models/multilingual/multi-dataset/xtts_v2").prepare(accept_licence=True, offline=offline)
    assert time.monotonic() - started < 20
    assert "--engine starter" in error.value.hint and "download_model(" in error.value.hint


def refuse(*args, **kwargs):
    raise OSError("no network in this test")


def test_zero_shot_keeps_only_what_is_the_voices_own(zero_shot):
    assert zero_shot.steps == 0
    assert sorted(path.name for path in zero_shot.model_dir.iterdir()) == ["conditioning.safetensors", "settings.json"]
    settings = json.loads((zero_shot.model_dir / "settings.json").read_text())
    assert settings["fine_tuned"] is False and settings["references"][0] == "clip_4"  # the longest first
    assert "Coqui Public Model License" in settings["licence"]


def test_it_speaks_seeded_and_at_the_asked_speed(zero_shot):
    voice = XttsEngine().load(zero_shot.model_dir)
    first = voice.synthesize("hello there", seed=1)
    assert voice.sample_rate == 24000 and first.dtype == np.float32 and first.ndim == 1 and first.any()
    assert np.abs(first).max() <= 1.0 and np.array_equal(first, voice.synthesize("hello there", seed=1))
    assert len(voice.synthesize("hello there", seed=1, speed=0.5)) > 1.5 * len(first)
    assert not voice.synthesize("...").any()


def test_the_conditioning_comes_from_the_clips(tmp_path, zero_shot, clips, checkpoint):
    from safetensors.torch import load_file

    other = make_clips(tmp_path / "other", seconds=2.0)
    result = accepted(checkpoint).fine_tune(request_for(tmp_path, other))
    ours, theirs = (load_file(r.model_dir / "conditioning.safetensors") for r in (zero_shot, result))
    assert ours["speaker_embedding"].shape == (1, 512, 1)
    assert not torch.allclose(ours["gpt_cond_latent"], theirs["gpt_cond_latent"])


def test_the_gpt_is_fine_tuned_and_nothing_else(tuned, checkpoint):
    from safetensors.torch import load_file

    request, result = tuned
    assert result.steps == 3 and result.metrics["eval_loss_mel_ce"] > 0
    before = torch.load(checkpoint / "model.pth", weights_only=True)["model"]
    after = load_file(result.model_dir / "gpt.safetensors")
    changed = [name for name, tensor in after.items() if not torch.equal(before[f"gpt.{name}"], tensor)]
    assert len(changed) > 0.8 * len(after)
    last = torch.load(request.run_dir / "last.pth", weights_only=True)["model"]
    frozen = [name for name in last if name.startswith("xtts.hifigan_decoder.") and name.endswith("weight")]
    assert frozen and all(torch.equal(last[name], before[name.removeprefix("xtts.")]) for name in frozen)
    assert len(XttsEngine().load(result.model_dir).synthesize("hello there")) > 500


def test_a_stopped_run_continues_its_curve(tuned, tmp_path, clips, checkpoint, monkeypatch):
    """Stopped between two checkpoints: the steps after the last one are done again, with the same result."""
    real = coqui_trainer.run_training

    def stop(report):
        if report.step == 2:
            raise KeyboardInterrupt

    request = request_for(tmp_path, clips, steps=3)
    monkeypatch.setattr(
        coqui_trainer, "run_training", lambda *a, **k: real(*a, **{**k, "save_every": 1, "on_step": stop})
    )
    with pytest.raises(KeyboardInterrupt):
        accepted(checkpoint).fine_tune(request)
    monkeypatch.setattr(coqui_trainer, "run_training", real)
    assert accepted(checkpoint).fine_tune(request).steps == 3
    curves = [
        [{key: value for key, value in row.items() if key != "seconds"} for row in read_curves(run_dir)]
        for run_dir in (request.run_dir, tuned[0].run_dir)
    ]
    assert curves[0] == curves[1] and len(curves[0]) >= 4


def test_clips_that_coqui_would_swap_are_named_instead(tmp_path, clips, checkpoint):
    base = clips[0]
    bad = [
        TrainingClip("short", base.path, base.text, 0.3),
        TrainingClip("long", base.path, base.text, 12.0),
        TrainingClip("wordy", base.path, "jumps over the lazy dog " * 40, 5.0),
        TrainingClip("foreign", base.path, "\N{SNOWMAN} says hello", 2.0),
        TrainingClip("silent", base.path, " ", 2.0),
    ]
    with pytest.raises(PipelineError, match=r"only 0 of 5 clips.*short: 0\.3 s.*tokens.*does not know"):
        accepted(checkpoint).fine_tune(request_for(tmp_path, bad, steps=1))
    with pytest.raises(PipelineError, match="only 0 of 0"):
        accepted(checkpoint).fine_tune(request_for(tmp_path, []))


def test_a_left_out_clip_is_in_the_settings(tmp_path, clips, checkpoint, caplog):
    mixed = [TrainingClip("long", clips[0].path, clips[0].text, 12.0), *clips[1:]]
    result = accepted(checkpoint).fine_tune(request_for(tmp_path, mixed, steps=1))
    left_out = json.loads((result.model_dir / "settings.json").read_text())["left_out"]
    assert [row["clip"] for row in left_out] == ["long"] and "clip long is left out" in caplog.text


@pytest.mark.parametrize("name", ["conditioning.safetensors", "settings.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_voice_is_said_clearly(zero_shot, tmp_path, name, damage):
    copy = shutil.copytree(zero_shot.model_dir, tmp_path / "copy")
    content = (copy / name).read_bytes()
    (copy / name).unlink()
    if damage == "cut":
        (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(PipelineError, match=name.replace(".", r"\.")) as error:
        XttsEngine().load(copy)
    assert error.value.hint


@pytest.mark.parametrize("name", ["model.pth", "vocab.json", "config.json"])
def test_a_damaged_base_is_said_clearly(tmp_path, clips, checkpoint, name):
    base = tmp_path / "base"
    base.mkdir()
    for path in checkpoint.iterdir():
        os.link(path, base / path.name)
    content = (base / name).read_bytes()
    (base / name).unlink()
    (base / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(PipelineError, match=r"damaged|cannot be loaded") as error:
        accepted(base).fine_tune(request_for(tmp_path, clips))
    assert error.value.hint
    (base / name).unlink()
    with pytest.raises(PipelineError, match="missing"):
        accepted(base)


def test_fine_tuning_without_the_dvae_says_what_is_missing(tmp_path, clips, checkpoint):
    base = tmp_path / "base"
    base.mkdir()
    for path in checkpoint.iterdir():
        if path.name != "dvae.pth":
            os.link(path, base / path.name)
    with pytest.raises(PipelineError, match=r"dvae\.pth") as error:
        accepted(base).fine_tune(request_for(tmp_path, clips, steps=1))
    assert "zero-shot" in error.value.hint
