"""Pytest plugin of the whole repository: no network but the loopback, nobody's progress, and the data mirror."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from coursekit.testing import network

CHILD_GUARD = Path(__file__).parent / "child_guard"

network.block_network()


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that tried to leave this machine; tell libraries and child processes not to try."""
    inherited = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(CHILD_GUARD), inherited])))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COURSE_OFFLINE", "1")
    network.blocked.clear()
    yield
    tried = list(network.blocked)
    network.blocked.clear()
    if tried:
        pytest.fail(f"the test tried to use the network: {', '.join(tried)}")


@pytest.fixture(autouse=True)
def own_progress(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the learner's own progress file out of every test and of its child processes."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path_factory.mktemp("progress") / "progress.txt"))


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The folder of real data, or a skip where there is none."""
    setting = os.environ.get("COURSE_DATA_MIRROR")
    if not setting:
        pytest.skip("needs real data: set COURSE_DATA_MIRROR to a folder that holds it")
    folder = Path(setting).resolve()
    if not folder.is_dir():
        pytest.fail(f"COURSE_DATA_MIRROR is set to {setting!r}, which is no folder")
    return folder
