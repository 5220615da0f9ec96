"""The pocket engine on the smallest published configuration with random weights: licence, network, voice, refusals."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
from pathlib import Path

import numpy as np
import pytest
import torch

from voice_pipeline.engines import get_engine, pocket_files
from voice_pipeline.engines.base import Engine, FineTuneRequest, TrainingClip
from voice_pipeline.engines.pocket import PocketEngine
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder

from ..benchmarks.random_models import make_pocket
from .engine_models import make_clips

needs_package = pytest.mark.skipif(
    importlib.util.find_spec("pocket_tts") is None,
    reason="needs the extra: python3 00_env_setup/bootstrap.py extra pocket",
)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_pocket(tmp_path_factory.mktemp("base"))


def accepted(checkpoint: Path) -> PocketEngine:
    engine = PocketEngine(checkpoint)
    engine.prepare(accept_licence=True)
    return engine


def request_for(home: Path, clips: list[TrainingClip], **changes) -> FineTuneRequest:
    voice = VoiceFolder(home, "ann").create()
    return FineTuneRequest(voice, voice.models / "run-1", train=clips[:5], validation=clips[5:], **changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory, clips, checkpoint):
    return accepted(checkpoint).fine_tune(request_for(tmp_path_factory.mktemp("home"), clips))


@pytest.fixture(scope="module")
def voice(made):
    return PocketEngine().load(made.model_dir)


def test_it_is_an_engine_whose_terms_have_to_be_accepted():
    engine = get_engine("pocket")
    assert isinstance(engine, Engine) and engine.licence.needs_acceptance and "CC BY 4.0" in engine.licence.name
    assert engine.licence.url.startswith("https://") and "consent" in engine.licence.note


def test_without_acceptance_nothing_happens(tmp_path, clips, monkeypatch):
    monkeypatch.setattr(pocket_files, "base_files", lambda *a, **k: pytest.fail("it looked for the weights"))
    engine = PocketEngine()
    for attempt in (engine.prepare, lambda: engine.fine_tune(request_for(tmp_path, clips))):
        with pytest.raises(PipelineError, match="not accepted") as error:
            attempt()
        assert engine.licence.url in str(error.value) and "--accept-licence" in error.value.hint


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pocket_tts" else real(name))
    with pytest.raises(PipelineError, match="not installed") as error:
        PocketEngine().prepare(accept_licence=True)
    assert error.value.hint == "python3 00_env_setup/bootstrap.py extra pocket"


def online(monkeypatch) -> None:
    """As if nobody had switched the network off, whatever this machine's environment says."""
    for variable in ("COURSE_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@needs_package
@pytest.mark.parametrize("way", ["offline", "HF_HUB_OFFLINE", "COURSE_OFFLINE", "no network"])
def test_without_a_network_it_says_so_at_once(tmp_path, monkeypatch, way):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    online(monkeypatch)
    asked = []

    def refuse(*args, **kwargs):
        asked.append(args)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    if way.isupper():
        monkeypatch.setenv(way, "1")
    with pytest.raises(PipelineError, match="english is not on this machine and cannot be fetched") as error:
        PocketEngine().prepare(accept_licence=True, offline=way == "offline")
    assert bool(asked) is (way == "no network") and len(asked) < 5  # asked once, not again and again
    assert "--engine starter" in error.value.hint and "hf auth login" in error.value.hint


@needs_package
@pytest.mark.parametrize("answer", ["GatedRepoError", "RepositoryNotFoundError", "OSError"])
def test_what_the_hub_refuses_is_said_with_the_repair(monkeypatch, answer):
    """The package itself would fall back to weights that cannot clone, without a word."""
    import huggingface_hub.errors as hub
    from httpx import Request, Response

    response = Response(401, request=Request("GET", "https://hub.test"))

    def download(place):
        assert place.startswith("hf://kyutai/pocket-tts/languages/english/model.safetensors@")
        raise OSError("disk full") if answer == "OSError" else getattr(hub, answer)("no", response=response)

    monkeypatch.setattr(pocket_files, "_cached", lambda place: None)
    monkeypatch.setattr(pocket_files, "reachable", lambda address: "")
    monkeypatch.setattr("pocket_tts.utils.utils.download_if_necessary", download)
    online(monkeypatch)
    with pytest.raises(PipelineError, match="disk full" if answer == "OSError" else "agree to its terms") as error:
        PocketEngine().prepare(accept_licence=True)
    assert pocket_files.TERMS in error.value.hint and "hf auth login" in error.value.hint


@needs_package
def test_what_is_in_the_hubs_cache_is_used_without_a_network(tmp_path, clips, checkpoint, monkeypatch):
    """The cache as the hub's library lays it out: a published name then works like a folder."""
    import yaml
    from pocket_tts.utils.config import CONFIGS_DIR

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    name = "english_2m_2026-10"
    values = yaml.safe_load((CONFIGS_DIR / f"{name}.yaml").read_text(encoding="utf-8"))
    for place, source in (
        (values["weights_path"], "model.safetensors"),
        (values["flow_lm"]["lookup_table"]["tokenizer_path"], "tokenizer.json"),
    ):
        address, revision = place.removeprefix("hf://").split("@")
        owner, repository, filename = address.split("/", 2)
        target = tmp_path / f"models--{owner}--{repository}" / "snapshots" / revision / filename
        target.parent.mkdir(parents=True)
        shutil.copy(checkpoint / source, target)
    files = pocket_files.base_files(name, offline=True)
    assert files.weights.is_relative_to(tmp_path) and files.identity == values["weights_path"]


@needs_package
def test_the_voice_is_what_the_model_heard_of_the_longest_clips(made, checkpoint):
    assert made.steps == 0 and made.metrics == {"prompt_seconds": pytest.approx(7.4, abs=0.01)}
    assert sorted(path.name for path in made.model_dir.iterdir()) == ["settings.json", "voice.safetensors"]
    settings = json.loads((made.model_dir / "settings.json").read_text())
    assert settings["references"] == ["clip_4", "clip_3", "clip_2", "clip_1", "clip_0"]
    assert settings["checkpoint"] == str(checkpoint) and "CC BY 4.0" in settings["licence"]


@needs_package
def test_the_prompt_is_cut_by_whole_clips(tmp_path, clips, checkpoint):
    """Thirty seconds, where the package itself would cut in the middle of a word."""
    long = [TrainingClip(f"long_{n}", clips[0].path, clips[0].text, 11.0 + n) for n in range(4)]
    result = accepted(checkpoint).fine_tune(request_for(tmp_path, long))
    assert json.loads((result.model_dir / "settings.json").read_text())["references"] == ["long_3", "long_2"]


@needs_package
def test_it_speaks_seeded_and_at_the_asked_speed(voice):
    first = voice.synthesize("hello there", seed=1)
    assert voice.sample_rate == 24000 and first.dtype == np.float32 and first.ndim == 1 and first.any()
    assert np.abs(first).max() <= 1.0 and np.array_equal(first, voice.synthesize("hello there", seed=1))
    assert not np.array_equal(first, voice.synthesize("hello there", seed=2))
    assert len(voice.synthesize("hello there", seed=1, speed=0.5)) == pytest.approx(2 * len(first), rel=0.1)
    silence = voice.synthesize("...")
    assert len(silence) and not silence.any()


@needs_package
def test_speaking_changes_neither_the_voice_nor_the_random_numbers_nor_the_threads(voice):
    before = {module: {n: t.clone() for n, t in tensors.items()} for module, tensors in voice._state.items()}
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    voice.synthesize("hello there", seed=1)
    assert torch.equal(torch.rand(1), expected) and torch.get_num_threads() == 1
    for module, tensors in before.items():
        assert all(torch.equal(voice._state[module][name], tensor) for name, tensor in tensors.items())


@needs_package
def test_another_speaker_gives_another_voice(tmp_path, made, voice, clips, checkpoint):
    other = make_clips(tmp_path / "other", seconds=2.0)
    result = accepted(checkpoint).fine_tune(request_for(tmp_path, other))
    theirs = PocketEngine().load(result.model_dir)
    said = [one.synthesize("hello there", seed=1) for one in (voice, theirs)]
    assert not np.array_equal(*said)  # with random weights the difference is small


@needs_package
def test_no_steps_no_unknown_settings_and_no_speech_are_refused(tmp_path, clips, checkpoint):
    engine = accepted(checkpoint)
    with pytest.raises(PipelineError, match="trains nothing") as error:
        engine.fine_tune(request_for(tmp_path, clips, max_steps=5))
    assert "--steps" in error.value.hint
    with pytest.raises(PipelineError, match="no setting volume"):
        engine.fine_tune(request_for(tmp_path, clips, options={"volume": 3}))
    with pytest.raises(PipelineError, match=r"hold 1\.3 s of speech"):
        engine.fine_tune(request_for(tmp_path, clips[:1]))
    with pytest.raises(PipelineError, match="only 0 of 0"):
        engine.fine_tune(request_for(tmp_path, []))


@needs_package
@pytest.mark.parametrize("name", ["voice.safetensors", "settings.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_voice_is_said_clearly(made, tmp_path, name, damage):
    copy = shutil.copytree(made.model_dir, tmp_path / "copy")
    content = (copy / name).read_bytes()
    (copy / name).unlink()
    if damage == "cut":
        (copy / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(PipelineError, match=name.replace(".", r"\.")) as error:
        PocketEngine().load(copy)
    assert error.value.hint


@needs_package
def test_a_voice_of_another_model_is_refused(made, tmp_path, checkpoint):
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(made.model_dir, tmp_path / "copy")
    tensors = load_file(copy / "voice.safetensors")
    name = next(key for key in tensors if key.endswith("/cache"))
    save_file({**tensors, name: tensors[name][..., :-1].contiguous()}, copy / "voice.safetensors")
    with pytest.raises(PipelineError, match="does not fit"):
        PocketEngine().load(copy)

    other = make_pocket(tmp_path / "base", seed=1)
    settings = json.loads((made.model_dir / "settings.json").read_text())
    moved = shutil.copytree(made.model_dir, tmp_path / "moved")
    (moved / "settings.json").write_text(json.dumps({**settings, "checkpoint": str(other)}))
    with pytest.raises(PipelineError, match="other weights"):
        PocketEngine().load(moved)


@needs_package
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.yaml"])
def test_a_damaged_base_is_said_clearly(tmp_path, clips, checkpoint, name):
    base = shutil.copytree(checkpoint, tmp_path / "base")
    content = (base / name).read_bytes()
    (base / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(PipelineError, match=r"cannot be loaded|no configuration") as error:
        accepted(base).fine_tune(request_for(tmp_path, clips))
    assert error.value.hint
    (base / name).unlink()
    with pytest.raises(PipelineError, match=r"missing|no configuration"):
        accepted(base)


@needs_package
def test_weights_that_could_carry_code_are_refused(tmp_path, checkpoint):
    base = shutil.copytree(checkpoint, tmp_path / "base")
    config = base / "config.yaml"
    config.write_text(config.read_text().replace("model.safetensors", "model.pt"))
    torch.save({}, base / "model.pt")
    with pytest.raises(PipelineError, match="not one safetensors file"):
        accepted(base)


@needs_package
def test_an_unknown_model_is_refused_with_those_there_are():
    with pytest.raises(PipelineError, match="no English model called 'klingon'") as error:
        PocketEngine("klingon").prepare(accept_licence=True)
    assert "english_2m_2026-10" in error.value.hint
