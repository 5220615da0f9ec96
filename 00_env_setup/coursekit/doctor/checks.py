"""The checks. Each takes the facts and returns its finding; nothing here looks at the machine itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import coursekit.doctor.repairs as repairs
from coursekit.doctor.facts import Facts
from coursekit.doctor.findings import FAIL, OK, WARN, Finding
from coursekit.doctor.probes import EXPECTED_SUM

SUPPORTED = ((3, 10), (3, 11), (3, 12))
DISK_GB = (1.0, 5.0)  # below the first it fails, below the second it warns
MEMORY_GB = (2.0, 4.0)  # the same; COSTS.md has the peak of every script
LONGEST_PATH = 160  # characters of the longest file name below the repository, in .venv
SYNCED = re.compile(r"OneDrive|Dropbox|Google ?Drive|iCloud|Mobile Documents", re.IGNORECASE)
ABSENT_TOOLS = {
    "ffmpeg": "needed nowhere (PyAV brings its own)",
    "espeak-ng": "needed only by --engine vits with public models",
}


def python(facts: Facts) -> Finding:
    """The running Python is one for which every package is built."""
    why = "the packages are built for Python 3.10 to 3.12"
    value = ".".join(str(part) for part in facts.python) + (f", {facts.bits} bits" if facts.bits != 64 else "")
    if facts.python[:2] in SUPPORTED and facts.bits == 64:
        return Finding(OK, "python", value, why)
    at_hand = facts.venv == "whole" and not facts.in_venv  # then another Python is only to be started, not installed
    repair = (repairs.activate(facts),) if at_hand else repairs.other_python(facts)
    return Finding(FAIL, "python", value, why, repair, "wrong-python-version")


def machine(facts: Facts) -> Finding:
    """Every package has a wheel for this kind of machine."""
    why = "PyTorch and Coqui TTS are not built for every machine"
    names = {"Darwin": "macOS"}
    value = f"{names.get(facts.system, facts.system)} on {facts.machine}" + (" (WSL)" if facts.wsl else "")
    good = {"Linux": ("x86_64", "amd64"), "Windows": ("amd64", "x86_64"), "Darwin": ("arm64",)}
    if facts.machine.lower() in good.get(facts.system, ()):
        return Finding(OK, "machine", value, why)
    repair = "use Linux or Windows on x86-64, or a Mac with an Apple processor (and a Python made for it)"
    return Finding(FAIL, "machine", value, why, (repair,), "unsupported-machine")


def environment(facts: Facts) -> Finding:
    """The running Python is that of .venv, which is whole."""
    why = "only .venv holds the packages the course was tested with"
    setup, activate = repairs.bootstrap(facts, "setup"), repairs.activate(facts)
    broken = {
        "unfinished": ("the set-up was stopped half-way", (setup,)),
        "broken": (".venv is there, but its Python does not start", (repairs.remove_venv(facts), setup)),
        "moved": ("the folder was moved or copied after the set-up", (repairs.remove_venv(facts), setup)),
    }
    if facts.venv in broken:
        value, repair = broken[facts.venv]
        return Finding(FAIL, "environment", value, why, repair, "the-environment-is-broken")
    if facts.in_venv:
        return Finding(OK, "environment", "inside .venv", why)
    if facts.venv == "whole":
        return Finding(FAIL, "environment", "not inside .venv", why, (activate,), "not-inside-the-environment")
    if facts.other_environment:
        value = f"inside another one, {facts.other_environment}"
        return Finding(WARN, "environment", value, why, (setup, activate), "not-inside-the-environment")
    return Finding(FAIL, "environment", "none: the course is not set up", why, (setup,), "not-inside-the-environment")


def packages(facts: Facts) -> Finding:
    """Every package is there, whole, at its locked version."""
    why = "these versions were tested together"
    state = facts.packages
    repair = (repairs.bootstrap(facts, "repair"),)
    if state.error:
        return Finding(
            FAIL, "packages", state.error, why, ("git checkout 00_env_setup requirements.txt",), "missing-packages"
        )
    broken = [name for name in state.damaged if name not in state.missing]
    if state.missing or broken:
        parts = [_some("missing", state.missing), _some("damaged", broken)]
        return Finding(FAIL, "packages", "; ".join(filter(None, parts)), why, repair, "missing-packages")
    if state.other:
        differ = [f"{name} {found} instead of {locked}" for name, found, locked in state.other]
        return Finding(WARN, "packages", _some("other versions", differ), why, repair, "missing-packages")
    return Finding(OK, "packages", f"{state.right} as locked", why)


def _some(title: str, names: Sequence[str], most: int = 4) -> str:
    if not names:
        return ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} {title}: {', '.join(names[:most])}{more}"


def torch(facts: Facts) -> Finding:
    """NumPy and PyTorch start, work together, and compute right."""
    why = "they do the computing"
    probe = facts.computing
    if not probe.answer:
        repair = repairs.torch(facts, probe.error, probe.code)
        return Finding(FAIL, "torch", f"does not start: {probe.error}", why, repair, "pytorch-does-not-start")
    if probe.answer["sum"] != EXPECTED_SUM:
        value = f"computes {probe.answer['sum']} where {EXPECTED_SUM} is right"
        return Finding(FAIL, "torch", value, why, (repairs.bootstrap(facts, "repair"),), "pytorch-does-not-start")
    value = f"torch {probe.answer['torch']}, numpy {probe.answer['numpy']}, {probe.answer['threads']} threads"
    return Finding(OK, "torch", value, why)


def device(facts: Facts) -> Finding:
    """Where scripts compute, in which number format, and why; a GPU that lies idle is worth a word."""
    why = "a GPU is quicker; every script runs on a CPU too"
    answer = facts.computing.answer
    if not answer:
        return Finding(
            WARN, "device", "unknown while PyTorch does not start", why, ("repair torch first",), "the-gpu-is-not-used"
        )
    value = f"{answer['device']}, {answer['dtype']} ({answer['reason']})"
    if facts.nvidia and answer["device"] == "cpu":
        repair = repairs.gpu(facts, answer["cuda_build"], answer["torch"])
        return Finding(WARN, "device", value, why, repair, "the-gpu-is-not-used")
    return Finding(OK, "device", value, why)


def microphone(facts: Facts) -> Finding:
    """The sound libraries start, and something can be recorded with."""
    why = "the capstone records with it, or imports files from a phone"
    probe = facts.sound
    if not probe.answer:
        value = f"the sound libraries do not start: {probe.error}"
        return Finding(FAIL, "microphone", value, why, (repairs.bootstrap(facts, "repair"),), "no-microphone")
    found = probe.answer["microphones"]
    if found:
        return Finding(OK, "microphone", "; ".join(found[:2]).encode("ascii", "replace").decode(), why)
    repair = repairs.microphone(facts, facts.wsl)
    return Finding(WARN, "microphone", "none found", why, repair, "no-microphone")


def tools(facts: Facts, needed: Sequence[str] = ()) -> Finding:
    """FFmpeg and espeak-ng: by default nothing needs them; `needed` names those that the learner wants to use."""
    there = [name for name, path in facts.tools.items() if path]
    missing = [name for name in needed if not facts.tools.get(name)]
    why = "; ".join(f"{name}: {text}" for name, text in ABSENT_TOOLS.items() if name not in there)
    value = ", ".join(f"{name} {'found' if path else 'absent'}" for name, path in facts.tools.items())
    if missing:
        repair = tuple(repairs.install(facts, name) for name in missing)
        return Finding(FAIL, "tools", f"{', '.join(missing)} absent", why, repair, "ffmpeg-and-espeak-ng")
    return Finding(OK, "tools", value, why or "both are there; the course needs neither by default")


def disk(facts: Facts) -> Finding:
    """There is space for outputs, voices and data."""
    least, good = DISK_GB
    why = "outputs, voices and data sets need it"
    value = f"{facts.disk_gb:.1f} GB free"
    status = OK if facts.disk_gb >= good else WARN if facts.disk_gb >= least else FAIL
    if status == OK:
        return Finding(OK, "disk", value, why)
    return Finding(status, "disk", value, why, repairs.free_disk(facts), "the-disk-is-full")


def memory(facts: Facts) -> Finding:
    """There is memory for training."""
    least, good = MEMORY_GB
    why = "training needs it; COSTS.md says how much each script takes"
    if facts.memory_gb is None:
        return Finding(OK, "memory", "the system does not say", why)
    free = facts.memory_gb if facts.free_memory_gb is None else facts.free_memory_gb
    value = f"{facts.memory_gb:.1f} GB, {free:.1f} GB free"
    if facts.memory_gb >= good and free >= least:
        return Finding(OK, "memory", value, why)
    status = FAIL if facts.memory_gb < least else WARN
    return Finding(status, "memory", value, why, repairs.free_memory(facts), "not-enough-memory")


def console(facts: Facts) -> Finding:
    """The console can print what the course prints."""
    why = "the course prints plain ASCII"
    try:
        plain = "".join(map(chr, range(32, 127)))
        works = plain.encode(facts.console) == plain.encode("ascii")
    except LookupError:
        works = False
    if works:
        return Finding(OK, "console", facts.console, why)
    value = f"{facts.console} cannot show plain ASCII"
    return Finding(FAIL, "console", value, why, repairs.utf8_console(facts), "strange-characters-in-the-console")


def folder(facts: Facts) -> Finding:
    """The repository lies where programs can work with it."""
    why = "packages have long names, and files that must not be moved"
    root = str(facts.root)
    if facts.system == "Windows" and not facts.long_paths and len(root) + LONGEST_PATH > 259:
        key = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\FileSystem"
        allow = f"reg add {key} /v LongPathsEnabled /t REG_DWORD /d 1 /f          as administrator, then restart"
        move = "or move the folder to a short path like C:\\course, and set it up again there"
        return Finding(
            WARN, "folder", "its path is too long for Windows", why, (allow, move), "the-folder-is-a-problem"
        )
    if SYNCED.search(root):
        repair = ("move the folder out of it, for example to your home folder, and set it up again there",)
        return Finding(WARN, "folder", "inside a synchronised cloud folder", why, repair, "the-folder-is-a-problem")
    if facts.wsl and root.startswith("/mnt/"):
        repair = ("move the folder to your Linux home folder (cd ~), and set it up again there",)
        return Finding(WARN, "folder", "on a Windows drive, slow from WSL", why, repair, "the-folder-is-a-problem")
    return Finding(OK, "folder", root.encode("ascii", "replace").decode(), why)


def writable(facts: Facts) -> Finding:
    """Outputs, voices, data and progress can be written."""
    why = "scripts, the capstone and downloads write there"
    if not facts.unwritable:
        return Finding(OK, "writable", "outputs, voices, .data", why)
    refused = [f"{place} ({reason})" for place, reason in facts.unwritable]
    repair = tuple(line for place, _ in facts.unwritable[:3] for line in repairs.own_folder(facts, place))
    value = _some("not writable", refused, 2).encode("ascii", "replace").decode()
    return Finding(FAIL, "writable", value, why, repair, "a-folder-is-not-writable")


def variables(facts: Facts) -> Finding:
    """No environment variable leads Python or the course astray without the learner knowing."""
    why = "PYTHONPATH brings in foreign packages; COURSE_... moves data"
    harmful = [name for name in ("PYTHONPATH", "PYTHONHOME") if name in facts.variables]
    seen = ", ".join(f"{name}={value}" for name, value in facts.variables.items()).encode("ascii", "replace").decode()
    if harmful:
        return Finding(
            WARN, "variables", seen, why, tuple(repairs.unset(facts, n) for n in harmful), "foreign-packages"
        )
    return Finding(OK, "variables", seen or "none set", why)


def shadows(facts: Facts) -> Finding:
    """No file of the learner's hides a library."""
    why = "your random.py or torch.py would be imported instead"
    if not facts.shadows:
        return Finding(OK, "names", "no file hides a library", why)
    value = _some("hiding a library", facts.shadows, 2).encode("ascii", "replace").decode()
    verb = "ren" if facts.system == "Windows" else "mv"
    first = facts.shadows[0]
    new_name = re.split(r"[\\/]", first)[-1] if verb == "ren" else first
    return Finding(WARN, "names", value, why, (f'{verb} "{first}" "{new_name[:-3]}_mine.py"',), "foreign-packages")


def data(facts: Facts) -> Finding:
    """The data sets that are here, and a mirror that is really there."""
    why = "quick runs need none; full runs download, or use a stand-in"
    mirror = facts.variables.get("COURSE_DATA_MIRROR", "")
    if mirror and all(state != "mirror" for _, state in facts.data):
        repair = (repairs.unset(facts, "COURSE_DATA_MIRROR"),)
        value = f"COURSE_DATA_MIRROR={mirror} holds none of the data sets".encode("ascii", "replace").decode()
        return Finding(FAIL, "data", value, why, repair, "data-cannot-be-downloaded")
    words = {"mirror": "in the mirror", "cache": "downloaded", "part": "half downloaded", "absent": "not here yet"}
    value = "; ".join(f"{title}: {words[state]}" for title, state in facts.data)
    if facts.variables.get("COURSE_OFFLINE") == "1" and any(state in ("absent", "part") for _, state in facts.data):
        unset = (repairs.unset(facts, "COURSE_OFFLINE"),)
        return Finding(WARN, "data", f"{value}; COURSE_OFFLINE=1", why, unset, "data-cannot-be-downloaded")
    return Finding(OK, "data", value or "unknown while packages are missing", why)


def network(facts: Facts) -> Finding:
    """The hosts that scripts download from answer. Only when asked for: the course works without them."""
    why = "full runs download data; quick runs never do"
    if facts.network is None:
        return Finding(OK, "network", "not tried (--network tries it)", why)
    silent = [(host, error) for host, error in facts.network if error]
    if not facts.network:
        return Finding(
            WARN, "network", "unknown while packages are missing", why, ("repair packages first",), "missing-packages"
        )
    if not silent:
        return Finding(OK, "network", ", ".join(host for host, _ in facts.network), why)
    value = "; ".join(f"{host}: {error}" for host, error in silent).encode("ascii", "replace").decode()
    certificate = any("CERTIFICATE" in error.upper() for _, error in silent)
    repair = repairs.certificates(facts) if certificate else repairs.proxy(facts)
    return Finding(WARN, "network", value, why, repair, "data-cannot-be-downloaded")


CHECKS: tuple[Callable[[Facts], Finding], ...] = (
    python,
    machine,
    environment,
    packages,
    torch,
    device,
    microphone,
    tools,
    disk,
    memory,
    console,
    folder,
    writable,
    variables,
    shadows,
    data,
    network,
)


# What tells nothing new where there is no environment: one cause is named once.
INSIDE = (packages, torch, device, microphone)


def examine(facts: Facts, needed_tools: Sequence[str] = ()) -> list[Finding]:
    """Make every check.

    Args:
        facts: The machine.
        needed_tools: Programs ("ffmpeg", "espeak-ng") that have to be there.
    """
    findings = []
    for check in CHECKS:
        finding = tools(facts, needed_tools) if check is tools else check(facts)
        if facts.nothing_to_examine and check in INSIDE:
            value, first = "not looked at without an environment", ("set the course up first",)
            finding = Finding(WARN, finding.name, value, finding.why, first, "not-inside-the-environment")
        findings.append(finding)
    return findings
