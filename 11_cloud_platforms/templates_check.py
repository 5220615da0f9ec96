"""Reads the templates of templates/ and holds each to its cloud's own schema, and to the service that it deploys."""

from __future__ import annotations

import importlib
import json
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cloud_utils import HERE

from voice_pipeline.api.settings import ApiSettings

TEMPLATES = HERE / "templates"
FILES = {"aws": "aws.yaml", "google": "google.json", "azure": "azure.json"}


@dataclass(frozen=True)
class Plan:
    """What a template says, in words that the three share.

    Attributes:
        port: Where the container listens.
        settings: Its environment variables that stand in the template in clear.
        secrets: Environment variables that are filled from the cloud's vault.
        health: Paths that the cloud asks.
        replicas: Fewest and most.
        grace: Seconds between "stop" and "killed".
        cpus: vCPUs of one replica.
        gib: Memory of one replica in GiB.
        volumes: Where something is mounted.
    """

    port: int
    settings: dict[str, str]
    secrets: set[str]
    health: set[str]
    replicas: tuple[int, int]
    grace: int
    cpus: float
    gib: float
    volumes: set[str]


def text_of(cloud: str) -> str:
    """Return a template as it stands in the repository."""
    return (TEMPLATES / FILES[cloud]).read_text(encoding="utf-8")


# ----------------------------------------------------------------------------------------------------------------------
# the clouds' own schemas


def schema_problems(cloud: str, text: str) -> list[str]:
    """Return what the cloud's own description of its templates finds wrong."""
    return {"aws": _aws, "google": _google, "azure": _azure}[cloud](text)


def _aws(text: str) -> list[str]:
    # cfn-lint brings AWS's resource schemas and knows more: which role may do what, which value fits which region.
    from cfnlint import api
    from cfnlint.config import ManualArgs

    return [str(match) for match in api.lint(text, config=ManualArgs(regions=["eu-central-1"]))]


def _google(text: str) -> list[str]:
    # Google's services are described by protocol buffers; reading JSON into the message refuses what it does not know.
    from google.cloud import run_v2
    from google.protobuf import json_format

    try:
        json_format.ParseDict(json.loads(text), run_v2.Service.pb(run_v2.Service()))
    except (json_format.ParseError, ValueError) as error:
        return [str(error).splitlines()[0]]
    return []


def _azure(text: str) -> list[str]:
    # Microsoft's library names and types every field; it does not refuse what it does not know, so we look.
    models = importlib.import_module("azure.mgmt.appcontainers.models")
    try:
        given = json.loads(text)
    except ValueError as error:
        return [str(error)]
    return list(_unknown(given, models.ContainerApp, "ContainerApp", vars(models)))


def _unknown(value: Any, kind: Any, where: str, names: dict[str, Any]) -> Iterator[str]:
    """Yield where `value` has a field that `kind` has not, or a text where a number belongs."""
    options = [option for option in typing.get_args(kind) or (kind,) if option is not type(None)]
    if typing.get_origin(kind) is list:
        if not isinstance(value, list):
            yield f"{where}: a list belongs here"
            return
        for place, item in enumerate(value):
            yield from _unknown(item, options[0], f"{where}[{place}]", names)
        return
    for option in options:
        name = option if isinstance(option, str) else getattr(option, "__forward_arg__", "")  # "_models.Container"
        found = names.get(name.rsplit(".", 1)[-1], option)
        if typing.get_origin(found) is list:
            yield from _unknown(value, found, where, names)
            return
        if getattr(found, "_is_model", False):
            yield from _unknown_fields(value, found, where, names)
            return
    simple = tuple(option for option in options if option in (int, float, bool, str))
    if simple and len(simple) == len(options):
        fits = isinstance(value, simple) or (float in simple and isinstance(value, int))
        if not fits or (isinstance(value, bool) and bool not in simple):
            yield f"{where}: {value!r} is no {simple[0].__name__}"


def _unknown_fields(value: Any, kind: Any, where: str, names: dict[str, Any]) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where}: an object belongs here"
        return
    kind({})  # the library works out its fields when the first object is made
    fields = {field._rest_name: attribute for attribute, field in kind._attr_to_rest_field.items()}
    hints = {
        name: hint for base in reversed(kind.__mro__) for name, hint in vars(base).get("__annotations__", {}).items()
    }
    for name, inner in value.items():
        if name not in fields:
            yield f"{where}: no field is called {name!r}"
        elif fields[name] in hints:
            yield from _unknown(inner, hints[fields[name]], f"{where}.{name}", names)


# ----------------------------------------------------------------------------------------------------------------------
# what all three have to say


def plan_of(cloud: str, text: str) -> Plan:
    """Return what a template says, whatever cloud it is for."""
    return {"aws": _aws_plan, "google": _google_plan, "azure": _azure_plan}[cloud](text)


def _aws_plan(text: str) -> Plan:
    from cfnlint.decode import decode_str

    resources = decode_str(text)[0]["Resources"]
    task, service = resources["Task"]["Properties"], resources["Service"]["Properties"]
    [container] = task["ContainerDefinitions"]
    scaling = resources["Scaling"]["Properties"]
    command = container["HealthCheck"]["Command"]
    return Plan(
        port=service["LoadBalancers"][0]["ContainerPort"],
        settings={pair["Name"]: pair["Value"] for pair in container["Environment"]},
        secrets={pair["Name"] for pair in container.get("Secrets", [])},
        health={
            resources["Targets"]["Properties"]["HealthCheckPath"],
            *(["/health"] if "health" in command[-1] else []),
        },
        replicas=(scaling["MinCapacity"], scaling["MaxCapacity"]),
        grace=container["StopTimeout"],
        cpus=int(task["Cpu"]) / 1024,
        gib=int(task["Memory"]) / 1024,
        volumes={mount["ContainerPath"] for mount in container["MountPoints"]},
    )


def _google_plan(text: str) -> Plan:
    template = json.loads(text)["template"]
    [container] = template["containers"]
    probes = [container[name] for name in ("startupProbe", "livenessProbe", "readinessProbe") if name in container]
    limits = container["resources"]["limits"]
    return Plan(
        port=container["ports"][0]["containerPort"],
        settings={pair["name"]: pair["value"] for pair in container["env"] if "value" in pair},
        secrets={pair["name"] for pair in container["env"] if "valueSource" in pair},
        health={probe["httpGet"]["path"] for probe in probes},
        replicas=(template["scaling"]["minInstanceCount"], template["scaling"]["maxInstanceCount"]),
        grace=10,  # Cloud Run waits 10 s, and no field changes that
        cpus=float(limits["cpu"]),
        gib=float(limits["memory"].removesuffix("Gi")),
        volumes={mount["mountPath"] for mount in container["volumeMounts"]},
    )


def _azure_plan(text: str) -> Plan:
    properties = json.loads(text)["properties"]
    template = properties["template"]
    [container] = template["containers"]
    return Plan(
        port=properties["configuration"]["ingress"]["targetPort"],
        settings={pair["name"]: pair["value"] for pair in container["env"] if "value" in pair},
        secrets={pair["name"] for pair in container["env"] if "secretRef" in pair},
        health={probe["httpGet"]["path"] for probe in container["probes"]},
        replicas=(template["scale"]["minReplicas"], template["scale"]["maxReplicas"]),
        grace=template["terminationGracePeriodSeconds"],
        cpus=float(container["resources"]["cpu"]),
        gib=float(container["resources"]["memory"].removesuffix("Gi")),
        volumes={mount["mountPath"] for mount in container["volumeMounts"]},
    )


def plan_problems(plan: Plan) -> list[str]:
    """Return what no schema can know: whether the template fits the service and its image."""
    known = {f"VOICE_API_{name.upper()}" for name in ApiSettings.model_fields}
    rules = {
        "the image listens on 8000": plan.port == 8000,
        # concept: secret store
        "the key comes from the vault": plan.secrets == {"VOICE_API_KEY"} and "VOICE_API_KEY" not in plan.settings,
        f"no such setting: {', '.join(sorted(set(plan.settings) - known))}": set(plan.settings) <= known,
        # concept: health check
        "alive is asked at /health": "/health" in plan.health,
        "fit for requests is asked at /ready": "/ready" in plan.health,
        "two replicas at least, or an update is an outage": plan.replicas[0] >= 2,
        "the most is a number you are willing to pay for": plan.replicas[0] <= plan.replicas[1] <= 20,
        "running requests may finish": plan.grace > int(plan.settings.get("VOICE_API_SHUTDOWN_SECONDS", 60)),
        "one processor thread a worker": plan.settings.get("VOICE_API_THREADS") == "1",
        "as many workers as vCPUs": float(plan.settings.get("VOICE_API_WORKERS", 2)) == plan.cpus,
        "several replicas share no SQLite file": _apart(plan.settings.get("VOICE_API_DATABASE", "/voices/x")),
        "one replica does jobs, and these do none": plan.settings.get("VOICE_API_RUN_JOBS") == "false",
        "the voices are mounted": "/voices" in plan.volumes,
    }
    return [rule for rule, holds in rules.items() if not holds]


def _apart(database: str) -> bool:
    return not database.startswith("/voices")
