"""The doctor: every check fails once, on every operating system, and its repair is that system's."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coursekit.doctor import CHECKS, Facts, Finding, checks, examine, facts, main, packages, probes, report, system
from coursekit.doctor.packages import PackageState
from coursekit.doctor.probes import EXPECTED_SUM, Probe

GUIDE = Path(__file__).resolve().parents[1] / "TROUBLESHOOTING.md"
COMPUTING: dict[str, Any] = {
    "numpy": "2.4.6",
    "torch": "2.11.0+cpu",
    "sum": EXPECTED_SUM,
    "device": "cpu",
    "dtype": "float32",
    "reason": "no GPU",
    "cuda_build": False,
    "threads": 2,
}
SYSTEMS = ("Linux", "Darwin", "Windows")
MACHINES = {"Linux": "x86_64", "Darwin": "arm64", "Windows": "AMD64"}
MANAGERS = {"Linux": "apt", "Darwin": "brew", "Windows": "winget"}
ROOTS = {"Linux": "/srv/course", "Darwin": "/srv/course", "Windows": "C:\\course"}


def healthy(name: str = "Linux", **changes: Any) -> Facts:
    """A machine on which all is well, with something changed."""
    well = Facts(
        system=name,
        machine=MACHINES[name],
        package_manager=MANAGERS[name],
        root=Path(ROOTS[name]),
        cwd=Path(ROOTS[name]),
        packages=PackageState(right=151),
        computing=Probe(COMPUTING),
        sound=Probe({"microphones": ["Built-in"], "soundfile": "0.13"}),
        tools={"ffmpeg": "", "espeak-ng": ""},
        data=(("MNIST", "absent"),),
    )
    return replace(well, **changes)


def broken(error: str, code: int | None = 1) -> Probe:
    return Probe(error=error, code=code)


# What is wrong -> (the check that has to notice, its status, what it must say, the repair's words by system).
Case = tuple[Callable[[Facts], Finding], dict[str, Any], str, str, dict[str, str]]
EVERYWHERE = dict.fromkeys(SYSTEMS, "")


def everywhere(words: str) -> dict[str, str]:
    return dict.fromkeys(SYSTEMS, words)


def bootstrap(command: str) -> dict[str, str]:
    posix = f"python3 00_env_setup/bootstrap.py {command}"
    return {"Linux": posix, "Darwin": posix, "Windows": f"py -3.11 00_env_setup\\bootstrap.py {command}"}


CASES: list[Case] = [
    (
        checks.python,
        {"python": (3, 13, 1)},
        "FAIL",
        "3.13.1",
        {
            "Linux": "sudo apt install python3.11 python3.11-venv",
            "Darwin": "brew install python@3.11",
            "Windows": "winget install Python.Python.3.11",
        },
    ),
    (checks.python, {"python": (3, 9, 6)}, "FAIL", "3.9.6", everywhere("bootstrap.py setup")),
    (checks.python, {"python": (3, 13, 0), "in_venv": False}, "FAIL", "3.13.0", everywhere("activate")),
    (checks.python, {"bits": 32}, "FAIL", "32 bits", everywhere("3.11")),
    (checks.machine, {"machine": "riscv64"}, "FAIL", "riscv64", everywhere("x86-64")),
    (checks.environment, {"in_venv": False, "venv": "absent"}, "FAIL", "not set up", bootstrap("setup")),
    (
        checks.environment,
        {"in_venv": False},
        "FAIL",
        "not inside .venv",
        {
            "Linux": "source .venv/bin/activate",
            "Darwin": "source .venv/bin/activate",
            "Windows": ".venv\\Scripts\\activate",
        },
    ),
    (
        checks.environment,
        {"in_venv": False, "venv": "absent", "other_environment": "/opt/conda"},
        "warn",
        "/opt/conda",
        bootstrap("setup"),
    ),
    (checks.environment, {"venv": "unfinished", "in_venv": False}, "FAIL", "stopped half-way", bootstrap("setup")),
    (
        checks.environment,
        {"venv": "broken", "in_venv": False},
        "FAIL",
        "does not start",
        {"Linux": "rm -rf .venv", "Darwin": "rm -rf .venv", "Windows": "rmdir /s /q .venv"},
    ),
    (checks.environment, {"venv": "moved"}, "FAIL", "moved or copied", bootstrap("setup")),
    (
        checks.packages,
        {"packages": PackageState(1, ("torch", "soxr"))},
        "FAIL",
        "2 missing: torch, soxr",
        bootstrap("repair"),
    ),
    (
        checks.packages,
        {"packages": PackageState(150, damaged=("numpy",))},
        "FAIL",
        "1 damaged: numpy",
        bootstrap("repair"),
    ),
    (
        checks.packages,
        {"packages": PackageState(150, other=(("numpy", "1.26.4", "2.4.6"),))},
        "warn",
        "numpy 1.26.4 instead of 2.4.6",
        bootstrap("repair"),
    ),
    (
        checks.packages,
        {"packages": PackageState(error="the lock cannot be read")},
        "FAIL",
        "the lock",
        everywhere("git"),
    ),
    (
        checks.torch,
        {"computing": broken("ModuleNotFoundError: No module named 'torch'")},
        "FAIL",
        "'torch'",
        bootstrap("repair"),
    ),
    (
        checks.torch,
        {"computing": broken("ImportError: DLL load failed while importing _C")},
        "FAIL",
        "DLL load failed",
        {**bootstrap("repair"), "Windows": "winget install Microsoft.VCRedist.2015+.x64"},
    ),
    (
        checks.torch,
        {"computing": broken("OSError: libgomp.so.1: cannot open shared object file")},
        "FAIL",
        "libgomp",
        {"Linux": "sudo apt install libgomp1", "Darwin": "libgomp", "Windows": "libgomp"},
    ),
    (checks.torch, {"computing": broken("version `GLIBC_2.28' not found")}, "FAIL", "GLIBC", everywhere("too old")),
    (
        checks.torch,
        {"computing": broken("ended with code -4", -4)},
        "FAIL",
        "code -4",
        everywhere("processor is too old"),
    ),
    (checks.torch, {"computing": broken("ended with code -9", -9)}, "FAIL", "code -9", everywhere("not enough memory")),
    (
        checks.torch,
        {"computing": broken("gave no answer in 60 s", None)},
        "FAIL",
        "no answer",
        everywhere("run this again"),
    ),
    (checks.torch, {"computing": Probe({**COMPUTING, "sum": 31.0})}, "FAIL", "computes 31.0", bootstrap("repair")),
    (checks.device, {"computing": broken("no torch")}, "warn", "unknown", everywhere("repair torch first")),
    (
        checks.device,
        {"nvidia": True},
        "warn",
        "no GPU",
        {
            "Linux": ".venv/bin/uv pip install --python .venv/bin/python",
            "Darwin": "--torch-backend auto torch==2.11.0",
            "Windows": ".venv\\Scripts\\uv pip install",
        },
    ),
    (
        checks.device,
        {"nvidia": True, "computing": Probe({**COMPUTING, "cuda_build": True})},
        "warn",
        "no GPU",
        everywhere("nvidia-smi"),
    ),
    (checks.microphone, {"sound": broken("No module named 'miniaudio'")}, "FAIL", "'miniaudio'", bootstrap("repair")),
    (
        checks.microphone,
        {"sound": Probe({"microphones": []})},
        "warn",
        "none found",
        {
            "Linux": "sudo usermod -aG audio $USER",
            "Darwin": "Privacy_Microphone",
            "Windows": "start ms-settings:privacy-microphone",
        },
    ),
    (checks.disk, {"disk_gb": 0.4}, "FAIL", "0.4 GB free", everywhere("uv cache clean")),
    (
        checks.disk,
        {"disk_gb": 3.0},
        "warn",
        "3.0 GB free",
        {"Linux": "du -sh", "Darwin": "du -sh", "Windows": "cleanmgr"},
    ),
    (
        checks.memory,
        {"memory_gb": 1.0, "free_memory_gb": 0.5},
        "FAIL",
        "1.0 GB, 0.5 GB free",
        {"Linux": "top", "Darwin": "Activity Monitor", "Windows": "taskmgr"},
    ),
    (checks.memory, {"memory_gb": 3.0, "free_memory_gb": None}, "warn", "3.0 GB", everywhere("close other programs")),
    (
        checks.memory,
        {"memory_gb": 16.0, "free_memory_gb": 0.7},
        "warn",
        "0.7 GB free",
        everywhere("close other programs"),
    ),
    (
        checks.console,
        {"console": "utf-16"},
        "FAIL",
        "utf-16 cannot show",
        {"Linux": "export LC_ALL=C.UTF-8", "Darwin": "export LC_ALL=C.UTF-8", "Windows": "chcp 65001"},
    ),
    (checks.console, {"console": "no-such-encoding"}, "FAIL", "no-such-encoding", everywhere("PYTHONIOENCODING")),
    (checks.folder, {"root": Path("/srv/OneDrive/course")}, "warn", "synchronised", everywhere("move the folder")),
    (
        checks.writable,
        {"unwritable": (("/srv/course/.data", "Permission denied"),)},
        "FAIL",
        "/srv/course/.data (Permission denied)",
        {"Linux": "sudo chown -R", "Darwin": "chmod -R u+w", "Windows": "icacls"},
    ),
    (
        checks.variables,
        {"variables": {"PYTHONPATH": "/old"}},
        "warn",
        "PYTHONPATH=/old",
        {"Linux": "unset PYTHONPATH", "Darwin": "unset PYTHONPATH", "Windows": "Remove-Item Env:PYTHONPATH"},
    ),
    (
        checks.shadows,
        {"shadows": ("/srv/course/random.py",)},
        "warn",
        "random.py",
        {"Linux": 'mv "/srv/course/random.py"', "Darwin": "random_mine.py", "Windows": 'ren "/srv/course/random.py"'},
    ),
    (
        checks.data,
        {"variables": {"COURSE_DATA_MIRROR": "/gone"}},
        "FAIL",
        "COURSE_DATA_MIRROR=/gone holds none",
        {"Linux": "unset COURSE_DATA_MIRROR", "Darwin": "unset", "Windows": "set COURSE_DATA_MIRROR="},
    ),
    (checks.data, {"variables": {"COURSE_OFFLINE": "1"}}, "warn", "COURSE_OFFLINE=1", everywhere("COURSE_OFFLINE")),
    (
        checks.network,
        {"network": (("data.example", "timed out"),)},
        "warn",
        "data.example: timed out",
        {"Linux": "export HTTPS_PROXY", "Darwin": "export HTTPS_PROXY", "Windows": "set HTTPS_PROXY"},
    ),
    (
        checks.network,
        {"network": (("data.example", "CERTIFICATE_VERIFY_FAILED"),)},
        "warn",
        "CERTIFICATE",
        {"Linux": "update-ca-certificates", "Darwin": "Install Certificates.command", "Windows": "certutil"},
    ),
    (checks.network, {"network": ()}, "warn", "unknown", everywhere("repair packages first")),
]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_healthy_machine_passes_every_check(name: str) -> None:
    findings = examine(healthy(name))
    assert [finding for finding in findings if finding.status != "ok" or finding.repair or finding.anchor] == []
    assert len({finding.name for finding in findings}) == len(CHECKS)
    assert all(finding.value and finding.why for finding in findings)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0].__name__}: {case[3]}")
def test_what_is_wrong_is_said_with_the_repair_of_this_system(case: Case, name: str) -> None:
    check, changes, status, said, repair = case
    finding = check(healthy(name, **changes))
    assert (finding.status, said in finding.value) == (status, True), finding
    assert repair[name] in "\n".join(finding.repair), finding
    others = {"Windows": "sudo |brew |export ", "Darwin": "sudo apt|winget|\\\\", "Linux": "winget|brew |\\\\"}
    assert not re.search(others[name], "\n".join(finding.repair)), finding


@pytest.mark.parametrize("state", ["absent", "unfinished", "broken"])
def test_without_an_environment_its_absence_is_the_one_failure(state: str) -> None:
    machine = healthy(in_venv=False, venv=state, packages=PackageState(0, ("torch",)), computing=broken("no torch"))
    findings = examine(machine)
    assert [finding.name for finding in findings if finding.status == "FAIL"] == ["environment"]
    assert [finding.name for finding in findings if finding.status == "warn"] == [
        "packages",
        "torch",
        "device",
        "microphone",
    ]
    elsewhere = examine(replace(machine, other_environment="/opt/conda"))
    assert {finding.name for finding in elsewhere if finding.status == "FAIL"} >= {"packages", "torch"}


def test_every_check_is_seen_to_fail() -> None:
    """The one check that cannot be wrong on its own is `tools`: it insists only on what was asked for."""
    assert {case[0] for case in CASES} | {checks.tools} == set(CHECKS)


@pytest.mark.parametrize(
    ("manager", "name", "command"),
    [
        ("apt", "Linux", "sudo apt install espeak-ng"),
        ("dnf", "Linux", "sudo dnf install espeak-ng"),
        ("pacman", "Linux", "sudo pacman -S espeak-ng"),
        ("zypper", "Linux", "sudo zypper install espeak-ng"),
        ("", "Linux", "sudo apt install espeak-ng"),
        ("brew", "Darwin", "brew install espeak-ng"),
        ("winget", "Windows", "winget install eSpeak-NG.eSpeak-NG"),
    ],
)
def test_tools_are_missed_only_where_they_are_needed(manager: str, name: str, command: str) -> None:
    machine = healthy(name, package_manager=manager)
    assert checks.tools(machine).status == "ok"
    [finding] = [one for one in examine(machine, ["espeak-ng"]) if one.name == "tools"]
    assert finding.status == "FAIL" and finding.repair[0].startswith(command)
    assert checks.tools(replace(machine, tools={"espeak-ng": "/bin/espeak-ng"}), ["espeak-ng"]).status == "ok"


@pytest.mark.parametrize(
    ("manager", "words"),
    [("apt", "apt install python3.11 python3.11-venv"), ("dnf", "dnf install python3.11"), ("pacman", "python311")],
)
def test_linux_families_differ(manager: str, words: str) -> None:
    finding = checks.python(healthy(python=(3, 14, 0), package_manager=manager))
    assert words in finding.repair[0] and finding.repair[1].startswith("python3.11 ")


def test_folders_that_make_trouble_on_windows_and_wsl() -> None:
    deep = Path("C:\\" + "a" * 120)
    assert checks.folder(healthy("Windows", root=deep)).status == "ok"
    finding = checks.folder(healthy("Windows", root=deep, long_paths=False))
    assert finding.status == "warn" and "LongPathsEnabled" in finding.repair[0]
    assert checks.folder(healthy(root=Path("/mnt/c/course"))).status == "ok"
    assert checks.folder(healthy(root=Path("/mnt/c/course"), wsl=True)).status == "warn"
    assert "wsl --update" in checks.microphone(healthy(wsl=True, sound=Probe({"microphones": []}))).repair[0]


def all_findings() -> list[Finding]:
    findings = [case[0](healthy(name, **case[1])) for case in CASES for name in SYSTEMS]
    findings.append(checks.folder(healthy("Windows", root=Path("C:\\" + "a" * 120), long_paths=False)))
    return [*findings, checks.tools(healthy(), ["ffmpeg"])]


def test_every_anchor_leads_to_a_heading_of_the_guide() -> None:
    headings = re.findall(r"^## (.+)$", GUIDE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    wanted = {finding.anchor for finding in all_findings()}
    assert "" not in wanted and wanted <= anchors, wanted - anchors


def test_the_report_is_ascii_and_repairs_stand_below_their_line() -> None:
    sick = healthy(
        disk_gb=0.1, root=Path("/srv/\N{GREEK SMALL LETTER ALPHA}"), shadows=("/srv/\N{GREEK SMALL LETTER BETA}.py",)
    )
    lines = report.report_lines(sick, examine(sick))
    assert all(line.isascii() for line in lines)
    at = next(n for n, line in enumerate(lines) if line.startswith("FAIL  disk"))
    below = lines[at + 1 : at + 6]
    assert any(line.strip().startswith("-> .venv/bin/uv cache clean") for line in below)
    assert any("TROUBLESHOOTING.md#the-disk-is-full" in line for line in below)
    assert lines[-2].startswith("The commands are for the top of the repository: cd ")
    assert lines[-1] == "17 checks: 1 failed, 1 to look at."


def test_a_narrow_console_gets_the_reason_on_a_line_of_its_own() -> None:
    finding = checks.disk(healthy())
    assert len(report.finding_lines(finding, 200)) == 1
    assert len(report.finding_lines(finding, 60)) == 2


def doctor(monkeypatch: pytest.MonkeyPatch, machine: Facts, *arguments: str) -> int:
    seen: dict[str, Any] = {}
    monkeypatch.setattr(report, "gather", lambda **more: seen.update(more) or machine)
    code = main(arguments)
    assert seen in ({}, {"network": "--network" in arguments})
    return code


def test_the_exit_code_says_whether_something_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(monkeypatch, healthy()) == 0
    assert doctor(monkeypatch, healthy(disk_gb=3.0), "--network") == 0
    assert doctor(monkeypatch, healthy(disk_gb=0.1)) == 1
    assert doctor(monkeypatch, healthy(), "--need", "ffmpeg") == 1
    capsys.readouterr()
    assert doctor(monkeypatch, healthy(), "--ned") == 2
    assert "--ned" in (error := capsys.readouterr().err) and "HINT" in error
    assert doctor(monkeypatch, healthy(), "--help") == 0


def test_json_has_every_finding(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(monkeypatch, healthy(disk_gb=0.1), "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["failed"] == 1
    disk = next(one for one in found["findings"] if one["name"] == "disk")
    assert set(disk) == {"status", "name", "value", "why", "repair", "anchor"}
    assert disk["status"] == "FAIL" and disk["repair"]


# ------------------------------------------------------------------------------------------------ gathering the facts


def test_this_machine_is_examined_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without .venv: what is there is examined with the running Python; nothing is written."""
    root = tmp_path / "course"
    (root / "00_env_setup").mkdir(parents=True)
    for name in ("bootstrap_steps.py", "requirements.lock"):
        (root / "00_env_setup" / name).write_bytes((GUIDE.parent / name).read_bytes())
    (root / "requirements.txt").write_bytes((GUIDE.parents[1] / "requirements.txt").read_bytes())
    monkeypatch.setattr(
        facts, "run_probes", lambda *_: [Probe(COMPUTING), broken("no sound"), Probe({"damaged": ["x"]})]
    )
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    seen = facts.gather(root)
    assert sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts) == before
    assert (seen.venv, seen.in_venv, seen.network, seen.cwd) == ("absent", False, None, tmp_path)
    assert seen.packages.damaged == () and seen.packages.right > 100
    assert seen.disk_gb > 0 and seen.memory_gb and seen.python == tuple(sys.version_info[:3])
    assert not seen.unwritable and not seen.shadows


def test_a_missing_package_another_version_and_an_unreadable_lock_are_seen(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for name, version in {"numpy": "1.0", "torch": "2.11.0+cpu", "tqdm": "4.68"}.items():
        (site / f"{name}-{version}.dist-info").mkdir(parents=True)
        (site / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: {version}\n")
    root = tmp_path / "course"
    assert "cannot be read" in packages.compare(root, [str(site)], (3, 11, 7)).error
    (root / "00_env_setup").mkdir(parents=True)
    steps = (GUIDE.parent / "bootstrap_steps.py").read_bytes()
    (root / "00_env_setup" / "bootstrap_steps.py").write_bytes(steps)
    lock = "".join(f"{pin}\n    # via -r requirements.txt\n" for pin in ("numpy==2.4.6", "torch==2.11.0", "soxr==1.0"))
    (root / "00_env_setup" / "requirements.lock").write_text(lock + "uv==1\n    # via -r requirements.txt\n")
    (root / "requirements.txt").write_text("# [lessons]\nnumpy\ntorch\nsoxr\n# [development]\nuv\n")
    state = packages.compare(root, [str(site)], (3, 11, 7))
    assert state == PackageState(1, ("soxr",), (("numpy", "1.0", "2.4.6"),))


@pytest.mark.parametrize(
    ("marker", "python", "expected"),
    [
        ("python_full_version < '3.11'", "3.10.4", True),
        ("python_full_version < '3.11'", "3.11.0", False),
        ("python_full_version >= '3.11'", "3.12.1", True),
        ("python_full_version == '3.11.*'", "3.11.9", True),
        ("python_full_version != '3.11.*'", "3.11.9", False),
        ("python_full_version < '3.11' and sys_platform == 'no-such'", "3.10.4", False),
        ("sys_platform == 'no-such' or sys_platform != 'emscripten'", "3.10.4", True),
    ],
)
def test_the_conditions_of_the_lock_are_understood(marker: str, python: str, expected: bool) -> None:
    assert packages.holds(marker, {"python_version": python[:4], "python_full_version": python}) is expected


@pytest.mark.parametrize("python", [(3, 10, 4), (3, 11, 7), (3, 12, 1)])
def test_the_conditions_are_read_as_pip_reads_them(python: tuple[int, ...]) -> None:
    from packaging.markers import Marker

    version = ".".join(map(str, python))
    environment = {"python_version": version[:4], "python_full_version": version}
    lock = (GUIDE.parent / "requirements.lock").read_text(encoding="utf-8")
    markers = {line.split(";")[1].strip() for line in lock.splitlines() if "==" in line and ";" in line}
    assert len(markers) > 5
    early, linux = "python_full_version < '3.11'", "sys_platform == 'linux'"
    markers |= {f"({early} or {linux}) and {linux}", f"(({early}) and {linux}) or ({linux} and {early})"}
    for marker in markers:
        assert packages.holds(marker, environment) is Marker(marker).evaluate(environment), marker


def test_the_real_lock_is_what_is_installed_here() -> None:
    state = packages.compare(facts.REPOSITORY, None, sys.version_info[:3])
    assert not state.error and not state.missing


def test_an_environment_is_absent_unfinished_broken_moved_or_whole(tmp_path: Path) -> None:
    assert system.venv_state(tmp_path) == "absent"
    python = system.venv_python(tmp_path)
    python.parent.mkdir(parents=True)
    assert system.venv_state(tmp_path) == "broken"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    assert system.venv_state(tmp_path) == "whole"
    assert system.site_packages(tmp_path)
    (tmp_path / ".venv").rename(tmp_path / "aside")
    (tmp_path / "new").mkdir()
    (tmp_path / "aside").rename(tmp_path / "new" / ".venv")
    assert system.venv_state(tmp_path / "new") == "moved"
    (tmp_path / "new" / ".bootstrap.unfinished").touch()
    assert system.venv_state(tmp_path / "new") == "unfinished"


def test_folders_that_cannot_be_written_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "02_x").mkdir()
    assert list(system.unwritable(tmp_path)) == []

    def refuse(dir: Path, prefix: str) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(system.tempfile, "NamedTemporaryFile", refuse)
    refused = dict(system.unwritable(tmp_path))
    assert refused[str(tmp_path)] == refused[str(tmp_path / "02_x")] == "Permission denied"


def test_files_that_hide_a_library_are_found(tmp_path: Path) -> None:
    (tmp_path / "02_x").mkdir()
    for name in ("random.py", "02_x/torch.py", "02_x/03_train.py"):
        (tmp_path / name).touch()
    assert [Path(path).name for path in system.shadows(tmp_path, tmp_path)] == ["torch.py", "random.py"]


def test_the_repository_itself_hides_no_library() -> None:
    assert system.shadows(facts.REPOSITORY, facts.REPOSITORY) == ()


def test_data_sets_are_found_by_the_size_of_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from coursekit.data import DATASETS

    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path))
    assert {state for _, state in system.data_sets(tmp_path)} == {"absent"}
    for number, file in enumerate(DATASETS["mnist"].files):
        path = tmp_path / "mnist" / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as content:
            content.truncate(file.size)
        states = dict(system.data_sets(tmp_path))
        assert states[DATASETS["mnist"].title] == ("cache" if number == 3 else "part")
    monkeypatch.setenv("COURSE_DATA_MIRROR", str(tmp_path))
    assert DATASETS["mnist"].mirror == "mnist"
    assert dict(system.data_sets(tmp_path))[DATASETS["mnist"].title] == "mirror"


def test_hosts_are_asked_and_their_silence_is_reported() -> None:
    """The guard of the tests refuses, as a bad network would; that the refusal is not an OSError shows it was tried."""
    from coursekit.testing.network import NetworkBlocked, blocked

    with pytest.raises(NetworkBlocked):
        system.try_hosts(0.1)
    blocked.clear()


# -------------------------------------------------------------------------------------------------------- the probes


def probe(code: str, time_limit: float = 30.0) -> Probe:
    [found] = probes.run_probes(Path(sys.executable), GUIDE.parent, [code], time_limit)
    return found


def test_a_probe_answers_fails_hangs_crashes_or_cannot_start(tmp_path: Path) -> None:
    assert probe("print('noise'); print('{\"a\": 1}')") == Probe({"a": 1})
    assert probe("import no_such_module").error == "ModuleNotFoundError: No module named 'no_such_module'"
    assert probe("print('no json')").error == "ended without an answer"
    assert probe("import time; time.sleep(60)", 0.5) == Probe({}, "gave no answer in 0 s", None)
    assert probe("import os; os._exit(3)") == Probe({}, "ended with code 3", 3)
    [missing] = probes.run_probes(tmp_path / "python", GUIDE.parent, ["pass"])
    assert missing.code is None and "cannot be started" in missing.error


def test_the_real_probes_answer_here() -> None:
    computing, sound, damaged = probes.run_probes(
        Path(sys.executable), GUIDE.parent, [probes.COMPUTING, probes.SOUND, probes.DAMAGED], 400
    )
    assert computing.answer.get("sum") == EXPECTED_SUM, computing
    assert "microphones" in sound.answer, sound
    assert damaged.answer["damaged"] == [], damaged


def test_a_python_that_is_too_old_is_told_so_by_whatever_it_runs() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); sys.version_info = (3, 9, 6); import coursekit"
    done = subprocess.run([sys.executable, "-I", "-c", code, str(GUIDE.parent)], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("ERROR: this is Python 3.9; the course needs Python 3.10")
    assert "HINT: " in done.stderr and "Traceback" not in done.stderr


def test_the_doctor_needs_nothing_but_the_standard_library(tmp_path: Path) -> None:
    """As a learner starts it who forgot the environment: no package of the course can be imported."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); import coursekit.doctor as d; print(d.CHECKS[0].__name__)"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(GUIDE.parent)], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "python\n", done.stderr
