"""bootstrap.py: refusals, the stamp, interruption, and what is handed on to demo and test."""

import ast
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bootstrap
import bootstrap_extras
import bootstrap_steps as steps
import pytest

USERS = steps.USER_GROUPS


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository whose setup downloads nothing: the steps that would are recorded in `calls`."""
    lock, requirements = tmp_path / "requirements.lock", tmp_path / "requirements.txt"
    lock.write_text("torch==2.11.0\n    # via -r requirements.txt\nuv==0.13.9\n    # via -r requirements.txt\n")
    requirements.write_text("# [lessons]\ntorch  # 02\n# [development]\nuv  # installs\n")
    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "UNFINISHED": tmp_path / ".bootstrap.unfinished",
        "STAMP": tmp_path / ".venv" / "bootstrap.json",
        "VENV_PYTHON": Path(sys.executable),
        "LOCK": lock,
        "REQUIREMENTS": requirements,
        "PACKAGES": (),
        "CAPSTONE": tmp_path,
    }.items():
        monkeypatch.setattr(steps, name, value)
    monkeypatch.setattr(steps, "check_platform", lambda: None)
    monkeypatch.setattr(steps, "make_environment", lambda: steps.VENV.mkdir(exist_ok=True))
    monkeypatch.setattr(steps, "install_uv", lambda: None)
    monkeypatch.setattr(steps, "install_packages", lambda uv: None)
    monkeypatch.setattr(steps, "compile_librosa", lambda: None)
    return tmp_path


@pytest.fixture
def installs(repository: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The groups of each installation that was asked for."""
    del repository
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr(steps, "install_lock", lambda uv, groups, cpu_only: done.append(tuple(groups)))
    return done


def main(*arguments: str) -> int:
    return steps.main(list(arguments), "how to use it")


def test_the_second_run_does_nothing(installs: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main("setup") == 0
    assert "GB" in capsys.readouterr().out
    assert main("setup") == 0
    assert installs == [USERS]
    assert "->" not in capsys.readouterr().out


def test_setup_ends_with_what_to_do_next(installs: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main("setup") == 0
    assert "course next" in capsys.readouterr().out.splitlines()[-1]
    assert installs == [USERS]


def test_a_changed_lock_or_a_wider_wish_installs_again(installs: list[Any]) -> None:
    steps.set_up(USERS)
    steps.set_up(steps.ALL_GROUPS)
    steps.set_up(USERS)
    assert installs == [USERS, steps.ALL_GROUPS]
    with open(steps.LOCK, "a") as lock:
        lock.write("more==1\n")
    steps.set_up(USERS)
    assert len(installs) == 3


def test_an_optional_group_is_added_by_name_and_stays(installs: list[Any]) -> None:
    more = (*USERS, *steps.OPTIONAL_GROUPS)
    assert [main("setup"), main("setup", *steps.OPTIONAL_GROUPS), main("setup")] == [0, 0, 0]
    assert installs == [USERS, more]
    with open(steps.LOCK, "a") as lock:
        lock.write("more==1\n")
    assert [main("setup"), main("repair")] == [0, 0]
    assert installs == [USERS, more, more, more] and steps.is_ready(more)


def test_an_environment_that_moved_is_not_taken_for_ready(
    installs: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps.set_up(USERS)
    monkeypatch.setattr(steps, "ROOT", tmp_path / "elsewhere")
    assert not steps.is_ready(USERS)
    assert installs == [USERS]


@pytest.mark.parametrize("stamp", ["", "{", "[]", '{"groups": []}'])
def test_a_spoilt_stamp_is_no_stamp(repository: Path, stamp: str) -> None:
    del repository
    steps.VENV.mkdir()
    steps.STAMP.write_text(stamp)
    assert not steps.is_ready(USERS)


def test_after_ctrl_c_the_next_run_goes_on(
    installs: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(uv: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(steps, "install_packages", interrupted)
        assert main("setup") == 130
    assert "goes on" in capsys.readouterr().err
    assert not steps.is_ready(USERS)
    assert main("setup") == 0
    assert steps.is_ready(USERS) and len(installs) == 2


def test_a_failed_update_leaves_no_stamp_of_the_old_one(installs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    steps.set_up(USERS)

    def fails(uv: object) -> None:
        raise steps.SetupError("no", "yes")

    with monkeypatch.context() as patch:
        patch.setattr(steps, "install_packages", fails)
        assert main("test") == 2
    assert not steps.is_ready(USERS)
    assert len(installs) == 2


@pytest.mark.parametrize("groups", [USERS, steps.ALL_GROUPS])
def test_repair_looks_at_everything_again(groups: tuple[str, ...], installs: list[Any]) -> None:
    steps.set_up(groups)
    assert main("repair") == 0
    assert installs == [groups, groups] and steps.is_ready(groups)


def test_two_at_once_exclude_each_other(installs: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    with steps.exclusive(steps.ROOT / ".bootstrap.lock"):
        assert main("setup") == 2
    assert "another setup" in capsys.readouterr().err
    assert installs == []
    assert main("setup") == 0


def test_a_failing_installer_names_the_repair(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Python runs `-m pip` here with a lock that does not exist anywhere: no network, no uv."""
    steps.LOCK.write_text("no-such-package-for-sure==1\n    # via -r requirements.txt\nuv==1\n")
    steps.REQUIREMENTS.write_text("# [lessons]\nno-such-package-for-sure  # 00\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_NO_INDEX", "1")
        patch.delenv("PIP_FIND_LINKS", raising=False)
        assert main("setup") == 2
    error = capsys.readouterr().err
    assert "ERROR: the packages could not be installed" in error and "HINT: check the network" in error
    assert repository.exists()


def test_too_little_disk_is_refused_before_anything_is_made(
    installs: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1e9))
    assert main("setup") == 2
    assert "only 1.0 GB are free" in capsys.readouterr().err
    assert installs == [] and not steps.VENV.exists()


@pytest.mark.parametrize(
    ("system", "machine", "bits", "said"),
    [
        ("Darwin", "x86_64", 2**63, "Intel"),
        ("Linux", "aarch64", 2**63, "aarch64"),
        ("Windows", "AMD64", 2**31, "32-bit"),
    ],
)
def test_machines_without_built_packages_are_refused(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str, bits: int, said: str
) -> None:
    monkeypatch.setattr(steps.platform, "system", lambda: system)
    monkeypatch.setattr(steps.platform, "machine", lambda: machine)
    monkeypatch.setattr(steps, "sys", SimpleNamespace(maxsize=bits))
    with pytest.raises(steps.SetupError, match=said) as caught:
        steps.check_platform()
    assert caught.value.hint


@pytest.mark.parametrize(("system", "machine"), [("Darwin", "arm64"), ("Linux", "x86_64"), ("Windows", "AMD64")])
def test_supported_machines_pass(monkeypatch: pytest.MonkeyPatch, system: str, machine: str) -> None:
    monkeypatch.setattr(steps.platform, "system", lambda: system)
    monkeypatch.setattr(steps.platform, "machine", lambda: machine)
    steps.check_platform()


def test_a_silent_or_refusing_cpu_index_means_the_default_one(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: Any, **more: Any) -> None:
        raise subprocess.TimeoutExpired("uv", more["timeout"])

    monkeypatch.setattr(steps, "quiet", silent)
    assert not steps.cpu_wheels_answer(repository / "uv")
    for code in (0, 2):
        monkeypatch.setattr(steps, "quiet", lambda *_, code=code, **__: SimpleNamespace(returncode=code))
        assert steps.cpu_wheels_answer(repository / "uv") is (code == 0)


@pytest.mark.parametrize(("command", "module"), [("demo", "demo.py"), ("test", "pytest.py")])
def test_arguments_environment_and_exit_code_are_handed_on(
    command: str, module: str, repository: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file called pytest.py in the current folder stands in for the real one under `python -m pytest`."""
    monkeypatch.setattr(steps, "set_up", lambda groups: None)
    (repository / module).write_text(
        "import os, sys\n"
        "print(sys.argv[1:], os.environ['PYTHONUTF8'], os.environ['HF_HUB_DISABLE_TELEMETRY'])\n"
        "sys.exit(7)\n"
    )
    own = ["-n", str(min(2, os.cpu_count() or 1)), "--dist", "loadscope"] if command == "test" else []
    assert main(command, "--voice", "a b", "-k", "x") == 7
    assert capfd.readouterr().out.strip() == f"{[*own, '--voice', 'a b', '-k', 'x']} 1 1"


def test_test_installs_all_groups_and_demo_what_users_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted: list[tuple[str, ...]] = []
    monkeypatch.setattr(steps, "set_up", lambda groups: wanted.append(tuple(groups)))
    monkeypatch.setattr(steps, "start", lambda *_, **__: 0)
    monkeypatch.setattr(bootstrap_extras, "add_all_that_can_be_had", lambda: wanted.append(("extras",)))
    assert [main("setup"), main("demo"), main("test")] == [0, 0, 0]
    assert wanted == [USERS, USERS, steps.ALL_GROUPS, ("extras",)]


@pytest.mark.parametrize(
    "arguments", [["setup", "now"], ["setup", "operations", "now"], ["repair", "all"], ["tests"], ["--force"]]
)
def test_unknown_words_are_refused_by_name(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(*arguments) == 2
    assert repr(arguments[-1]) in capsys.readouterr().err


def test_without_a_command_it_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0
    assert capsys.readouterr().out == "how to use it\n"


def test_a_real_environment_is_made_kept_and_repaired(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv = tmp_path / ".venv"
    python = venv / steps.VENV_PYTHON.relative_to(steps.VENV)
    monkeypatch.setattr(steps, "VENV", venv)
    monkeypatch.setattr(steps, "VENV_PYTHON", python)
    monkeypatch.setattr(steps, "UNFINISHED", tmp_path / ".bootstrap.unfinished")
    venv.mkdir()
    (venv / "left over").write_text("from a run that was killed")
    steps.make_environment()
    assert steps.python_version(python) == steps.python_version(sys.executable)
    (venv / "kept").write_text("")
    steps.make_environment()
    assert (venv / "kept").exists() and not (venv / "left over").exists()
    activate = python.with_name("activate")
    activate.write_text(activate.read_text().replace(str(venv), "/somewhere/else/.venv"))
    steps.make_environment()
    assert not (venv / "kept").exists() and str(venv) in activate.read_text(), "made again where it was moved"
    (venv / "kept").write_text("")
    steps.UNFINISHED.touch()
    steps.make_environment()
    assert not (venv / "kept").exists() and not steps.UNFINISHED.exists()
    assert damaged_packages(python) == []
    (next(venv.rglob("pip/__main__.py"))).write_text("cut")
    assert damaged_packages(python) == ["pip"]
    (next(venv.rglob("pip/__main__.py"))).unlink()
    assert damaged_packages(python) == ["pip"]
    (next(venv.rglob("pip-*.dist-info/RECORD"))).unlink()
    assert damaged_packages(python) == ["pip"]


def damaged_packages(python: Path) -> list[str]:
    listed = subprocess.run([python, "-c", steps.LIST_DAMAGED], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def test_a_python_without_venv_is_told_the_debian_package(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del repository
    monkeypatch.undo()
    monkeypatch.setattr(steps, "VENV_PYTHON", tmp_path / "missing")
    monkeypatch.setattr(steps, "UNFINISHED", tmp_path / ".bootstrap.unfinished")
    monkeypatch.setattr(
        steps, "quiet", lambda *_: SimpleNamespace(returncode=1, stdout="ensurepip is not available", stderr="")
    )
    with pytest.raises(steps.SetupError) as caught:
        steps.make_environment()
    assert f"python{sys.version_info[0]}.{sys.version_info[1]}-venv" in caught.value.hint


def test_another_python_is_offered_as_an_exact_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "candidates", lambda: [["no-such-python"], [sys.executable]])
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "demo", "--quick"])
    bootstrap.refuse_this_python()
    hint = capsys.readouterr().err.splitlines()[1]
    assert hint.startswith(f"HINT: {sys.executable} ") and hint.endswith("bootstrap.py demo --quick")
    monkeypatch.setattr(bootstrap, "candidates", lambda: [])
    bootstrap.refuse_this_python()
    assert "python.org" in capsys.readouterr().err


def test_bootstrap_can_be_read_by_an_old_python() -> None:
    """Newer syntax would end in a SyntaxError before the version is checked."""
    tree = ast.parse(Path(bootstrap.__file__).read_text(encoding="utf-8"), feature_version=(3, 4))
    modern = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Match, ast.Nonlocal)
    assert not [node for node in ast.walk(tree) if isinstance(node, modern)]
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    assert functions and not any(node.returns or any(a.annotation for a in node.args.args) for node in functions)


def test_the_lock_file_does_not_outlive_a_failure(repository: Path) -> None:
    with pytest.raises(OSError), steps.exclusive(repository / ".bootstrap.lock"):
        raise OSError(errno.EIO, "the disk broke")
    with steps.exclusive(repository / ".bootstrap.lock"):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="Windows frees the lock with the process that took it")
def test_an_installer_left_running_by_a_killed_setup_still_holds_the_lock(repository: Path) -> None:
    lock = repository / ".bootstrap.lock"
    with steps.exclusive(lock):
        left_running = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    with pytest.raises(steps.SetupError), steps.exclusive(lock):
        pass
    left_running.communicate(b"\n")
    with steps.exclusive(lock):
        pass


def test_librosa_is_compiled_again_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code that the setup runs, on a stand-in that notes its imports."""
    cache = tmp_path / "librosa" / "util" / "__pycache__"
    cache.mkdir(parents=True)
    for name in ("utils.py311.nbi", "utils.py311.1.nbc", "utils.cpython-311.pyc"):
        (cache / name).touch()
    (tmp_path / "librosa" / "core").mkdir()
    for name in ("beat", "core/__init__", "core/pitch", "effects", "feature", "segment", "sequence"):
        (tmp_path / "librosa" / f"{name}.py").touch()
    (tmp_path / "librosa" / "__init__.py").write_text(
        "import pathlib\nhere = pathlib.Path(__file__).parent\n"
        "assert not list(here.rglob('*.nb[ic]')), 'imported before the old cache was gone'\n"
        "(here / 'imported').touch()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    steps.run([sys.executable, "-c", steps.COMPILE], "it failed")
    assert (tmp_path / "librosa" / "imported").exists()
    assert [path.name for path in cache.iterdir()] == ["utils.cpython-311.pyc"]
