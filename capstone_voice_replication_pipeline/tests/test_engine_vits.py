"""The vits engine on tiny checkpoints of the published format: load, fine-tune, kill, resume, export, speak, refuse."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from voice_pipeline.engines import coqui_models, get_engine
from voice_pipeline.engines.base import Engine, FineTuneRequest
from voice_pipeline.engines.coqui import setup_coqui
from voice_pipeline.engines.curves import read_curves
from voice_pipeline.engines.vits import VitsEngine, vits_checkpoints
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder

from .engine_models import SmallDiscriminator, make_clips, make_vits_checkpoint


@pytest.fixture(autouse=True, scope="module")
def _small_and_quick():
    setup_coqui()
    from TTS.tts.models import vits

    before, real = torch.get_num_threads(), vits.VitsDiscriminator
    torch.set_num_threads(1)
    vits.VitsDiscriminator = SmallDiscriminator
    yield real
    vits.VitsDiscriminator = real
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_vits_checkpoint(tmp_path_factory.mktemp("base") / "vits")


def request_for(folder: Path, clips, *, steps: int = 3, run: str = "run-1", **changes) -> FineTuneRequest:
    voice = VoiceFolder(folder, "ann").create()
    values = {"options": {"batch_size": 2}, "max_steps": steps, **changes}
    return FineTuneRequest(voice, voice.models / run, train=clips[:5], validation=clips[5:], **values)


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, clips, checkpoint):
    request = request_for(tmp_path_factory.mktemp("home"), clips)
    return request, VitsEngine(checkpoint).fine_tune(request)


def test_it_is_an_engine():
    engine = get_engine("vits")
    assert isinstance(engine, Engine) and engine.name == "vits" and not engine.licence.needs_acceptance


def test_published_checkpoints_have_names_and_licences():
    table = {model.name: model.licence for model in vits_checkpoints()}
    assert table["tts_models/en/ljspeech/vits"] == table["tts_models/en/vctk/vits"] == "apache 2.0"
    assert all(licence for licence in table.values())


def test_fine_tuning_leaves_best_last_and_curves(tuned):
    request, result = tuned
    assert result.steps == 3 and result.seconds > 0 and result.model_dir.parent == request.run_dir
    assert {path.name for path in request.run_dir.glob("*.pth")} >= {"best.pth", "last.pth"}
    rows = read_curves(request.run_dir)
    assert [row["step"] for row in rows if row["split"] == "train"] == [1, 2, 3]
    assert result.metrics["eval_loss_mel"] > 0 and result.metrics["best_step"] >= 1


def test_what_is_exported_is_safe_and_names_no_place(tuned, tmp_path):
    _, result = tuned
    assert sorted(path.name for path in result.model_dir.iterdir()) == [
        "config.json",
        "model.safetensors",
        "settings.json",
    ]
    assert "/" + "tmp" not in (result.model_dir / "config.json").read_text()
    settings = json.loads((result.model_dir / "settings.json").read_text())
    assert settings["engine"] == "vits" and settings["left_out"] == []


def test_the_weights_really_changed(tuned, checkpoint):
    from safetensors.torch import load_file

    before = torch.load(checkpoint / "model_file.pth", weights_only=True)["model"]
    after = load_file(tuned[1].model_dir / "model.safetensors")
    assert not any(name.startswith("disc.") for name in after)
    changed = sum(not torch.equal(before[name], tensor) for name, tensor in after.items())
    assert changed > 0.8 * len(after)


def test_it_speaks_seeded_and_at_the_asked_speed(tuned):
    voice = VitsEngine().load(tuned[1].model_dir)
    first = voice.synthesize("a small voice speaks", seed=1)
    assert voice.sample_rate == 22050 and first.dtype == np.float32 and first.ndim == 1
    assert len(first) > 1000 and np.isfinite(first).all() and np.abs(first).max() <= 1.0
    assert np.array_equal(first, voice.synthesize("a small voice speaks", seed=1))
    assert not np.array_equal(first, voice.synthesize("a small voice speaks", seed=2))
    slow, fast = (voice.synthesize("a small voice speaks " * 4, speed=speed) for speed in (0.25, 4.0))
    assert len(slow) > 2 * len(fast)
    assert np.abs(voice.synthesize("...")).max() <= 1.0 and not voice.synthesize("").any()


def test_speaking_leaves_the_random_numbers_of_others_alone(tuned):
    voice = VitsEngine().load(tuned[1].model_dir)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    voice.synthesize("hello", seed=3)
    assert torch.equal(torch.rand(3), expected)


def test_a_finished_run_is_returned_at_once(tuned, checkpoint):
    request, result = tuned
    stamp = (request.run_dir / "last.pth").stat().st_mtime_ns
    again = VitsEngine(checkpoint).fine_tune(request)
    assert (again.steps, again.seconds) == (result.steps, result.seconds)
    assert (request.run_dir / "last.pth").stat().st_mtime_ns == stamp


def test_killed_and_resumed_gives_the_same_curve(tmp_path, clips, checkpoint):
    """SIGKILL while training; the curve is the one of a run that was never stopped."""
    straight = request_for(tmp_path / "straight", clips, steps=5)
    VitsEngine(checkpoint).fine_tune(straight)

    stopped = request_for(tmp_path / "stopped", clips, steps=5)
    kill_during(stopped, checkpoint, clips, at_step=2)
    assert not (stopped.run_dir / "best").exists()
    (stopped.run_dir / ".last.0badf00d.tmp.pth").write_bytes(b"half a checkpoint")
    with open(stopped.run_dir / "curves.jsonl", "a") as handle:
        handle.write('{"step": 99, "spl')  # a line cut by the kill
    done_before = torch.load(stopped.run_dir / "last.pth", weights_only=True)["step"]
    assert 1 <= done_before < 5
    result = VitsEngine(checkpoint).fine_tune(stopped)

    assert result.steps == 5
    assert curve(stopped.run_dir) == curve(straight.run_dir)
    assert not list(stopped.run_dir.glob(".*.tmp*"))
    ours, theirs = (torch.load(r.run_dir / "last.pth", weights_only=True)["model"] for r in (stopped, straight))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def curve(run_dir: Path) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in read_curves(run_dir)]


def kill_during(request: FineTuneRequest, checkpoint: Path, clips, at_step: int) -> None:
    """Run `fine_tune` in a process that checkpoints every step, and kill it without warning once `at_step` is done."""
    rows = [(clip.clip_id, str(clip.path), clip.text, clip.seconds) for clip in clips]
    script = f"""
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, {str(Path(__file__).parent)!r})
import engine_models
engine_models.setup_coqui()
import TTS.tts.models.vits
TTS.tts.models.vits.VitsDiscriminator = engine_models.SmallDiscriminator
from voice_pipeline.engines import coqui_trainer, vits
from voice_pipeline.engines.base import FineTuneRequest, TrainingClip
from voice_pipeline.voice_folder import VoiceFolder
real = coqui_trainer.run_training
coqui_trainer.run_training = lambda *a, **k: real(*a, **{{**k, "save_every": 1}})
def told(share, sentence):
    print(sentence, flush=True)
clips = [TrainingClip(i, Path(p), t, s) for i, p, t, s in {rows!r}]
vits.VitsEngine({str(checkpoint)!r}).fine_tune(FineTuneRequest(
    VoiceFolder({str(request.folder.home)!r}, "ann"), Path({str(request.run_dir)!r}), clips[:5], clips[5:],
    max_steps=5, options={request.options!r}, on_progress=told))
"""
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    try:
        for line in child.stdout:
            if line.startswith(f"step {at_step} "):
                break
        else:
            pytest.fail("the child ended before it was killed")
    finally:
        child.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        child.wait()
        child.stdout.close()


def test_a_run_with_other_settings_is_not_continued(tuned, checkpoint, clips):
    request, _ = tuned
    other = FineTuneRequest(**{**vars(request), "options": {"batch_size": 2, "learning_rate": 0.01}})
    with pytest.raises(PipelineError, match="learning_rate") as error:
        VitsEngine(checkpoint).fine_tune(other)
    assert str(request.run_dir) in error.value.hint


def test_a_multi_speaker_base_gets_a_new_speaker(tmp_path, clips, monkeypatch, _small_and_quick):
    """With Coqui's own discriminator, too."""
    monkeypatch.setattr("TTS.tts.models.vits.VitsDiscriminator", _small_and_quick)
    base = make_vits_checkpoint(tmp_path / "base", speakers=["p1", "p2", "p3"])
    result = VitsEngine(base).fine_tune(request_for(tmp_path, clips, steps=1))
    voice = VitsEngine().load(result.model_dir)
    assert voice.model.speaker_manager.speaker_names == ["p1", "p2", "p3", "my-voice"]
    assert len(voice.synthesize("hello")) > 500


def test_old_weight_norm_names_are_read(tmp_path, clips, checkpoint):
    """Checkpoints of 2022 name weight normalisation `weight_g` and `weight_v`."""
    state = torch.load(checkpoint / "model_file.pth", weights_only=True)
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in state["model"].items()
    }
    assert any(name.endswith("weight_g") for name in old)
    base = tmp_path / "old"
    base.mkdir()
    torch.save({"model": old}, base / "model_file.pth")
    (base / "config.json").write_text((checkpoint / "config.json").read_text())
    assert VitsEngine(base).fine_tune(request_for(tmp_path, clips, steps=1)).steps == 1


def test_gruut_phonemes_work_without_a_system_program(tmp_path, clips, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    base = make_vits_checkpoint(tmp_path / "base", phonemizer="gruut")
    result = VitsEngine(base).fine_tune(request_for(tmp_path, clips, steps=1))
    assert len(VitsEngine().load(result.model_dir).synthesize("the quick brown fox")) > 500


def test_missing_espeak_is_said_with_the_line_that_installs_it(tmp_path, checkpoint, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    base = tmp_path / "espeak"
    base.mkdir()
    (base / "model_file.pth").write_bytes((checkpoint / "model_file.pth").read_bytes())
    config = json.loads((checkpoint / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "use_phonemes": True, "phonemizer": "espeak"}))
    with pytest.raises(PipelineError, match="espeak-ng") as error:
        VitsEngine(base).prepare()
    assert "install" in error.value.hint and "--engine starter" in error.value.hint


@pytest.mark.parametrize("offline", [True, False])
def test_without_a_network_it_says_so_at_once(tmp_path, monkeypatch, offline):
    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    monkeypatch.delenv("COURSE_OFFLINE", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    started = time.monotonic()
    with pytest.raises(PipelineError, match="tts_models/en/ljspeech/vits") as error:
        VitsEngine("tts_models/en/ljspeech/vits").prepare(offline=offline)
    assert time.monotonic() - started < 20
    assert "--engine starter" in error.value.hint and "download_model(" in error.value.hint
    assert not list(tmp_path.rglob("*.zip"))


def refuse(*args, **kwargs):
    raise OSError("no network in this test")


def test_an_interrupted_download_does_not_count(tmp_path, monkeypatch, checkpoint):
    monkeypatch.setenv("TTS_HOME", str(tmp_path))
    folder = tmp_path / "tts" / "tts_models--en--ljspeech--vits"
    folder.mkdir(parents=True)
    for name in ("config.json", "model_file.pth"):
        (folder / name).write_bytes((checkpoint / name).read_bytes())
    (folder / "tts_models--en--ljspeech--vits.zip").write_bytes(b"half")
    with pytest.raises(PipelineError, match="switched off"):
        VitsEngine("tts_models/en/ljspeech/vits").prepare(offline=True)
    (folder / "tts_models--en--ljspeech--vits.zip").unlink()
    VitsEngine("tts_models/en/ljspeech/vits").prepare(offline=True)


def test_the_download_is_coquis_own(tmp_path, monkeypatch, checkpoint):
    """ModelManager fetches, unpacks and checks a release from a server on the loopback."""
    import http.server
    import threading
    import zipfile

    served = tmp_path / "served"
    served.mkdir()
    with zipfile.ZipFile(served / "release.zip", "w") as archive:
        for name in ("config.json", "model_file.pth"):
            archive.write(checkpoint / name, f"tts_models--en--ljspeech--vits/{name}")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(served))

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        from TTS.utils.manage import ModelManager

        name = "tts_models/en/ljspeech/vits"
        address = f"http://127.0.0.1:{server.server_port}/release.zip"
        entry = {"github_rls_url": address, "license": "apache 2.0", "default_vocoder": None}
        listed = {"tts_models": {"en": {"ljspeech": {"vits": entry}}}}
        (tmp_path / "models.json").write_text(json.dumps(listed))
        monkeypatch.setattr(coqui_models, "_published", lambda: listed)
        monkeypatch.setenv("TTS_HOME", str(tmp_path / "home"))
        monkeypatch.delenv("COURSE_OFFLINE", raising=False)
        real = ModelManager.__init__
        monkeypatch.setattr(
            ModelManager, "__init__", lambda self, **k: real(self, models_file=tmp_path / "models.json", **k)
        )
        files = coqui_models.ensure_base_model(name)
        assert files.weights.name == "model_file.pth" and files.config.is_file()
        assert coqui_models.ensure_base_model(name, offline=True) == files
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
@pytest.mark.parametrize("damage", ["cut", "noise", "gone"])
def test_a_damaged_voice_is_said_clearly(tuned, tmp_path, name, damage):
    import shutil

    copy = shutil.copytree(tuned[1].model_dir, tmp_path / "copy")
    content = (copy / name).read_bytes()
    if damage == "gone":
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(content[: len(content) // 2] if damage == "cut" else os.urandom(200))
    with pytest.raises(PipelineError, match=name.replace(".", r"\.")) as error:
        VitsEngine().load(copy)
    assert error.value.hint


def test_a_damaged_base_is_said_clearly(tmp_path, clips, checkpoint):
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text((checkpoint / "config.json").read_text())
    with pytest.raises(PipelineError, match=r"model_file\.pth is missing"):
        VitsEngine(base).prepare()
    (base / "model_file.pth").write_bytes((checkpoint / "model_file.pth").read_bytes()[:1000])
    with pytest.raises(PipelineError, match="cannot be read"):
        VitsEngine(base).fine_tune(request_for(tmp_path, clips))


def test_a_base_that_wants_to_run_code_is_refused(tmp_path, clips, checkpoint):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "owned",))

    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text((checkpoint / "config.json").read_text())
    torch.save({"model": Evil()}, base / "model_file.pth")
    with pytest.raises(PipelineError, match="cannot be read"):
        VitsEngine(base).fine_tune(request_for(tmp_path, clips))
    assert not (tmp_path / "owned").exists()


def test_a_damaged_checkpoint_of_the_run_is_set_aside(tmp_path, clips, checkpoint):
    request = request_for(tmp_path, clips, steps=1)
    request.run_dir.mkdir(parents=True)
    (request.run_dir / "last.pth").write_bytes(b"PK not a checkpoint")
    told = []
    request.on_progress = lambda share, sentence: told.append(sentence)
    assert VitsEngine(checkpoint).fine_tune(request).steps == 1
    assert (request.run_dir / "last.damaged").is_file() and "damaged" in told[0]


def test_clips_that_cannot_be_used_are_named(tmp_path, clips, checkpoint):
    short = [type(clip)(clip.clip_id, clip.path, clip.text, 0.2) for clip in clips]
    with pytest.raises(PipelineError, match="clip_0: 0.2 s"):
        VitsEngine(checkpoint).fine_tune(request_for(tmp_path, short))
    mixed = [*short[:1], *clips[1:]]
    result = VitsEngine(checkpoint).fine_tune(request_for(tmp_path, mixed, steps=1))
    left_out = json.loads((result.model_dir / "settings.json").read_text())["left_out"]
    assert [row["clip"] for row in left_out] == ["clip_0"]


def test_wrong_settings_are_refused(tmp_path, clips, checkpoint):
    with pytest.raises(PipelineError, match="learning_rat"):
        VitsEngine(checkpoint).fine_tune(request_for(tmp_path, clips, options={"learning_rat": 1}))
    with pytest.raises(PipelineError, match="out of range"):
        VitsEngine(checkpoint).fine_tune(request_for(tmp_path, clips, options={"batch_size": 0}))
    with pytest.raises(PipelineError, match="no checkpoint folder"):
        VitsEngine("nowhere").prepare()
    with pytest.raises(PipelineError, match="publishes no model"):
        VitsEngine("tts_models/en/nobody/vits").prepare()


def test_max_seconds_stops_the_run(tmp_path, clips, checkpoint):
    result = VitsEngine(checkpoint).fine_tune(request_for(tmp_path, clips, steps=10_000, max_seconds=1.0))
    assert 1 <= result.steps < 10_000 and (result.model_dir / "model.safetensors").is_file()
