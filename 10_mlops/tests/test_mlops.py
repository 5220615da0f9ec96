"""Module 10: the clip judge and its services, the gate, servers that end, drift, and the parts of each script."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from fastapi.testclient import TestClient
from scipy.stats import ks_2samp

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]
RATE = 24_000


def lesson(name: str):
    return load_script(MODULE / f"{name}.py")


@pytest.fixture(scope="module")
def clip_model():
    return lesson("clip_model")


@pytest.fixture(scope="module")
def clip_training():
    return lesson("clip_training")


@pytest.fixture(scope="module")
def utils():
    return lesson("mlops_utils")


def speech_like(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    """Room, a buzz that swells, room."""
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = 0.2 * np.sin(2 * np.pi * 150 * t) * (1 + 0.5 * np.sin(2 * np.pi * 4 * t))
    whole = np.pad(buzz, RATE // 4)
    return (whole + 1e-4 * np.random.default_rng(seed).normal(size=len(whole))).astype(np.float32)


def table_of_five(clip_model, rows: int = 200, noise: float = 0.3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Made-up features in which the kinds can be told apart."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % len(clip_model.KINDS)
    table = np.eye(len(clip_model.KINDS), len(clip_model.FEATURES))[labels] * 10 - 30
    return table + noise * random.normal(size=table.shape), labels


@pytest.fixture(scope="module")
def model(clip_model, clip_training):
    return clip_training.train(*table_of_five(clip_model), epochs=30)


# ------------------------------------------------------------------------------------------- bytes, features, model


def test_features_are_those_of_module_04(clip_model):
    quality = load_script(MODULE.parent / "04_speech_audio_processing" / "09_clip_quality.py")
    sound = speech_like()
    theirs = dict(zip(quality.FEATURES, quality.features(sound), strict=True))
    ours = dict(zip(clip_model.FEATURES, clip_model.features(sound), strict=True))
    assert ours == pytest.approx({name: theirs[name] for name in clip_model.FEATURES}, rel=1e-5, abs=1e-5)
    assert quality.CLASSES == clip_model.KINDS


def test_what_cannot_be_judged_is_refused_by_name(clip_model, utils, tmp_path):
    nan = tmp_path / "nan.wav"
    soundfile.write(nan, np.full(RATE, np.nan, np.float32), RATE, subtype="FLOAT")
    cases = {
        b"": (415, "not_audio"),
        b"RIFF and nothing": (415, "not_audio"),
        utils.wav_bytes(np.zeros(2400, np.float32)): (422, "wrong_length"),
        bytes(clip_model.MAX_BYTES + 1): (413, "too_large"),
        nan.read_bytes(): (422, "not_finite"),
    }
    for body, wanted in cases.items():
        with pytest.raises(clip_model.BadClip) as caught:
            clip_model.decode(body)
        assert (caught.value.status, caught.value.code) == wanted
        assert "0x" not in str(caught.value)  # no addresses of objects: they are told to clients


def test_stereo_at_another_rate_becomes_mono_at_ours(clip_model, tmp_path):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([np.full(16_000, 0.4), np.zeros(16_000)], axis=1), 16_000)
    sound = clip_model.decode(path.read_bytes())
    assert sound.shape == (RATE,) and sound.dtype == np.float32
    assert np.median(sound) == pytest.approx(0.2, abs=0.01)


def test_without_scikit_learn_the_model_says_the_same(clip_model):
    from sklearn.neural_network import MLPClassifier

    table, labels = table_of_five(clip_model)
    mean, scale = table.mean(axis=0), table.std(axis=0)
    theirs = MLPClassifier((7,), max_iter=3, random_state=1)
    for _ in range(4):
        theirs.partial_fit((table - mean) / scale, labels, classes=range(5))
    parts = list(zip(theirs.coefs_, theirs.intercepts_, strict=True))
    ours = clip_model.ClipModel(mean, scale, *parts)
    assert np.allclose(ours.probabilities(table), theirs.predict_proba((table - mean) / scale), atol=1e-12)


def test_a_model_survives_its_file_and_no_other_file_is_one(clip_model, model, tmp_path):
    path = tmp_path / "m.safetensors"
    model.save(path)
    table, _ = table_of_five(clip_model)
    assert np.array_equal(clip_model.ClipModel.load(path).probabilities(table), model.probabilities(table))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CourseError, match="is no model"):
        clip_model.ClipModel.load(path)
    other = model.to_bytes().replace(b"loud_frames", b"LOUD_frames")
    path.write_bytes(other)
    with pytest.raises(CourseError, match="other features"):
        clip_model.ClipModel.load(path)


def test_the_current_model_changes_at_once_and_a_broken_one_is_not_taken(clip_model, model, tmp_path, caplog):
    with pytest.raises(CourseError, match="names no model"):
        clip_model.Current(tmp_path)
    model.save(tmp_path / "a.safetensors")
    clip_model.point_to(tmp_path, "a.safetensors", "1")
    current = clip_model.Current(tmp_path)
    held = current.model()
    model.save(tmp_path / "b.safetensors")
    clip_model.point_to(tmp_path, "b.safetensors", "2")
    assert current.model().version == "2" and held.version == "1" and current.loads == 2
    clip_model.point_to(tmp_path, "missing.safetensors", "3")
    assert current.model().version == "2" and "the new model is not used" in caplog.text
    clip_model.point_to(tmp_path, "a.safetensors", "4")
    assert current.model().version == "4"


# --------------------------------------------------------------------------------------------------------- the gate


def test_the_gate_lets_in_only_what_is_better_by_more_than_chance(clip_model, clip_training, model):
    table, labels = table_of_five(clip_model, seed=5)
    weak = clip_training.train(table[:20], labels[:20], epochs=2)
    gate = clip_training.Gate()
    better = clip_training.decide(weak, model, table, labels, gate)
    assert better.promoted and better.low > 0 and better.gain > 0.2
    same = clip_training.decide(model, model, table, labels, gate)
    assert not same.promoted and same.gain == 0
    worse = clip_training.decide(model, weak, table, labels, gate)
    assert not worse.promoted and any("found" in reason for reason in worse.reasons)
    small = clip_training.decide(weak, model, table, labels, dataclasses.replace(gate, max_bytes=100))
    assert [reason for reason in small.reasons if "bytes" in reason]


def test_a_kind_unlearnt_is_named_even_when_the_mean_rises(clip_model, clip_training, model):
    labels = np.repeat([0, 1], [90, 10])

    class Says:
        def __init__(self, said):
            self.said = said

        def probabilities(self, table):
            return np.eye(5)[self.said]

        def to_bytes(self):
            return b""

    old = Says(np.repeat([1, 0, 1], [40, 50, 10]))  # wrong in 40 of the first kind
    new = Says(np.zeros(100, int))  # right in all of the first, in none of the second
    decision = clip_training.decide(old, new, np.zeros((100, 10)), labels, clip_training.Gate())
    assert decision.gain == pytest.approx(0.3) and decision.low > 0
    assert decision.reasons == ("noisy: found 0%, before 100%",)


# --------------------------------------------------------------------------------------------------- servers that end

PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("failure", [None, KeyboardInterrupt, ValueError])
def test_a_server_and_its_children_end_with_the_block(utils, tmp_path, failure):
    log, seen = tmp_path / "log", []
    try:
        with utils.launched([sys.executable, "-c", PARENT], 1, log) as server:
            while not log.read_text().strip():
                assert server.process.poll() is None
            seen += [server.process.pid, int(log.read_text())]
            assert all(psutil.pid_exists(pid) for pid in seen)
            if failure:
                raise failure
    except (KeyboardInterrupt, ValueError):
        assert failure
    assert len(seen) == 2
    for pid in seen:
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_script_leaves_no_server(tmp_path):
    """Nobody can clean up after SIGKILL but somebody else: the watcher."""
    code = (
        "import sys, time; from pathlib import Path; import mlops_utils\n"
        "with mlops_utils.launched([sys.executable, '-c', sys.argv[1]], 1, Path(sys.argv[2])) as server:\n"
        "    print(server.process.pid, flush=True); time.sleep(600)\n"
    )
    log = tmp_path / "log"
    script = subprocess.Popen(
        [sys.executable, "-c", code, PARENT, str(log)], cwd=MODULE, stdout=subprocess.PIPE, text=True
    )
    pids = [int(script.stdout.readline())]
    while not log.read_text().strip():
        assert script.poll() is None
    family = [psutil.Process(pid) for pid in [*pids, int(log.read_text())]]
    script.kill()
    script.communicate()
    _, alive = psutil.wait_procs(family, timeout=120)
    assert not [member for member in alive if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]


def test_a_server_that_dies_is_reported_with_its_last_words(utils, tmp_path):
    command = [sys.executable, "-c", "print('no port left'); raise SystemExit(3)"]
    with utils.launched(command, utils.free_port(), tmp_path / "log") as server:
        with pytest.raises(CourseError, match="no port left"):
            server.wait("/ready")


def test_the_service_process_answers_and_ends_well(utils, clip_model, model, tmp_path):
    """The real process, as the scripts start it."""
    model.save(tmp_path / "m.safetensors")
    clip_model.point_to(tmp_path, "m.safetensors", "7")
    with utils.clip_service(tmp_path, tmp_path / "log") as server:
        answer = utils.httpx.get(server.url + "/ready", trust_env=False)
        assert answer.json() == {"status": "ready", "model_version": "7"}
    assert server.process.returncode == (0 if os.name != "nt" else server.process.returncode)
    done = subprocess.run(
        [sys.executable, str(MODULE / "clip_service.py"), "--models", str(tmp_path / "nothing")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and "names no model" in done.stderr and "HINT:" in done.stderr


def test_missing_packages_name_the_command(utils):
    with pytest.raises(CourseError) as caught:
        utils.needs("numpy", "no_such_package")
    assert "no_such_package" in str(caught.value) and "numpy" not in str(caught.value)
    assert caught.value.hint == "python3 00_env_setup/bootstrap.py setup operations"


def test_another_microphone_cuts_the_treble_and_hisses(utils):
    sound = speech_like()
    heard = utils.other_microphone(sound, np.random.default_rng(0), gain_db=-6.0, hiss_db=-60.0)
    tone = np.abs(np.fft.rfft(heard[RATE // 4 : -RATE // 4]))
    assert heard.dtype == np.float32 and len(heard) == len(sound)
    assert tone[150] < 0.05 * np.abs(np.fft.rfft(sound[RATE // 4 : -RATE // 4]))[150]  # 150 Hz is below the band
    assert 20 * np.log10(heard[: RATE // 5].std()) == pytest.approx(-60, abs=0.5)


# -------------------------------------------------------------------------------------------------- the two services


@pytest.fixture(scope="module")
def models(clip_model, model, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    model.save(folder / "m.safetensors")
    clip_model.point_to(folder, "m.safetensors", "1")
    return folder


def test_fastapi_judges_counts_and_refuses(models, utils):
    client = TestClient(lesson("clip_service").create_app(models))
    answer = client.post("/v1/clips", content=utils.wav_bytes(speech_like()))
    verdict = answer.json()
    assert answer.status_code == 200 and verdict["model_version"] == "1"
    assert sum(verdict["probabilities"].values()) == pytest.approx(1)
    assert verdict["probability"] == max(verdict["probabilities"].values())
    refused = client.post("/v1/clips", content=b"no sound")
    assert refused.status_code == 415 and refused.json()["error"]["code"] == "not_audio"
    assert client.post("/v1/clips", content=bytes(2_000_001)).status_code == 413
    metrics = client.get("/metrics").text
    assert 'clip_requests_total{status="200"} 1.0' in metrics and 'clip_requests_total{status="415"} 1.0' in metrics
    assert f'clip_verdicts_total{{kind="{verdict["kind"]}"}} 1.0' in metrics
    assert "/v1/clips" in client.get("/openapi.json").json()["paths"] and client.get("/health").status_code == 200


def test_a_log_line_is_one_object_with_the_features(models, utils, caplog):
    service = lesson("clip_service")
    with caplog.at_level("INFO", logger="clips"):
        TestClient(service.create_app(models)).post("/v1/clips", content=utils.wav_bytes(speech_like()))
    [record] = [record for record in caplog.records if record.getMessage() == "judged"]
    line = json.loads(service.OneLineOfJson().format(record))
    assert line["status"] == 200 and line["ms"] > 0 and set(line["features"]) == set(service.FEATURES)


@pytest.mark.skipif(importlib.util.find_spec("flask") is None, reason="needs bootstrap.py setup operations: flask")
def test_flask_says_the_same_in_one_form(models, utils):
    body = utils.wav_bytes(speech_like())
    flask = lesson("clip_service_flask").create_app(models).test_client()
    fast = TestClient(lesson("clip_service").create_app(models))
    said, other = flask.post("/v1/clips", data=body).get_json(), fast.post("/v1/clips", content=body).json()
    assert {**said, "request_id": ""} == {**other, "request_id": ""}
    for answer, status in (
        (flask.post("/v1/clips", data=b"no"), 415),
        (flask.get("/v1/clips"), 405),
        (flask.get("/nowhere"), 404),
        (flask.post("/v1/clips", data=bytes(2_000_001)), 413),
    ):
        assert answer.status_code == status and set(answer.get_json()["error"]) == {"code", "message"}


# ---------------------------------------------------------------------------------------------- parts of the scripts


def test_01_the_fingerprint_changes_with_one_label(utils):
    tracking = lesson("01_track_experiments")
    data = utils.Data(np.zeros((4, 10)), np.zeros(4, int), np.array(list("aabb")), np.array([1, 1, 0, 0], bool), [])
    changed = dataclasses.replace(data, labels=np.array([0, 0, 0, 1]))
    assert tracking.fingerprint(data) == tracking.fingerprint(dataclasses.replace(data))
    assert tracking.fingerprint(data) != tracking.fingerprint(changed)


def test_05_gaps_are_scipys_and_drift_is_found(clip_model):
    watch = lesson("05_monitor_and_drift")
    random = np.random.default_rng(3)
    reference, window = random.normal(size=(60, 3)).round(1), random.normal(size=(25, 3)).round(1)  # with equal values
    is_window = np.arange(85) >= 60
    gaps = watch.largest_gaps(np.concatenate([reference, window]), is_window[None])[0]
    assert gaps == pytest.approx([ks_2samp(reference[:, k], window[:, k]).statistic for k in range(3)])
    assert watch.drift(reference, window, random)[0] > 0.01
    assert watch.drift(reference, window * [1, 1, 0.1], random)[0] < 0.01  # same mean, another spread


def test_05_a_quantile_lies_in_its_bucket(clip_model):
    watch = lesson("05_monitor_and_drift")
    text = 'x_bucket{le="0.1"} 50\nx_bucket{le="0.2"} 90\nx_bucket{le="+Inf"} 100\n'
    found = watch.samples("# TYPE x histogram\n" + text + "x_count 100\nx_sum 9\n")
    assert watch.quantile_of_buckets(found, "x", 0.7) == pytest.approx((0.15, 0.1, 0.2))
    assert watch.quantile_of_buckets(found, "x", 0.99)[0] == 0.2
    with pytest.raises(CourseError, match="counted nothing"):
        watch.quantile_of_buckets({("x_bucket", frozenset({("le", "+Inf")})): 0.0}, "x", 0.5)


@pytest.mark.skipif(importlib.util.find_spec("promql_parser") is None, reason="needs bootstrap.py setup operations")
def test_05_a_query_for_what_is_not_there_is_named(models):
    watch = lesson("05_monitor_and_drift")
    found = watch.samples(TestClient(lesson("clip_service").create_app(models)).get("/metrics").text)
    assert watch.query_problems("histogram_quantile(0.9, rate(clip_request_seconds_bucket[5m]))", found) == []
    assert watch.query_problems("rate(clip_seconds_bucket[5m])", found) == [
        "the service has no metric clip_seconds_bucket"
    ]
    assert watch.query_problems('clip_model_loads{zone="a"}', found) == ["clip_model_loads has no label zone"]
    assert watch.query_problems("1 + 1", found) == ["it asks for nothing"]


def test_06_a_change_travels_down_and_into_later_stages(clip_model):
    docker = lesson("06_package_with_docker")
    steps = [("FROM", "a AS build"), ("COPY", "lock /b/"), ("RUN", "pip install"), ("FROM", "a AS last"),
             ("COPY", "--from=build /v /v"), ("COPY", "app /app"), ("CMD", "[]")]  # fmt: skip
    visible = ["lock", "app/main.py", "apple"]
    assert docker.made_again(steps, visible, "apple") == []
    assert docker.made_again(steps, visible, "app/main.py") == ["COPY app /app", "CMD []"]
    again = docker.made_again(steps, visible, "lock")
    assert docker.slow_steps(again) == 1 and "FROM a AS last" not in again and "COPY --from=build /v /v" in again


def test_06_rules_find_what_a_linter_does_not(clip_model):
    docker = lesson("06_package_with_docker")
    good = [("FROM", "a"), ("USER", "10001:10001"), ("HEALTHCHECK", "CMD []"), ("CMD", '["x"]')]
    assert docker.own_rules(good, "*\n!app\n") == []
    spoilt = [("FROM", "a"), ("ENV", "API_TOKEN=1"), ("USER", "nobody"), ("CMD", "x")]
    assert len(docker.own_rules(spoilt, "app\n")) == 5


def test_07_rules_find_each_planted_fault_that_a_schema_cannot(clip_model):
    ci = lesson("07_explain_ci")
    text = ci.WORKFLOW.read_text(encoding="utf-8")
    assert ci.rule_problems(text) == [] and ci.explain(text)[1] == []
    silent = [name for name, change in ci.FAULTS.items() if not ci.rule_problems(text.replace(*change, 1))]
    assert silent == ["a job without a machine", "a value of the wrong kind"]  # the schema's
    assert ci.explain(text + "surprise: 1\n")[1] == ["surprise: 1"]
    needs = "jobs:\n  a:\n    needs: b\n    timeout-minutes: 1\npermissions: {}\n"
    assert ci.rule_problems(needs) == ["a needs b, which is no job"]


@pytest.mark.skipif(os.name == "nt", reason="runs the steps in bash")
def test_07_nothing_is_released_after_a_failure(clip_model, tmp_path):
    ci = lesson("07_explain_ci")
    step = 'jobs:\n  last:\n    needs: first\n    steps:\n      - run: python -c \'open("done", "w")\'\n'
    assert ci.run_release(step + "  first:\n    steps:\n      - run: python -c 'pass'\n", tmp_path) == {
        "first": "passed",
        "last": "passed",
    }
    (tmp_path / "done").unlink()
    failing = step + "  first:\n    steps:\n      - run: python -c 'raise SystemExit(1)'\n"
    assert ci.run_release(failing, tmp_path) == {"first": "failed", "last": "skipped"}
    assert not (tmp_path / "done").exists()


def test_08_each_file_is_refused_for_its_reason_and_the_rest_is_added(utils, tmp_path):
    loop = lesson("08_close_the_loop")
    good = utils.wav_bytes(speech_like())
    store = loop.Store(np.zeros((2, 10)), np.zeros(2, int))
    before = store.version()
    rows = [
        ("a.wav", good, "clean", "x"),
        ("b.wav", good, "clean", "x"),
        ("c.wav", b"", "clean", "x"),
        ("d.wav", utils.wav_bytes(np.zeros(RATE, np.float32)), "clean", "x"),
        ("e.wav", utils.wav_bytes(speech_like(seed=2)), "loud", "x"),
        ("f.wav", utils.wav_bytes(speech_like(seed=3)), "clean", "test voice"),
        ("../g.wav", utils.wav_bytes(speech_like(seed=4)), "clean", "x"),
        ("h.wav", utils.wav_bytes(speech_like(seed=5)), "quiet", "x"),
    ]
    loop.arrive(tmp_path / "inbox", rows)
    assert not (tmp_path / "g.wav").exists()
    after, refused = loop.take_in(tmp_path / "inbox", store, {"test voice"})
    reasons = ("same bytes", "not there", "silence", "unknown", "belongs to the test", "leads out")
    assert len(refused) == 6
    assert all(reason in told for reason, told in zip(reasons, refused.values(), strict=True))
    assert after.labels.tolist() == [0, 0, 0, 3] and after.table.shape == (4, 10)
    assert store.version() == before != after.version() and not store.known and len(after.known) == 2


def test_data_is_made_once_and_read_again(utils, tmp_path, monkeypatch):
    clips = [Namespace(name=f"n{n}", speaker=f"s{n}", waveform=speech_like(seed=n)) for n in range(3)]
    made = []

    def make(found, each, random):
        made.append(each)
        rows = len(found) * 2
        held = np.arange(rows) < 2
        return utils.Data(
            np.ones((rows, 10)), np.zeros(rows, int), np.repeat(["a", "b", "c"], 2), held, [speech_like()] * 2
        )

    monkeypatch.setattr(utils.audio_utils, "load_speakers", lambda *_, **__: clips)
    monkeypatch.setattr(utils, "_make_data", make)
    settings = Namespace(quick=True, seed=0, out=tmp_path)
    first, second = utils.load_data(settings), utils.load_data(settings)
    assert len(made) == 1 and np.array_equal(first.table, second.table)
    assert np.allclose(first.sounds[1], second.sounds[1], atol=1e-4)
    utils.load_data(Namespace(quick=True, seed=1, out=tmp_path))
    assert len(made) == 2  # another seed, other data


def test_a_half_made_database_is_thrown_away(utils, tmp_path):
    settings = Namespace(out=tmp_path)
    assert utils.database(settings).endswith("/mlflow.db")
    (tmp_path / "mlflow.db").write_text("half")  # killed while the tables were made
    utils.database(settings)
    assert not (tmp_path / "mlflow.db").exists()
    (tmp_path / "mlflow.db").write_text("whole")
    utils.database_is_whole(settings)
    utils.database(settings)
    assert (tmp_path / "mlflow.db").read_text() == "whole"
