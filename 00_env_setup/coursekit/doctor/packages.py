"""What is installed, compared with requirements.lock."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class PackageState:
    """The course's packages as they are.

    Attributes:
        right: How many stand at their locked version.
        missing: Names of those that are not installed.
        other: (name, installed version, locked version) of those at another version.
        damaged: Names of those of which a file is missing or cut off.
        error: Why nothing could be compared; else empty.
    """

    right: int = 0
    missing: tuple[str, ...] = ()
    other: tuple[tuple[str, str, str], ...] = ()
    damaged: tuple[str, ...] = ()
    error: str = ""


def compare(root: Path, site_packages: Sequence[str] | None, python: Sequence[int]) -> PackageState:
    """Compare the installed packages with the lines of the lock that a learner gets.

    Args:
        root: Top of the repository.
        site_packages: Where the packages lie; None looks where the running Python does.
        python: Version of the Python they are for.
    """
    try:
        steps = _bootstrap_steps(root)
        lock, requirements = (path.read_text(encoding="utf-8") for path in (steps.LOCK, steps.REQUIREMENTS))
        lines = steps.select(lock, requirements, steps.USER_GROUPS, True)
    except (OSError, ImportError, SyntaxError) as error:
        return PackageState(error=f"the lock cannot be read: {error}")
    wanted = locked_versions(lines, python)
    installed = installed_versions(site_packages)
    missing = tuple(name for name in wanted if name not in installed)
    other = tuple(
        (name, installed[name], version)
        for name, version in wanted.items()
        if name in installed and installed[name].split("+")[0] != version
    )
    return PackageState(len(wanted) - len(missing) - len(other), missing, other)


def locked_versions(lines: Sequence[str], python: Sequence[int]) -> dict[str, str]:
    """Return name -> version of the lock's lines that hold for this system and this Python version."""
    version = ".".join(str(part) for part in python)
    environment = {"python_version": ".".join(version.split(".")[:2]), "python_full_version": version}
    found = {}
    for line in lines:
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)\s*(?:;\s*(.*))?$", line):
            name, locked, marker = match.groups()
            if not marker or holds(marker, environment):
                found[_normal(name)] = locked
    return found


def holds(marker: str, environment: Mapping[str, str]) -> bool:
    """Whether a line's condition is true, in the small language that the lock uses."""
    known = {
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "implementation_name": sys.implementation.name,
        **environment,
    }
    while inner := re.search(r"\(([^()]*)\)", marker):  # the innermost brackets become one word
        marker = f"{marker[: inner.start()]}{holds(inner[1], environment)}{marker[inner.end() :]}"
    return any(all(_holds(part, known) for part in term.split(" and ")) for term in marker.split(" or "))


def _holds(comparison: str, known: Mapping[str, str]) -> bool:
    if comparison in ("True", "False"):
        return comparison == "True"
    name, operator, value = comparison.split()
    seen, wanted = known[name], value.strip("'\"")
    if name.startswith("python_"):
        numbers = [int(part) for part in wanted.removesuffix(".*").split(".")]
        mine = [int(part) for part in seen.split(".")]
        if operator in ("==", "!="):
            return (mine[: len(numbers)] == numbers) is (operator == "==")
        return mine < numbers if operator == "<" else mine >= numbers
    return (seen == wanted) is (operator == "==")


def installed_versions(site_packages: Sequence[str] | None) -> dict[str, str]:
    """Return name -> version of every installed package; a package without readable metadata is not there."""
    found = distributions() if site_packages is None else distributions(path=list(site_packages))
    versions: dict[str, str] = {}
    for package in found:
        name, version = package.metadata["Name"], package.metadata["Version"]
        if name and version:
            versions.setdefault(_normal(name), version)
    return versions


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _bootstrap_steps(root: Path) -> ModuleType:
    """bootstrap_steps.py, which knows which lines of the lock are for learners. It is no part of a package."""
    path = root / "00_env_setup" / "bootstrap_steps.py"
    spec = importlib.util.spec_from_file_location("bootstrap_steps", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
