"""Prints, after the tests, what the quick runs of the scripts took; COSTS.md holds the same for full runs."""

from __future__ import annotations

from typing import Any

import pytest

QUICK_RUNS = pytest.StashKey[list[tuple[str, dict[str, Any], dict[str, Any]]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[QUICK_RUNS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    runs = config.stash[QUICK_RUNS]
    if runs:
        terminalreporter.section("quick runs of the scripts (one thread)")
        terminalreporter.line(f"{'script':58} {'first':>7} {'second':>7} {'peak':>8}")
    for name, first, second in runs:
        terminalreporter.line(
            f"{name:58} {first['seconds']:5.1f} s {second['seconds']:5.1f} s {first['peak_mb']:5.0f} MB"
        )
