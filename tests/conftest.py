"""Prints, after the tests, what the quick runs of the scripts took; COSTS.md holds the same for full runs."""

from __future__ import annotations

from typing import Any

import pytest

QUICK_RUNS = pytest.StashKey[list[tuple[str, dict[str, Any], dict[str, Any] | None]]]()
FROM_A_WORKER = "quick runs"  # key of what a process of `pytest -n` hands over when it ends


def pytest_configure(config: pytest.Config) -> None:
    config.stash[QUICK_RUNS] = []


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput[FROM_A_WORKER] = session.config.stash[QUICK_RUNS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[QUICK_RUNS].extend(getattr(node, "workeroutput", {}).get(FROM_A_WORKER, []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    runs = sorted(config.stash[QUICK_RUNS], key=lambda run: run[0])
    if runs:
        terminalreporter.section("quick runs of the scripts (one thread, perhaps two side by side)")
        terminalreporter.line(f"{'script':58} {'first':>7} {'second':>7} {'peak':>8}")
    for name, first, second in runs:
        again = f"{second['seconds']:5.1f} s" if second else "      -"
        terminalreporter.line(f"{name:58} {first['seconds']:5.1f} s {again} {first['peak_mb']:5.0f} MB")
