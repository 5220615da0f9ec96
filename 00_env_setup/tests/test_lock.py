"""The lock holds what requirements.txt asks for, on every supported system, and nothing that needs a compiler."""

import itertools
import re
from pathlib import Path

import bootstrap_steps
import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).resolve().parents[1]
LOCK = (FOLDER / "requirements.lock").read_text(encoding="utf-8")
REQUIREMENTS = (FOLDER.parent / "requirements.txt").read_text(encoding="utf-8")

# Source packages without compiled code, so that installing them takes no compiler. Everything else comes as a wheel.
PURE_PYTHON_SOURCES = {"antlr4-python3-runtime", "docopt", "gruut", "gruut-ipa", "gruut-lang-en"}

PLATFORMS = [
    {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64", "os_name": "nt"},
]
PYTHONS = ["3.10", "3.11", "3.12"]


def requirements_of(text: str) -> list[Requirement]:
    lines = (line.split(" #")[0].strip() for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith(("#", "--"))]


@pytest.mark.parametrize(("platform", "python"), list(itertools.product(PLATFORMS, PYTHONS)))
def test_every_direct_requirement_is_locked_once_at_an_allowed_version(platform: dict[str, str], python: str) -> None:
    machine = {**default_environment(), **platform, "python_version": python, "python_full_version": f"{python}.5"}
    pins: dict[str, list[str]] = {}
    for pin in requirements_of(LOCK):
        if pin.marker is None or pin.marker.evaluate(machine):
            pins.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier).removeprefix("=="))
    assert {name: versions for name, versions in pins.items() if len(versions) > 1} == {}
    for wanted in requirements_of(REQUIREMENTS):
        if wanted.marker is None or wanted.marker.evaluate(machine):
            [version] = pins[canonicalize_name(wanted.name)]
            assert wanted.specifier.contains(version), f"{wanted} is locked at {version}"


def test_nothing_in_the_lock_needs_a_compiler() -> None:
    """pip and uv obey these two options, so a line that has no wheel cannot even be installed."""
    assert LOCK.splitlines().count("--only-binary :all:") == 1
    assert set(re.findall(r"^--no-binary (\S+)$", LOCK, flags=re.MULTILINE)) == PURE_PYTHON_SOURCES
    locked = {canonicalize_name(pin.name) for pin in requirements_of(LOCK)}
    assert locked >= PURE_PYTHON_SOURCES
    assert locked.isdisjoint({"webrtcvad", "pesq", "pyworld"})


def test_every_line_of_the_lock_is_an_exact_pin_from_the_default_index() -> None:
    for pin in requirements_of(LOCK):
        assert re.fullmatch(r"==[^,*]+", str(pin.specifier)) and pin.url is None
    assert not re.search(r"://|--(extra-)?index|--find-links", LOCK + REQUIREMENTS)


def test_every_requirement_says_who_needs_it() -> None:
    for line in REQUIREMENTS.splitlines():
        assert not line or "# " in line, f"no reason given: {line}"


def select(*groups: str, skip_cuda: bool = False) -> set[str]:
    lines = bootstrap_steps.select(LOCK, REQUIREMENTS, groups, skip_cuda)
    return {canonicalize_name(pin.name) for pin in requirements_of("\n".join(lines))}


def test_all_groups_together_are_the_whole_lock() -> None:
    assert select(*bootstrap_steps.ALL_GROUPS) == {canonicalize_name(pin.name) for pin in requirements_of(LOCK)}


def test_users_are_spared_the_development_tools() -> None:
    chosen = select(*bootstrap_steps.USER_GROUPS)
    assert chosen.isdisjoint({"pytest", "mypy", "ruff", "openai", "iniconfig"})
    assert chosen.isdisjoint({"mlflow-skinny", "flask"}), "they come with bootstrap.py setup operations"
    assert chosen.isdisjoint({"boto3", "moto", "gcsfs", "adlfs"}), "they come with bootstrap.py setup cloud"
    assert chosen >= {"torch", "coqui-tts", "nvidia-cudnn-cu13", "fastapi", "starlette", "setuptools"}


def test_without_cuda_only_the_gpu_packages_are_left_out() -> None:
    spared = select("lessons") - select("lessons", skip_cuda=True)
    assert "triton" in spared and "nvidia-cublas" in spared
    assert all(name.startswith(("nvidia-", "cuda-")) or name == "triton" for name in spared)


def test_selection_follows_who_needs_what() -> None:
    lock = """--only-binary :all:
a==1
    # via -r requirements.txt
B_lib==2 ; sys_platform == 'linux'
    # via
    #   a
    #   d
c==3
    # via b-lib
d==4
    # via -r requirements.txt
"""
    requirements = "# [one] first\na>=1  # why\n# [two] second\nd==4.*  # why\n"
    one = bootstrap_steps.select(lock, requirements, ["one"], skip_cuda=False)
    assert one == ["--only-binary :all:", "a==1", "B_lib==2 ; sys_platform == 'linux'", "c==3"]
    assert "a==1" not in bootstrap_steps.select(lock, requirements, ["two"], skip_cuda=False)
