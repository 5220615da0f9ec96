"""Everything the checks need to know about this machine, gathered once."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import coursekit.doctor.system as system
from coursekit.doctor.packages import PackageState, compare
from coursekit.doctor.probes import COMPUTING, DAMAGED, SOUND, Probe, run_probes

REPOSITORY = Path(__file__).resolve().parents[3]
VARIABLES = ("PYTHONPATH", "PYTHONHOME", "COURSE_OFFLINE", "COURSE_DATA_MIRROR", "COURSE_DATA_HOME")
SYSTEM_TOOLS = ("ffmpeg", "espeak-ng")


@dataclass(frozen=True)
class Facts:
    """A machine as the checks see it. The defaults are those of a machine on which all is well.

    Attributes:
        system: "Linux", "Darwin" (macOS) or "Windows".
        machine: Processor family, for example "x86_64".
        package_manager: "apt", "dnf", "pacman", "zypper", "brew", "winget", or "" when none is known.
        wsl: Whether this is Linux inside Windows.
        root: Top of the repository.
        cwd: The current folder.
        python: Version of the running Python.
        bits: 64 or 32.
        in_venv: Whether the running Python is the one of the repository's .venv.
        other_environment: Folder of another virtual or conda environment that is active, else "".
        venv: "whole", "absent", "unfinished", "broken" (its Python does not start) or "moved".
        packages: The installed packages beside the lock.
        computing: The probe of NumPy and PyTorch.
        sound: The probe of the sound libraries.
        nvidia: Whether an NVIDIA driver is installed.
        disk_gb: Free space where the repository lies.
        memory_gb: All memory this process may use; None when unknown.
        free_memory_gb: What of it is free now; None when unknown.
        console: Encoding of the console.
        unwritable: (folder, reason) of those the course writes to and cannot.
        tools: Program -> where it is, "" when it is not installed.
        variables: Environment variables that change what the course does.
        shadows: Files in the current folder that hide a library of the same name.
        long_paths: Whether paths of more than 260 characters are possible.
        data: (title, "mirror", "cache", "part" or "absent") of each data set; empty when unknown.
        network: (host, what is wrong or "") of each host asked; None when nobody asked.
    """

    system: str = "Linux"
    machine: str = "x86_64"
    package_manager: str = ""
    wsl: bool = False
    root: Path = REPOSITORY
    cwd: Path = REPOSITORY
    python: tuple[int, ...] = (3, 11, 7)
    bits: int = 64
    in_venv: bool = True
    other_environment: str = ""
    venv: str = "whole"
    packages: PackageState = field(default_factory=PackageState)
    computing: Probe = field(default_factory=Probe)
    sound: Probe = field(default_factory=Probe)
    nvidia: bool = False
    disk_gb: float = 100.0
    memory_gb: float | None = 16.0
    free_memory_gb: float | None = 8.0
    console: str = "utf-8"
    unwritable: tuple[tuple[str, str], ...] = ()
    tools: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    shadows: tuple[str, ...] = ()
    long_paths: bool = True
    data: tuple[tuple[str, str], ...] = ()
    network: tuple[tuple[str, str], ...] | None = None

    @property
    def nothing_to_examine(self) -> bool:
        """Whether there is no environment at all in which packages could be looked for."""
        return not self.in_venv and self.venv != "whole" and not self.other_environment


def gather(root: Path = REPOSITORY, *, network: bool = False) -> Facts:
    """Look at this machine. Takes about as long as PyTorch takes to start.

    Args:
        root: Top of the repository.
        network: Also try the hosts that scripts download from.
    """
    venv_python = system.venv_python(root)
    in_venv = _same(Path(sys.prefix), root / ".venv")
    state = system.venv_state(root)
    # Outside of .venv, it is .venv that is examined: what is started by mistake does not matter.
    use_venv = not in_venv and state == "whole"
    python, version = (venv_python, system.version_of(venv_python)) if use_venv else (Path(sys.executable), None)
    facts = Facts(
        system=platform.system(),
        machine=platform.machine(),
        package_manager=system.package_manager(),
        wsl=system.is_wsl(),
        root=root,
        cwd=Path.cwd(),
        python=tuple(sys.version_info[:3]),
        bits=64 if sys.maxsize > 2**32 else 32,
        in_venv=in_venv,
        other_environment=system.other_environment(in_venv),
        venv=state,
        packages=compare(root, system.site_packages(root) if use_venv else None, version or sys.version_info[:3]),
        nvidia=Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None,
        disk_gb=shutil.disk_usage(root).free / 1e9,
        memory_gb=system.memory_gb()[0],
        free_memory_gb=system.memory_gb()[1],
        console=getattr(sys.stdout, "encoding", None) or "ascii",
        unwritable=tuple(system.unwritable(root)),
        tools={name: shutil.which(name) or "" for name in SYSTEM_TOOLS},
        variables={name: os.environ[name] for name in VARIABLES if os.environ.get(name)},
        shadows=system.shadows(Path.cwd(), root),
        long_paths=system.long_paths_work(),
        data=system.data_sets(root),
        network=system.try_hosts() if network else None,
    )
    computing, sound, damaged = run_probes(python, root / "00_env_setup", [COMPUTING, SOUND, DAMAGED])
    ours = in_venv or use_venv  # what is damaged elsewhere is none of our business
    packages = replace(facts.packages, damaged=tuple(damaged.answer.get("damaged", ())) if ours else ())
    return replace(facts, computing=computing, sound=sound, packages=packages)


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve()
    except OSError:
        return False
