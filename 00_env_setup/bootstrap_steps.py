"""The steps behind bootstrap.py: make .venv, install the lock, start the demo or the tests. Standard library only.

Run twice, it does nothing the second time: a stamp in .venv, written last, says what is installed. Interrupted, it goes
on the next time: what is half made is found and made again, the rest stays, and nothing is downloaded twice.
"""

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
VENV_BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
VENV_PYTHON = VENV_BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "bootstrap.json"
UNFINISHED = ROOT / ".bootstrap.unfinished"
REQUIREMENTS = ROOT / "requirements.txt"
LOCK = ROOT / "00_env_setup" / "requirements.lock"
CAPSTONE = ROOT / "capstone_voice_replication_pipeline"
PACKAGES = (ROOT / "00_env_setup", CAPSTONE)

COMMANDS = ("setup", "demo", "test", "extra", "repair")
USER_GROUPS = ("lessons", "capstone")
OPTIONAL_GROUPS = ("operations", "cloud")  # by name: bootstrap.py setup cloud
ALL_GROUPS = (*USER_GROUPS, *OPTIONAL_GROUPS, "development")

# (to download, on disk) in GB. The first is measured on Linux; the second is the same without the CUDA packages.
SIZE_WITH_CUDA = (3.2, 6.3)
SIZE_CPU_ONLY = (0.8, 2.5)
# Run in .venv: names the packages of which a file is missing or cut off, as a killed installer leaves them.
LIST_DAMAGED = """
from importlib.metadata import distributions
for package in distributions():
    for file in package.files or ["RECORD"]:
        found = package.locate_file(file)
        whole = found.suffix == ".pyc" or (found.is_file() and file.size in (None, found.stat().st_size))
        if not whole:
            print(package.name)
            break
"""
CUDA_ONLY = re.compile(r"(nvidia-|cuda-|triton$)")


class SetupError(Exception):
    """Something the reader can put right; `hint` says how."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def main(arguments: Sequence[str], usage: str) -> int:
    """Run `bootstrap.py` and return its exit code.

    Args:
        arguments: A command, then what it hands on: demo to demo.py, test to pytest, setup the groups it adds.
        usage: What to print when there is no command.
    """
    command, *rest = arguments or ["--help"]
    if command in ("-h", "--help"):
        print(usage.strip())
        return 0
    try:
        known = {"setup": OPTIONAL_GROUPS, "repair": ()}.get(command, rest)
        unknown = [command] if command not in COMMANDS else [word for word in rest if word not in known]
        if unknown:
            possible = f"possible are: setup, setup {'|'.join(OPTIONAL_GROUPS)}, demo, test, extra NAME, repair"
            raise SetupError(f"unknown argument {unknown[0]!r}.", possible)
        import bootstrap_extras  # which imports this module

        if command == "extra":
            return bootstrap_extras.add(rest)
        wished = rest if command == "setup" else []
        groups = groups_to_repair() if command == "repair" else (*USER_GROUPS, *wished)
        set_up(ALL_GROUPS if command == "test" else groups)
        if command == "demo":
            return start([VENV_PYTHON, CAPSTONE / "demo.py", *rest])
        if command == "test":
            bootstrap_extras.add_all_that_can_be_had()
            side_by_side = ["-n", str(min(2, os.cpu_count() or 1)), "--dist", "loadscope"]  # each took up to 3.6 GB
            return start([VENV_PYTHON, "-m", "pytest", *side_by_side, *rest], cwd=ROOT)
        activate = VENV_BIN / "Activate.ps1" if os.name == "nt" else f"source {VENV_BIN / 'activate'}"
        print(f"Ready. To use it in this terminal: {activate}")
        print("Then begin: course next       (course alone lists all it can do)")
        return 0
    except SetupError as error:
        print(f"ERROR: {error}\nHINT: {error.hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again: it goes on where it was.", file=sys.stderr)
        return 130


def set_up(groups: Sequence[str]) -> None:
    """Bring .venv to the locked versions of `groups`; return at once when it is there already."""
    groups = with_earlier(groups)
    if is_ready(groups):
        return
    with exclusive(ROOT / ".bootstrap.lock"):
        if is_ready(groups):
            return
        check_platform()
        cpu_only = not has_nvidia_gpu()
        announce(cpu_only)
        started = time.monotonic()
        STAMP.unlink(missing_ok=True)
        make_environment()
        uv = install_uv()
        if uv and sys.platform == "linux" and cpu_only:
            cpu_only = cpu_wheels_answer(uv)
        install_lock(uv, groups, cpu_only)
        install_packages(uv)
        compile_librosa()
        write_stamp(groups)
        print(f"Installed in {time.monotonic() - started:.0f} s.", flush=True)


# ---------------------------------------------------------------------------------------------------------- the stamp


def fingerprint() -> str:
    """Return a hash of everything that decides what is installed, this folder included (environments cannot move)."""
    digest = hashlib.sha256(str(ROOT).encode())
    for path in (LOCK, REQUIREMENTS, *(package / "pyproject.toml" for package in PACKAGES)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_ready(groups: Sequence[str]) -> bool:
    """Return whether the stamp says that these groups of this very lock are installed."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
        return VENV_PYTHON.exists() and stamp["fingerprint"] == fingerprint() and set(groups) <= set(stamp["groups"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_stamp(groups: Sequence[str]) -> None:
    temporary = STAMP.with_suffix(".tmp")
    temporary.write_text(json.dumps({"fingerprint": fingerprint(), "groups": list(groups)}), encoding="utf-8")
    os.replace(temporary, STAMP)


def with_earlier(groups: Sequence[str]) -> tuple[str, ...]:
    """Return `groups` and the optional ones that were added before, so that a new lock updates those as well."""
    try:
        earlier = set(json.loads(STAMP.read_text(encoding="utf-8"))["groups"]) & set(OPTIONAL_GROUPS)
    except (OSError, ValueError, KeyError, TypeError):
        earlier = set()
    return tuple(group for group in ALL_GROUPS if group in {*groups, *earlier})


def groups_to_repair() -> tuple[str, ...]:
    """Take the stamp away, so that everything is looked at again; return the groups that it named."""
    groups = ALL_GROUPS if is_ready(ALL_GROUPS) else with_earlier(USER_GROUPS)
    STAMP.unlink(missing_ok=True)
    return groups


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Let one setup at a time in.

    The system frees the lock when the process ends, however it ends. Where it can (not on Windows), children hold it
    too, so that a new setup does not meet the installer that a killed one left running.
    """
    with open(path, "a+") as file:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.set_inheritable(file.fileno(), True)
        except OSError:
            raise SetupError(
                "another setup is at work in this folder.", "wait until it has finished, then run this again"
            ) from None
        yield


# ------------------------------------------------------------------------------------------- checks before any change


def check_platform() -> None:
    """Refuse machines for which some package has no built wheel, rather than fail in the middle."""
    system, machine = platform.system(), platform.machine().lower()
    if sys.maxsize < 2**32:
        raise SetupError("this Python is a 32-bit program; PyTorch needs 64 bits.", "install the 64-bit Python 3.11")
    if system == "Darwin" and machine == "x86_64":
        raise SetupError(
            "PyTorch is no longer built for Macs with Intel processors.",
            "use a Mac with an Apple processor (and a Python made for it), or Linux or Windows on x86-64",
        )
    if system == "Linux" and machine not in ("x86_64", "amd64"):
        raise SetupError(
            f"Linux on {machine}: Coqui's alignment library has no built package for it.",
            "use Linux or Windows on x86-64, or a Mac with an Apple processor",
        )


def has_nvidia_gpu() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None


def announce(cpu_only: bool) -> None:
    """Say what will be downloaded and stored, and refuse when the disk cannot hold it."""
    large, small = SIZE_WITH_CUDA, SIZE_CPU_ONLY
    download, disk = small if cpu_only or sys.platform != "linux" else large
    print(f"Setting up {VENV} with Python {platform.python_version()}.")
    print(f"Downloads about {download} GB (less what is cached) and needs about {disk} GB of disk.")
    if cpu_only and sys.platform == "linux":
        print(f"Where PyTorch's CPU packages cannot be had: {large[0]} GB and {large[1]} GB.", flush=True)
    free = shutil.disk_usage(ROOT).free / 1e9
    if not VENV.exists() and free < disk:
        raise SetupError(f"only {free:.1f} GB are free on the disk of {ROOT}.", "free some space, then run this again")


# ------------------------------------------------------------------------------------------------------ the steps


def make_environment() -> None:
    """Make .venv, or keep it when it was made to the end, here, by this Python version."""
    activate = VENV_PYTHON.with_name("activate")
    moved = activate.is_file() and str(VENV) not in activate.read_text(encoding="utf-8", errors="replace")
    whole = VENV_PYTHON.exists() and not UNFINISHED.exists() and not moved
    if whole and python_version(VENV_PYTHON) == python_version(sys.executable):
        return
    UNFINISHED.touch()
    say("making .venv")
    result = quiet([sys.executable, "-m", "venv", "--clear", VENV])
    if result.returncode != 0:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        print(result.stdout + result.stderr, file=sys.stderr)
        raise SetupError(
            "Python could not make an environment (see above).",
            f"on Debian or Ubuntu: sudo apt install python{version}-venv; elsewhere use the Python of python.org",
        )
    UNFINISHED.unlink()


def python_version(python: str | Path) -> str:
    """Return its version as text, "" when it does not start at all."""
    try:
        return quiet([python, "-c", "import sys; print(sys.version_info[:2])"]).stdout
    except OSError:
        return ""


def install_uv() -> Path | None:
    """Install uv, the quick installer, at its locked version; return None where it cannot be had."""
    uv = VENV_BIN / ("uv.exe" if os.name == "nt" else "uv")
    wanted = next(line for line in LOCK.read_text(encoding="utf-8").splitlines() if line.startswith("uv=="))
    if uv.exists() and wanted.split("==")[1] in quiet([uv, "--version"]).stdout:
        return uv
    say(f"installing {wanted}")
    pip = [VENV_PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]
    if quiet([*pip, "--force-reinstall", wanted]).returncode == 0:
        return uv
    print("   uv cannot be had; pip does it instead, more slowly", flush=True)
    return None


def cpu_wheels_answer(uv: Path) -> bool:
    """Return whether PyTorch's own index, which has packages without CUDA, can be reached."""
    pin = next(line for line in LOCK.read_text(encoding="utf-8").splitlines() if line.startswith("torch=="))
    ask_anew = ["--dry-run", "--reinstall", "--refresh", "--no-deps", "--torch-backend", "cpu", pin]
    try:
        return quiet([*installer(uv), *ask_anew], timeout=20, UV_HTTP_TIMEOUT="5", UV_HTTP_RETRIES="0").returncode == 0
    except subprocess.TimeoutExpired:
        return False


def install_lock(uv: Path | None, groups: Sequence[str], cpu_only: bool) -> None:
    """Install the lock's lines that belong to `groups`."""
    skip_cuda = cpu_only and sys.platform == "linux" and uv is not None
    lines = select(LOCK.read_text(encoding="utf-8"), REQUIREMENTS.read_text(encoding="utf-8"), groups, skip_cuda)
    chosen = VENV / "bootstrap-requirements.txt"
    chosen.write_text("\n".join(lines) + "\n", encoding="utf-8")
    say(f"installing the packages for {', '.join(groups)}" + (" (PyTorch without CUDA)" if skip_cuda else ""))
    command = installer(uv)
    if skip_cuda:
        command += ["--torch-backend", "cpu"]
    damaged = quiet([VENV_PYTHON, "-c", LIST_DAMAGED]).stdout.split()
    if damaged:
        print(f"   half installed, so again: {', '.join(damaged)}", flush=True)
        command += [f"--reinstall-package={name}" for name in damaged] if uv else ["--force-reinstall"]
    run([*command, "--no-deps", "-r", chosen], "the packages could not be installed (see above).")


def install_packages(uv: Path | None) -> None:
    """Install the course's own packages so that editing their files takes effect at once."""
    say("installing the course's own packages")
    editable = [part for package in PACKAGES for part in ("-e", package)]
    build_here = ["--no-build-isolation"]  # setuptools is in the lock: nothing more to download
    run(installer(uv) + ["--no-deps", *build_here, *editable], "the course's packages could not be installed.")


COMPILE = """
import importlib.util, pathlib
for old in pathlib.Path(importlib.util.find_spec("librosa").origin).parent.rglob("*.nb[ic]"):
    old.unlink()
import librosa.beat, librosa.core.pitch, librosa.effects, librosa.feature, librosa.segment, librosa.sequence
"""


def compile_librosa() -> None:
    """Compile librosa's inner loops now, in one process, as its first import would.

    Numba's cache on disk has no lock: two programs that import librosa first and at once can leave a mixture of both,
    and from then on every program that loads it crashes without a word. `repair` makes the cache anew.
    """
    say("compiling librosa's inner loops")
    run([VENV_PYTHON, "-c", COMPILE], "librosa could not be compiled.")


def installer(uv: Path | None) -> list[object]:
    if uv:
        return [uv, "pip", "install", "--python", VENV_PYTHON]
    return [VENV_PYTHON, "-m", "pip", "install", "--disable-pip-version-check"]


def select(lock: str, requirements: str, groups: Sequence[str], skip_cuda: bool) -> list[str]:
    """Return the lock's lines needed by `groups`: their direct packages and, along "via", what those pull in.

    Args:
        lock: Text of the lock, each pin followed by "# via" comments that name who needs it.
        requirements: Text of requirements.txt, divided by "# [group]" lines.
        groups: The groups wanted.
        skip_cuda: Leave out what only a GPU build of PyTorch needs.
    """
    needed_by: dict[str, set[str]] = {}
    name = ""
    for line in lock.splitlines():
        comment = re.match(r"\s+#\s+(?:via\b)?\s*(.*)", line)
        if comment and name:
            needed_by[name].add(comment.group(1).split(" ")[0])
        elif pinned := re.match(r"([A-Za-z0-9._-]+)==", line):
            name = normal(pinned.group(1))
            needed_by.setdefault(name, set())
    chosen = direct_packages(requirements, groups)
    while more := {package for package, parents in needed_by.items() if parents & chosen} - chosen:
        chosen |= more
    lines = []
    for line in lock.splitlines():
        pinned = re.match(r"([A-Za-z0-9._-]+)==", line)
        package = normal(pinned.group(1)) if pinned else ""
        if line.startswith("--") or (package in chosen and not (skip_cuda and CUDA_ONLY.match(package))):
            lines.append(line)
    return lines


def direct_packages(requirements: str, groups: Sequence[str]) -> set[str]:
    """Return the packages that requirements.txt lists below the headings of `groups`."""
    found, group = set(), ""
    for line in requirements.splitlines():
        if heading := re.match(r"# \[(\w+)\]", line):
            group = heading.group(1)
        elif group in groups and (package := re.match(r"[A-Za-z0-9._-]+", line)):
            found.add(normal(package.group(0)))
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# -------------------------------------------------------------------------------------------------- child processes


def environment(**more: str) -> dict[str, str]:
    """Return the environment of every child: this .venv, UTF-8, and no telemetry from any library."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    return {
        **inherited,
        "VIRTUAL_ENV": str(VENV),
        "PATH": str(VENV_BIN) + os.pathsep + os.environ.get("PATH", ""),
        "PYTHONUTF8": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
        "UV_PYTHON_DOWNLOADS": "never",
        **more,
    }


def say(step: str) -> None:
    print(f"-> {step}", flush=True)


def quiet(command: Sequence[object], timeout: float | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it prints."""
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=environment(**more),
        timeout=timeout,
        close_fds=False,
        check=False,
    )


def run(command: Sequence[object], failure: str) -> None:
    """Run a command that prints its own progress; raise SetupError when it fails."""
    if subprocess.call([str(part) for part in command], env=environment(), close_fds=False) != 0:
        raise SetupError(
            failure, "check the network (any proxy too) and the disk, then run the same command: it goes on from here"
        )


def start(command: Sequence[object], cwd: Path | None = None) -> int:
    """Hand over to a child and return its exit code; Ctrl-C reaches the child too, so wait for it to end."""
    process = subprocess.Popen([str(part) for part in command], env=environment(), cwd=cwd)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue
