"""bootstrap.py extra: found by file name, held to the lock, installed once, and no obstacle to the tests."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import bootstrap_extras as extras
import bootstrap_steps as steps
import pytest


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose extra "sound" wants two packages; the lock names one of them."""
    module = tmp_path / "02_hello"
    module.mkdir()
    (module / "requirements-sound.txt").write_text("noise  # 02; nothing bounds it\nshared>=1  # 02\n")
    lock = tmp_path / "requirements.lock"
    lock.write_text("# about\n--only-binary :all:\nshared==1.0\n    # via -r requirements.txt\n")
    for name, value in {
        "ROOT": tmp_path,
        "VENV": tmp_path / ".venv",
        "VENV_PYTHON": Path(sys.executable),
        "LOCK": lock,
    }.items():
        monkeypatch.setattr(steps, name, value)
    monkeypatch.setattr(steps, "set_up", lambda groups: steps.VENV.mkdir(exist_ok=True))
    monkeypatch.setattr(steps, "install_uv", lambda: None)
    return tmp_path


def main(*arguments: str) -> int:
    return steps.main(list(arguments), "how to use it")


def make_wheel(folder: Path, name: str, version: str) -> None:
    about = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", "")


def test_an_extra_is_installed_at_the_versions_of_the_lock_and_once(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the real pip, into a real environment, from a folder of wheels: no network."""
    subprocess.run([sys.executable, "-m", "venv", str(steps.VENV)], check=True)
    python = steps.VENV / steps.VENV_BIN.name / Path(steps.VENV_PYTHON).name
    monkeypatch.setattr(steps, "VENV_PYTHON", python)
    for name, version in (("noise", "3.0"), ("shared", "1.0"), ("shared", "2.0")):
        make_wheel(repository, name, version)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(repository))
    assert main("extra", "sound") == 0
    assert "Ready: sound, for module 02." in capfd.readouterr().out
    asked = "import noise, shared; print(noise.VERSION, shared.VERSION)"
    seen = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    assert seen.stdout == "3.0 1.0\n"
    assert main("extra", "sound") == 0
    assert "installed already" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["no-such"], "there is no extra called 'no-such'"),
        ([], "extra takes one name"),
        (["sound", "sound"], "one name"),
    ],
)
def test_what_is_no_extra_is_refused_with_those_there_are(
    names: list[str], said: str, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del repository
    assert main("extra", *names) == 2
    error = capsys.readouterr().err
    assert said in error and "HINT: possible are: sound" in error


def test_an_extra_that_cannot_be_had_fails_alone_and_is_only_noted_before_the_tests(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    assert main("extra", "sound") == 2
    assert "the extra sound could not be installed" in capfd.readouterr().err
    started: list[Any] = []
    monkeypatch.setattr(steps, "start", lambda command, cwd: started.append(command) or 0)
    assert main("test", "-x") == 0
    assert "sound cannot be had for this machine" in capfd.readouterr().out
    assert started and not extras.is_installed(repository / "02_hello" / "requirements-sound.txt")


def test_a_changed_list_or_lock_installs_again(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    monkeypatch.setattr(steps, "run", lambda command, failure: done.append(command))
    file = repository / "02_hello" / "requirements-sound.txt"
    for change in (
        lambda: None,
        lambda: None,
        lambda: file.write_text("noise\n"),
        lambda: steps.LOCK.write_text("a==1\n"),
    ):
        change()
        assert main("extra", "sound") == 0
    assert len(done) == 3
    (steps.VENV / "extras.json").write_text("{spoilt")
    assert main("extra", "sound") == 0
    assert len(done) == 4


def test_the_capstone_has_extras_too(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(steps, "run", lambda command, failure: None)
    (repository / "capstone_song").mkdir()
    (repository / "capstone_song" / "requirements-tune.txt").write_text("tune  # cap\n")
    assert list(extras.extras()) == ["sound", "tune"]
    assert main("extra", "tune") == 0
    assert "Ready: tune, for the capstone." in capsys.readouterr().out


def test_two_at_once_exclude_each_other(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps.VENV.mkdir()
    with steps.exclusive(repository / ".bootstrap.lock"):
        assert main("extra", "sound") == 2
    assert "another setup" in capsys.readouterr().err


def test_the_extras_of_the_course_say_why_they_are_bounded() -> None:
    for path in extras.extras().values():
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert lines, f"{path.name} names no package"
        assert text.startswith("# ") or all("# " in line for line in lines), f"{path.name}: no reason given"
