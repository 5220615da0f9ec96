"""What the operating system says, each question in a function of its own."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

PACKAGE_MANAGERS = {"Linux": ("apt", "dnf", "pacman", "zypper"), "Darwin": ("brew",), "Windows": ("winget",)}
LIBRARIES = ("coursekit", "voice_pipeline", "torch", "numpy", "matplotlib", "sklearn", "scipy", "librosa", "soundfile")
_UNLIMITED = 2**60  # what a control group reports when it limits nothing


def package_manager() -> str:
    """The first package manager found, or ""."""
    names = PACKAGE_MANAGERS.get(platform.system(), ())
    return next((name for name in names if shutil.which(name)), "")


def is_wsl() -> bool:
    """Whether this is Linux inside Windows."""
    return "microsoft" in platform.release().lower()


def venv_python(root: Path) -> Path:
    """The Python of the repository's .venv, whether it is there or not."""
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def venv_state(root: Path) -> str:
    """ "whole", "absent", "unfinished" (set-up was stopped), "broken" (its Python does not start) or "moved"."""
    python = venv_python(root)
    if (root / ".bootstrap.unfinished").exists():
        return "unfinished"
    if not (root / ".venv").exists():
        return "absent"
    if version_of(python) is None:
        return "broken"
    activate = python.with_name("activate")
    knows = activate.read_text(encoding="utf-8", errors="replace") if activate.is_file() else ""
    return "whole" if str(root / ".venv") in knows else "moved"


def version_of(python: Path) -> tuple[int, ...] | None:
    """Version of a Python, None when it does not start."""
    code = "import sys; print(*sys.version_info[:3])"
    try:
        done = subprocess.run([str(python), "-c", code], capture_output=True, text=True, timeout=20, check=True)
        return tuple(int(part) for part in done.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def site_packages(root: Path) -> list[str]:
    """Where the packages of .venv lie."""
    folders = [root / ".venv" / "Lib" / "site-packages", *(root / ".venv" / "lib").glob("python3*/site-packages")]
    return [str(folder) for folder in folders if folder.is_dir()]


def other_environment(in_venv: bool) -> str:
    """The active environment when it is not the repository's, else ""."""
    if in_venv:
        return ""
    return sys.prefix if sys.prefix != sys.base_prefix else os.environ.get("CONDA_PREFIX", "")


def memory_gb() -> tuple[float | None, float | None]:
    """(all memory this process may use, what of it is free now) in GB of 10**9 bytes; None where it is not told."""
    system = platform.system()
    if system == "Windows":
        return _windows_memory()
    if system == "Darwin":
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, None
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None, None
    table = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    total, free = table["MemTotal"], table.get("MemAvailable", table["MemFree"])
    limit, used = _control_group()
    return min(total, limit) / 1e9, min(free, limit - used) / 1e9


def _control_group() -> tuple[int, int]:
    """(limit, in use) in bytes of the container this runs in."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            values = [(Path("/sys/fs/cgroup") / name).read_text().strip() for name in (limit, used)]
            return int(values[0]), int(values[1])
        except (OSError, ValueError):
            continue
    return _UNLIMITED, 0


def _windows_memory() -> tuple[float | None, float | None]:
    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong) for name in ("total", "free", "a", "b", "c", "d", "e")
        ]

    status = Status(length=ctypes.sizeof(Status))
    if not ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):  # type: ignore[attr-defined,unused-ignore]
        return None, None
    return status.total / 1e9, status.free / 1e9


def folders_written(root: Path) -> Iterator[Path]:
    """Every folder that the course writes to, whether it is there yet or not."""
    yield root
    for module in sorted(root.glob("[0-9][0-9]_*")):
        if module.is_dir():
            yield module / "outputs"
    yield root / "capstone_voice_replication_pipeline" / "voices"
    yield Path(os.environ.get("COURSE_DATA_HOME") or root / ".data")


def unwritable(root: Path) -> Iterator[tuple[str, str]]:
    """(folder, reason) of those where no file can be made; of a folder to come, its parent is tried."""
    refused: dict[Path, str] = {}
    for folder in folders_written(root):
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if there in refused:
            continue
        try:
            with tempfile.NamedTemporaryFile(dir=there, prefix=".doctor-"):
                pass
        except OSError as error:
            refused[there] = error.strerror or str(error)
            yield str(there), refused[there]


def shadows(cwd: Path, root: Path) -> tuple[str, ...]:
    """Files beside the learner's scripts that Python would import instead of a library of the same name."""
    library = {*sys.stdlib_module_names, *LIBRARIES}
    places = {cwd, root, *root.glob("[0-9][0-9]_*"), *root.glob("[0-9][0-9]_*/my_answers")}
    found = (path for place in places for path in place.glob("*.py") if path.stem in library)
    return tuple(sorted(str(path) for path in found))


def long_paths_work() -> bool:
    """Whether this system takes paths of more than 260 characters; only Windows may not."""
    if sys.platform != "win32":
        return True
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\FileSystem") as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    except OSError:
        return False


def data_sets(root: Path) -> tuple[tuple[str, str], ...]:
    """(title, "mirror", "cache", "part" or "absent") of each data set, by the sizes of its files."""
    try:
        from coursekit.data import DATASETS
    except ImportError:
        return ()
    mirror = os.environ.get("COURSE_DATA_MIRROR")
    home = Path(os.environ.get("COURSE_DATA_HOME") or root / ".data")
    found = []
    for name, dataset in DATASETS.items():
        if mirror and all((Path(mirror) / dataset.mirror / file.path).is_file() for file in dataset.files):
            found.append((dataset.title, "mirror"))
            continue
        sizes = [_size(home / name / file.path) == file.size for file in dataset.files]
        found.append((dataset.title, "cache" if all(sizes) else "part" if any(sizes) else "absent"))
    return tuple(found)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def try_hosts(time_limit: float = 5.0) -> tuple[tuple[str, str], ...]:
    """(host, what is wrong or "") of each host that scripts download from."""
    try:
        from coursekit.data import DATASETS
    except ImportError:
        return ()
    addresses = {}
    for dataset in DATASETS.values():
        for url in dataset.files[0].urls[:1]:
            addresses[url.split("/")[2]] = url
    return tuple((host, _reach(url, time_limit)) for host, url in addresses.items())


def _reach(url: str, time_limit: float) -> str:
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "voice-cloning-course"})
    try:
        with urllib.request.urlopen(request, timeout=time_limit):
            return ""
    except urllib.error.HTTPError as error:
        return f"answers {error.code}"
    except OSError as error:
        return str(getattr(error, "reason", error)) or type(error).__name__
