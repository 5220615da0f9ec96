"""What deploy/ holds: manifests, compose file, Dockerfile and unit against their schemas and the service itself."""

from __future__ import annotations

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from voice_pipeline.api.guard import OPEN_PATHS
from voice_pipeline.api.settings import ApiSettings

from .serve_fake import load_module

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
ROOT = DEPLOY.parents[1]
MANIFESTS = [DEPLOY / "kubernetes" / f"{name}.yaml" for name in ("voices", "studio", "speech")]
DEPLOYMENTS = ("studio", "speech")
USER = 10001
OPTIONAL = {"perth", "c2pa", "pocket_tts", "cryptography", "mlflow"}
"""Modules that the pipeline imports only where they are installed."""


def extra(module: str) -> pytest.MarkDecorator:
    reason = f"{module} is missing: python3 00_env_setup/bootstrap.py extra deploy"
    return pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=reason)


def read(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


def resources() -> list[dict[str, Any]]:
    return [document for path in MANIFESTS for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))]


def resource(kind: str, name: str) -> dict[str, Any]:
    [found] = [each for each in resources() if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pod(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = resource("Deployment", f"voice-{name}")["spec"]["template"]["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    [found] = pod(name)["containers"]
    return found


def environment(name: str) -> dict[str, Any]:
    return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container(name)["env"]}


# ---- Kubernetes


@extra("kubernetes_validate")
@pytest.mark.parametrize("version", ["1.30", "1.33", "1.37"])
def test_manifests_follow_the_schema(version: str) -> None:
    import kubernetes_validate

    for each in resources():
        assert kubernetes_validate.validate(each, version, strict=True) == version


@extra("kubernetes_validate")
def test_the_schema_refuses_a_slip_of_the_pen() -> None:
    import kubernetes_validate

    wrong = resource("Deployment", "voice-speech")
    wrong["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, "1.33", strict=True)


def test_kustomization_lists_every_manifest() -> None:
    listed = yaml.safe_load(read("kubernetes/kustomization.yaml"))
    assert listed["resources"] == [path.name for path in MANIFESTS]
    assert [image["name"] for image in listed["images"]] == [container(name)["image"] for name in DEPLOYMENTS][:1]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_services_reach_their_pods(name: str) -> None:
    labels = resource("Deployment", f"voice-{name}")["spec"]["template"]["metadata"]["labels"]
    service = resource("Service", f"voice-{name}")["spec"]
    assert service["selector"].items() <= labels.items()
    [port] = service["ports"]
    [open_port] = container(name)["ports"]
    assert port["targetPort"] == open_port["name"]
    assert f"VOICE_API_PORT={open_port['containerPort']}" in read("Dockerfile")


def test_autoscaler_and_budget_name_the_pods_that_speak() -> None:
    target = resource("HorizontalPodAutoscaler", "voice-speech")["spec"]["scaleTargetRef"]
    assert resource(target["kind"], target["name"])
    assert "replicas" not in resource("Deployment", "voice-speech")["spec"], "it would undo the autoscaler's number"
    assert container("speech")["resources"]["requests"]["cpu"], "the autoscaler counts in shares of the request"
    chosen = resource("PodDisruptionBudget", "voice-speech")["spec"]["selector"]
    assert chosen == resource("Deployment", "voice-speech")["spec"]["selector"]


def test_only_one_pod_does_jobs_and_keeps_its_database_with_the_voices() -> None:
    studio, speech = environment("studio"), environment("speech")
    assert (
        resource("Deployment", "voice-studio")["spec"] | {"replicas": 1, "strategy": {"type": "Recreate"}}
        == (resource("Deployment", "voice-studio")["spec"])
    )
    assert studio["VOICE_API_RUN_JOBS"] == "true" and "VOICE_API_DATABASE" not in studio
    assert speech["VOICE_API_RUN_JOBS"] == "false"
    mounts = {mount["mountPath"]: mount["name"] for mount in container("speech")["volumeMounts"]}
    own = mounts[str(Path(speech["VOICE_API_DATABASE"]).parent.as_posix())]
    assert [volume for volume in pod("speech")["volumes"] if volume["name"] == own and "emptyDir" in volume]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_pods_have_no_more_rights_than_they_need(name: str) -> None:
    spec, inner = pod(name), container(name)["securityContext"]
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == USER
    assert not spec["automountServiceAccountToken"]
    assert inner["readOnlyRootFilesystem"] and not inner["allowPrivilegeEscalation"]
    assert inner["capabilities"] == {"drop": ["ALL"]}
    volumes = {volume["name"] for volume in spec["volumes"]}
    assert {mount["name"] for mount in container(name)["volumeMounts"]} == volumes
    key = environment(name)["VOICE_API_KEY"]["secretKeyRef"]
    assert f"create secret generic {key['name']} --from-literal={key['key']}=" in read("DEPLOYMENT.md")


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_probes_need_no_key(name: str) -> None:
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(name)[probe]["httpGet"]["path"] in OPEN_PATHS


def test_the_studio_is_ready_without_a_voice() -> None:
    """Else nobody could reach it to make the first one: /ready is 503 until then (test_deploy_image.py)."""
    assert container("studio")["readinessProbe"]["httpGet"]["path"] == "/health"
    assert container("speech")["readinessProbe"]["httpGet"]["path"] == "/ready"


def test_service_links_would_break_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_API_PORT", "tcp://10.0.0.7:80")  # what Kubernetes sets for a service called voice-api
    with pytest.raises(ValidationError):
        ApiSettings()
    assert [pod(name)["enableServiceLinks"] for name in DEPLOYMENTS] == [False, False]


# ---- compose


@extra("check_jsonschema")
def test_compose_follows_the_schema(tmp_path: Path) -> None:
    assert compose_check(DEPLOY / "compose.yaml").returncode == 0
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(read("compose.yaml").replace("healthcheck:", "healthchek:"), encoding="utf-8")
    refused = compose_check(wrong)
    assert refused.returncode == 1 and "healthchek" in refused.stdout


def compose_check(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_compose_builds_this_image_and_is_reached_from_this_machine_only() -> None:
    [api] = yaml.safe_load(read("compose.yaml"))["services"].values()
    build = api["build"]
    assert ((DEPLOY / build["context"]).resolve(), ROOT / build["dockerfile"]) == (ROOT, DEPLOY / "Dockerfile")
    assert set(build["args"]) <= set(re.findall(r"^ARG (\w+)", read("Dockerfile"), flags=re.M))
    assert api["ports"] == ["127.0.0.1:8000:8000"] and api["read_only"] and api["cap_drop"] == ["ALL"]
    assert api["environment"]["VOICE_API_KEY"].startswith("${VOICE_API_KEY:?"), "it must not start without a key"
    assert "VOLUME /voices" in read("Dockerfile") and api["volumes"] == ["voices:/voices"]


# ---- Dockerfile


def hadolint(path: Path) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).with_name("hadolint.exe" if sys.platform == "win32" else "hadolint")
    tool = str(beside) if beside.exists() else shutil.which("hadolint")
    if not tool:
        pytest.skip("hadolint is missing: python3 00_env_setup/bootstrap.py extra deploy")
    return subprocess.run([tool, "--no-color", str(path)], capture_output=True, text=True, timeout=120)


def test_the_linter_has_nothing_to_say(tmp_path: Path) -> None:
    done = hadolint(DEPLOY / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")
    careless = tmp_path / "Dockerfile"
    careless.write_text("FROM python:latest\nRUN pip install torch\nCMD python x.py\n", encoding="utf-8")
    assert {"DL3007", "DL3013", "DL3025"} <= set(re.findall(r"DL\d{4}", hadolint(careless).stdout))


def test_the_image_runs_as_nobody_and_holds_no_key() -> None:
    dockerfile = read("Dockerfile")
    assert f"\nUSER {USER}:{USER}\n" in dockerfile and f"--uid {USER}" in dockerfile
    assert not re.search(r"^\s*(ARG|ENV)?\s*VOICE_API_KEY=", dockerfile, flags=re.M)
    assert dockerfile.index("\nUSER ") > dockerfile.index("\nFROM", 1), "of the last stage"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 does not say which package brings which module")
def test_packages_of_the_image() -> None:
    """Whatever its code imports is installed, the CUDA packages only where wanted, and nothing for lessons or tests."""
    chosen = load_module(DEPLOY / "image_requirements.py")
    names = {normal(line.split("==")[0]) for line in chosen.lines("cpu") if "==" in line}
    assert missing_packages(names) <= OPTIONAL
    assert "fastapi" in missing_packages(names - {"fastapi"})
    assert not names & {"pytest", "openai", "datasets", "peft", "optuna", "ruff", "ray"}
    with_cuda = {line for line in chosen.lines("") if line.startswith(("nvidia-", "triton"))}
    assert with_cuda and not with_cuda & set(chosen.lines("cpu"))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def missing_packages(names: set[str]) -> set[str]:
    """Modules that the image's own files import and no package called `names` brings."""
    owners = {module: {normal(name) for name in found} for module, found in packages_distributions().items()}
    known = set(sys.stdlib_module_names) | {"coursekit", "voice_pipeline"}
    return {module for module in imported() - known if not owners.get(module, set()) & names}


def imported() -> set[str]:
    """Top-level modules that the image's own Python files import, here or there."""
    capstone = DEPLOY.parent
    files = [capstone / "07_serve_api.py", *(capstone / "voice_pipeline").rglob("*.py")]
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found


# ---- all of them


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "voice-api.service", "kubernetes/speech.yaml"])
def test_every_setting_exists(name: str) -> None:
    assert not unknown_settings(read(name)) and unknown_settings("VOICE_API_WORKRES=2") == {"WORKRES"}


def unknown_settings(text: str) -> set[str]:
    return {name for name in re.findall(r"VOICE_API_([A-Z_]+)", text) if name.lower() not in ApiSettings.model_fields}


def test_everybody_waits_longer_than_the_service_needs_to_stop() -> None:
    needed = ApiSettings.model_fields["shutdown_seconds"].default
    for name in DEPLOYMENTS:
        pause = container(name)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod(name)["terminationGracePeriodSeconds"] > needed + pause
    [api] = yaml.safe_load(read("compose.yaml"))["services"].values()
    assert int(api["stop_grace_period"].rstrip("s")) > needed
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", read("voice-api.service"), re.M)[1]) > needed  # type: ignore[index]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing: needs Linux with systemd")
def test_the_unit_is_understood(tmp_path: Path) -> None:
    """Its program is not on this machine, so another stands for it."""
    program = re.search(r"^ExecStart=(\S+)", read("voice-api.service"), re.M)
    assert program
    unit = read("voice-api.service").replace(program[1], sys.executable)
    assert complaints(tmp_path, unit) == []
    assert any("TimeoutStpSec" in line for line in complaints(tmp_path, unit.replace("TimeoutStop", "TimeoutStp")))


def complaints(folder: Path, unit: str) -> list[str]:
    file = folder / "voice-api.service"
    file.write_text(unit, encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, timeout=60)
    return [line for line in done.stderr.splitlines() if file.name in line]
