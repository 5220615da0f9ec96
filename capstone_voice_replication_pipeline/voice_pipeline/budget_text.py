"""A budget, and afterwards the comparison with what training really took, as lines for people."""

from __future__ import annotations

from typing import Any

from voice_pipeline.meter import STEP

GOAL = 0.25
"""How far a measured value may lie from its prediction before the comparison says so."""


def budget_text(budget: dict[str, Any], *, free_memory_mb: float, free_disk_mb: float) -> str:
    """Plans with their minutes, memory and disk.

    Args:
        budget: content of budget.json.
        free_memory_mb: memory that programs can still get, in MB.
        free_disk_mb: room on the voice's disk, in MB.
    """
    costs, chosen = budget["calibration"], budget["plan"]
    lines = [
        f"Budget, calibrated in {costs['seconds']:.0f} s on this machine "
        f"({costs['steps']} steps, {costs['unit_seconds'][STEP]:.2f} s each):",
        "  plan        steps  minutes",
    ]
    for plan in budget["plans"]:
        mark = "*" if plan == chosen else " "
        flag = "this run" if plan == chosen else f"--steps {plan['steps']}"
        lines.append(f"{mark} {plan['name']:10s} {plan['steps']:6d} {plan['seconds'] / 60:8.1f}   {flag}")
    unseen = [kind for kind in chosen["parts"] if kind not in costs["unit_seconds"]]
    if unseen:
        lines.append(f"  not counted, as the calibration did not get to it: {', '.join(unseen)}")
    lines.append(
        f"  memory {costs['memory_mb']:.0f} MB ({free_memory_mb:.0f} MB more are free), "
        f"disk {costs['disk_peak_mb']:.0f} MB ({free_disk_mb:.0f} MB are free)"
    )
    if costs["gpu_mb"]:
        lines.append(f"  GPU memory {costs['gpu_mb']:.0f} MB")
    return "\n".join(lines)


def resumed_text(budget: dict[str, Any], steps_done: int) -> str:
    """What is left of a run that was stopped."""
    steps, seconds = budget["plan"]["steps"], budget["plan"]["seconds"]
    left = max(0, steps - steps_done)
    minutes = seconds / 60 * left / steps
    return (
        f"was stopped at step {steps_done} of {steps} and goes on from its last checkpoint; "
        f"by its budget about {minutes:.1f} minutes are left"
    )


def truth_text(budget: dict[str, Any]) -> str:
    """Prediction and truth side by side, for the work that was done in this process."""
    truth, plan = budget["truth"], budget["plan"]
    lines = [f"{'':14s}{'predicted':>10s}{'measured':>10s}{'ratio':>7s}"]
    for key, name, scale, digits in (
        ("seconds", "minutes", 60, 1),
        ("memory_mb", "memory, MB", 1, 0),
        ("gpu_mb", "GPU memory, MB", 1, 0),
        ("disk_mb", "disk, MB", 1, 0),
    ):
        if key in truth:
            row = truth[key]
            figures = "".join(f"{row[column] / scale:10.{digits}f}" for column in ("predicted", "measured"))
            off = "" if abs(row["ratio"] - 1) <= GOAL else f"   more than {GOAL:.0%} off"
            lines.append(f"{name:14s}{figures}{row['ratio']:7.2f}{off}")
    done = round(truth["parts"].get(STEP, 0))
    if done != plan["steps"]:
        lines.append(f"(for the {done} steps that were done now, of the {plan['steps']} planned)")
    return "\n".join(lines)
