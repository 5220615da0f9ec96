"""Settings of all tests: the course's pytest plugin (network guard, data mirror), and which tests stay together."""

import os
from typing import Any

import pytest

ONE_BY_ONE = ("tests/test_scripts.py", "tests/test_exercises.py")  # each of their scripts and exercises stands alone

# Before NumPy or PyTorch is imported: tests run side by side, and small work is quicker on one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["coursekit.testing.plugin", "pytester"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `-n 2`: tests of one file share a process, and of the gates those of one script or exercise.

    Done here, not by marks and `--dist loadgroup`: pytest-xdist 3.8 adds a mark's name to a test's id in a way that
    pytest 9.2 does not see, and then every test goes its own way, with fixtures made twice.
    """
    from xdist.scheduler import LoadScopeScheduling

    class TogetherByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file, _, test = nodeid.partition("::")
            return f"{file}::{test.partition('[')[2]}" if file in ONE_BY_ONE else file

    return TogetherByFile(config, log)
