"""Settings of all tests: the course's pytest plugin (network guard, data mirror), and which tests stay together."""

import os

import pytest

# Before NumPy or PyTorch is imported: tests run side by side, and small work is quicker on one thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["coursekit.testing.plugin", "pytester"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `-n 2 --dist loadgroup`: tests of one file share a process, and so do those of one script or exercise."""
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        subject = next((str(parameters[name]) for name in ("name", "exercise") if name in parameters), "")
        of_gates = item.path.parent.name == "tests" and item.path.parent.parent == item.config.rootpath
        item.add_marker(pytest.mark.xdist_group(f"{item.path}::{subject if of_gates else ''}"))
