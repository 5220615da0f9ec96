"""Module 11: templates and what finds their faults, stores that go on after a break, costs, keys and rights."""

from __future__ import annotations

import importlib.util
import json
from argparse import Namespace
from pathlib import Path

import pytest

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]
CLOUD = all(importlib.util.find_spec(name) for name in ("boto3", "moto", "cfnlint", "gcsfs", "adlfs"))
needs_cloud = pytest.mark.skipif(not CLOUD, reason="python3 00_env_setup/bootstrap.py setup cloud")


def lesson(name: str):
    return load_script(MODULE / f"{name}.py")


@pytest.fixture(scope="module")
def utils():
    return lesson("cloud_utils")


@pytest.fixture(scope="module")
def check():
    return lesson("templates_check")


@pytest.fixture(scope="module")
def stores():
    return lesson("stores")


# ---------------------------------------------------------------------------------------------------------- templates


@needs_cloud
@pytest.mark.parametrize("cloud", ["google", "azure"])  # script 02's own run does AWS, which takes seconds
def test_a_template_as_it_stands_has_no_problem(check, cloud):
    text = check.text_of(cloud)
    assert check.schema_problems(cloud, text) == []
    assert check.plan_problems(check.plan_of(cloud, text)) == []


@needs_cloud
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"scale"', '"scales"', "no field is called 'scales'"),
        ('"maxReplicas": 8', '"maxReplicas": "8"', "'8' is no int"),
        ('"allowInsecure": false', '"allowInsecure": "no"', "'no' is no bool"),
        ('"periodSeconds": 5 }\n', '"periodSeconds": "5" }\n', "probes[2].periodSeconds: '5' is no int"),
        ('"probes": [', '"probes": {}, "command": [', "a list belongs here"),
    ],
)
def test_what_azures_own_classes_do_not_know_is_found_at_its_place(check, right, wrong, said):
    text = check.text_of("azure")
    assert text.count(right) == 1
    problems = check.schema_problems("azure", text.replace(right, wrong))
    assert any(said in problem and problem.startswith("ContainerApp.properties") for problem in problems), problems


def test_a_plan_that_does_not_fit_the_service_is_told_why(check):
    good = check.plan_of("azure", check.text_of("azure"))
    assert check.plan_problems(good) == []
    worse = {**vars(good), "settings": {**good.settings, "VOICE_API_SECRET": "1"}, "grace": 30}
    assert check.plan_problems(check.Plan(**worse)) == [
        "no such setting: VOICE_API_SECRET",
        "running requests may finish",
    ]


# ------------------------------------------------------------------------------------------------------------- stores


class Broken(Exception):
    pass


@needs_cloud
@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_store_goes_on_where_the_line_broke_and_finds_damage(utils, stores, tmp_path, scheme):
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(range(256)) * 4 * 8192)  # 8 MiB: two parts
    heard: list[tuple[int, bool]] = []

    def first(done, had_to):
        raise Broken

    with utils.emulators(Namespace(out=tmp_path), [scheme]) as addresses:
        store = stores.STORES[scheme]("course-voices", addresses[scheme])
        with pytest.raises(Broken):
            store.put("demo/large.bin", large, first)
        store.put("demo/large.bin", large, lambda *told: heard.append(told))
        assert heard == [(stores.PART, False), (8 * 2**20, True)]
        assert store.get_verified("demo/large.bin") == large.read_bytes()
        assert store.keys("demo/") == ["demo/large.bin"]
        assert not list(tmp_path.glob(".*.session"))  # the address that lets anybody go on is gone
        store.get = lambda key: (b"other", "0" * 64)
        with pytest.raises(stores.Damaged, match=r"large\.bin is not what was sent"):
            store.get_verified("demo/large.bin")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ftp://voices", "is no bucket"),
        ("s3://voices/folder", "is no bucket"),
        ("az://voices", "no credentials for az"),
    ],
)
def test_a_real_bucket_needs_an_address_and_credentials_from_the_environment(stores, monkeypatch, address, said):
    for names in stores.CREDENTIALS.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)
    with pytest.raises(CourseError, match=said):
        stores.real_store(address)


def test_missing_packages_are_named_with_the_command_that_brings_them(utils):
    with pytest.raises(CourseError, match=r"no_such_cloud\.at_all") as caught:
        utils.needs("json", "no_such_cloud.at_all")
    assert caught.value.hint == "python3 00_env_setup/bootstrap.py setup cloud"


def test_azure_is_left_out_with_the_reason_and_the_repair(utils, monkeypatch):
    monkeypatch.setattr(utils.sys, "prefix", "/nowhere")
    monkeypatch.setattr(utils.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert f"npm install --prefix .venv/azurite {utils.AZURITE}" in utils.why_no_azurite()
    monkeypatch.setattr(utils.shutil, "which", lambda name: None)
    assert "needs Node.js" in utils.why_no_azurite()


# -------------------------------------------------------------------------------------------------------------- costs


def test_costs_follow_from_their_definitions():
    costs = lesson("04_what_it_costs")
    # Half an hour of machine for an hour of speech at 0.10 dollars, a quarter used: 0.05 / 0.25.
    assert costs.hour_of_speech(0.5, 0.10, 0.25) == pytest.approx(0.20)
    assert costs.per_million(0.20, 15) == pytest.approx(0.20 * 1e6 / (15 * 3600))
    assert costs.characters_to_pay(160, 16) == 10
    assert costs.faster_to_pay(1.0, 0.05) == pytest.approx(20)
    rows = costs.read_prices()
    assert len({row["name"] for row in rows}) == len(rows) and all(row["usd"] > 0 and row["seen"] for row in rows)


def test_what_sleeps_costs_nothing_and_what_waits_costs_all():
    bills = lesson("02_deploy_templates").monthly
    idle, busy = bills(0.0, 2, 2, 4), bills(1.0, 2, 2, 4)
    assert idle["Cloud Run, only while it speaks"] == 0
    assert idle["Fargate"] == busy["Fargate"] > 0
    assert busy["Cloud Run, only while it speaks"] > busy["Cloud Run, always on"]


# --------------------------------------------------------------------------------------------------- rights and keys


def test_a_role_gets_its_actions_where_they_belong_and_no_star_of_its_own():
    protect = lesson("06_protect_voices")
    for rights in protect.ROLES.values():
        for statement in json.loads(protect.policy(rights))["Statement"]:
            assert "*" not in statement["Action"]
            assert statement["Resource"].startswith(f"arn:aws:s3:::{protect.BUCKET}")
            assert not statement["Resource"].endswith(f"{protect.BUCKET}/*")


def test_nothing_is_forgotten_while_consent_holds(tmp_path):
    from voice_pipeline.consent import declare_licence
    from voice_pipeline.errors import PipelineError
    from voice_pipeline.voice_folder import VoiceFolder

    protect = lesson("06_protect_voices")
    folder = VoiceFolder(tmp_path, "demo").create()
    declare_licence(folder, "CC0 1.0", "a test")
    with pytest.raises(PipelineError, match="holds: nothing is deleted"):
        protect.forget(Namespace(out=tmp_path), None, None, folder)
    assert folder.exists


# --------------------------------------------------------------------------------------------------------------- batch


def test_a_clip_is_prepared_by_the_capstone_and_a_broken_one_is_named(tmp_path):
    import numpy as np

    from voice_pipeline.audio import write_wav

    work = lesson("batch_work")
    t = np.arange(36_000) / 24_000
    buzz = np.pad((0.2 * np.sin(2 * np.pi * 150 * t) * (1 + np.sin(2 * np.pi * 4 * t)) / 2).astype(np.float32), 12_000)
    write_wav(tmp_path / "raw.wav", buzz, 24_000)
    (tmp_path / "noise.wav").write_bytes(b"no sound")
    good = work.prepare_clip({"id": 0, "raw": str(tmp_path / "raw.wav"), "clip": str(tmp_path / "a.wav")})
    bad = work.prepare_clip({"id": 1, "raw": str(tmp_path / "noise.wav"), "clip": str(tmp_path / "b.wav")})
    assert (tmp_path / "a.wav").is_file() and len(good["sha256"]) == 64
    assert bad["reasons"] == ["unreadable"] and bad["sha256"] == "" and not (tmp_path / "b.wav").exists()
