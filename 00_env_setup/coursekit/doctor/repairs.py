"""The commands that put things right, for each operating system. Paths are those below the top of the repository."""

from __future__ import annotations

import re
from typing import Protocol

NOTE = " " * 10  # between a command and the remark about it

INSTALLERS = {
    "apt": "sudo apt install {}",
    "dnf": "sudo dnf install {}",
    "pacman": "sudo pacman -S {}",
    "zypper": "sudo zypper install {}",
    "brew": "brew install {}",
    "winget": "winget install {}",
}
# What a program is called where; a missing entry means its own name.
PACKAGE_NAMES = {
    "python": {
        "apt": "python3.11 python3.11-venv",
        "dnf": "python3.11",
        "pacman": "python311",
        "zypper": "python311",
        "brew": "python@3.11",
        "winget": "Python.Python.3.11",
    },
    "ffmpeg": {"winget": "Gyan.FFmpeg", "dnf": "ffmpeg-free"},
    "espeak-ng": {"winget": "eSpeak-NG.eSpeak-NG"},
    "libgomp": {"apt": "libgomp1", "pacman": "gcc-libs", "zypper": "libgomp1"},
    "pulseaudio-utils": {"pacman": "libpulse"},
}
DEFAULT_MANAGER = {"Linux": "apt", "Darwin": "brew", "Windows": "winget"}


class Machine(Protocol):
    """The part of the facts that decides how a repair is written."""

    @property
    def system(self) -> str: ...

    @property
    def package_manager(self) -> str: ...


def bootstrap(machine: Machine, command: str) -> str:
    """The command line of bootstrap.py."""
    if machine.system == "Windows":
        return f"py -3.11 00_env_setup\\bootstrap.py {command}"
    return f"python3 00_env_setup/bootstrap.py {command}"


def activate(machine: Machine) -> str:
    """The command that puts this terminal into .venv."""
    if machine.system == "Windows":
        return ".venv\\Scripts\\activate"
    return "source .venv/bin/activate"


def remove_venv(machine: Machine) -> str:
    """The command that deletes .venv."""
    if machine.system == "Windows":
        return f"rmdir /s /q .venv{NOTE}(in PowerShell: Remove-Item -Recurse -Force .venv)"
    return "rm -rf .venv"


def install(machine: Machine, what: str) -> str:
    """The command that installs a program with the package manager of this machine."""
    manager = machine.package_manager or DEFAULT_MANAGER.get(machine.system, "apt")
    command = INSTALLERS[manager].format(PACKAGE_NAMES.get(what, {}).get(manager, what))
    if manager == "winget":
        return f"{command}{NOTE}then open a new console"
    return command


def other_python(machine: Machine) -> tuple[str, ...]:
    """How to get a Python of a supported version, and start over with it."""
    if machine.system == "Windows":
        return (install(machine, "python"), bootstrap(machine, "setup"))
    return (install(machine, "python"), bootstrap(machine, "setup").replace("python3", "python3.11", 1))


def torch(machine: Machine, error: str, code: int | None) -> tuple[str, ...]:
    """What to do when NumPy or PyTorch does not start, by the way it failed."""
    repair = bootstrap(machine, "repair")
    if code in (-4, 0xC000001D, 0xC000001D - 2**32):
        return ("this processor is too old for PyTorch (it lacks AVX): use another machine",)
    if code in (-9, 137) or "MemoryError" in error or "allocate memory" in error:
        return ("close other programs: there was not enough memory", repair)
    if code is None and "no answer" in error:
        return ("run this again: the first start from a slow disk, or under a virus scanner, takes long", repair)
    if machine.system == "Windows" and re.search("DLL load failed|WinError 126|WinError 1114", error):
        return (f"winget install Microsoft.VCRedist.2015+.x64{NOTE}then open a new console", repair)
    if "libgomp" in error:
        return (install(machine, "libgomp"), repair)
    if "GLIBC" in error:
        return ("this Linux is too old for PyTorch (glibc 2.28 is needed): use a newer release, or a container",)
    return (repair,)


def gpu(machine: Machine, cuda_build: bool, version: str) -> tuple[str, ...]:
    """What to do when there is an NVIDIA driver, and PyTorch does not use the GPU."""
    if cuda_build:
        return (f"nvidia-smi{NOTE}shows whether the driver works; update it from nvidia.com, then restart",)
    folder = ".venv\\Scripts\\" if machine.system == "Windows" else ".venv/bin/"
    pin = f"torch=={version.split('+')[0]}"
    return (f"{folder}uv pip install --python {folder}python --reinstall --no-deps --torch-backend auto {pin}",)


def microphone(machine: Machine, wsl: bool) -> tuple[str, ...]:
    """How to let a terminal hear."""
    import_instead = "or record with a phone, and import: python 01_collect_recordings.py --voice me --import DIR"
    if machine.system == "Windows":
        return (
            f"start ms-settings:privacy-microphone{NOTE}allow desktop apps, then open a new console",
            import_instead,
        )
    if machine.system == "Darwin":
        pane = "x-apple.systempreferences:com.apple.preference.security?Privacy_Microphone"
        return (f'open "{pane}"{NOTE}allow your terminal, then restart it', import_instead)
    if wsl:
        return ("WSL hears the microphone of Windows 11 only: wsl --update, then restart it", import_instead)
    return (
        f"{install(machine, 'pulseaudio-utils')} && pactl list short sources{NOTE}lists what the system hears",
        f"sudo usermod -aG audio $USER{NOTE}then log out and in",
        import_instead,
    )


def free_disk(machine: Machine) -> tuple[str, ...]:
    """Where space can be won."""
    uv = ".venv\\Scripts\\uv cache clean" if machine.system == "Windows" else ".venv/bin/uv cache clean"
    outputs = "delete what you do not need in the outputs folders, in .data and in the capstone's voices"
    if machine.system == "Windows":
        return (uv, outputs, f"cleanmgr{NOTE}Windows' own disk clean-up")
    return (uv, outputs, f"du -sh .venv .data */outputs{NOTE}shows what takes how much")


def free_memory(machine: Machine) -> tuple[str, ...]:
    """How to see who takes the memory."""
    look = {"Windows": "taskmgr", "Darwin": 'open -a "Activity Monitor"'}.get(machine.system, "top -o %MEM")
    return (f"close other programs; who takes how much shows: {look}",)


def own_folder(machine: Machine, folder: str) -> tuple[str, ...]:
    """How to make a folder writable."""
    if machine.system == "Windows":
        return (f'icacls "{folder}" /grant "%USERNAME%":(OI)(CI)F /T',)
    return (f'sudo chown -R "$(id -un)" "{folder}" && chmod -R u+w "{folder}"',)


def unset(machine: Machine, name: str) -> str:
    """How to remove an environment variable from this terminal."""
    return (
        f"set {name}={NOTE}(in PowerShell: Remove-Item Env:{name})" if machine.system == "Windows" else f"unset {name}"
    )


def utf8_console(machine: Machine) -> tuple[str, ...]:
    """How to give the console an encoding that holds plain ASCII."""
    if machine.system == "Windows":
        return ("chcp 65001", unset(machine, "PYTHONIOENCODING"))
    return ("export LC_ALL=C.UTF-8", unset(machine, "PYTHONIOENCODING"))


def certificates(machine: Machine) -> tuple[str, ...]:
    """How to let Python trust the usual web servers, or a proxy."""
    if machine.system == "Darwin":
        first = 'open "/Applications/Python 3.11/Install Certificates.command"'
    elif machine.system == "Windows":
        first = f"certutil -generateSSTFromWU roots.sst && certutil -addstore -f root roots.sst{NOTE}as administrator"
    else:
        refresh = {"dnf": "sudo update-ca-trust", "pacman": "sudo trust extract-compat"}
        first = refresh.get(machine.package_manager, "sudo update-ca-certificates")
    setting = "set" if machine.system == "Windows" else "export"
    return (first, f"behind a proxy of your own: {setting} SSL_CERT_FILE=ITS_CERTIFICATE.pem")


def proxy(machine: Machine) -> tuple[str, ...]:
    """How to tell Python of a proxy."""
    setting = "set" if machine.system == "Windows" else "export"
    return (
        f"behind a proxy: {setting} HTTPS_PROXY=http://NAME:PORT",
        "without a network, scripts use their offline stand-ins",
    )
