"""Markdown tables of several proof cards: every system of every speaker, and the means over speakers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from voice_pipeline.scores import bootstrap_interval

NAMES = {
    "real": "real recordings",
    "griffin_lim": "real, by Griffin-Lim",
    "zero_shot": "zero-shot",
    "clone": "fine-tuned",
    "last": "fine-tuned, last step",
    "other": "other people",
}


def _fraction(value: float) -> str:
    return f"{value:.2f}"


def _percent(value: float) -> str:
    return f"{round(100 * value) + 0:+d} %"


# key of the figure in a card's row, head of its column, how it is printed
COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("normalized", "similarity, normalised", _fraction),
    ("second", "by the second encoder", _fraction),
    ("wer", "word error", _fraction),
    ("dnsmos", "DNSMOS", _fraction),
    ("pitch_error", "pitch error", _percent),
    ("rate", "rate", _fraction),
    ("real_time_factor", "real-time factor", lambda value: f"{value:.3f}"),
)


def systems_of(card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Rows of a card by system, with the second encoder's opinion in them, and one row for other people."""
    second = card.get("second_encoder", {}).get("normalized", {})
    rows = {name: {**row, "second": second.get(name)} for name, row in card["systems"].items()}
    rows["real"] |= {"pitch_error": None, "rate": None, "real_time_factor": None}  # compared with itself
    if "griffin_lim" in rows:
        rows["griffin_lim"] |= {"rate": None, "real_time_factor": None}
    alike = card["similarity"]
    scale = alike["ceiling"] - alike["floor"]
    bounds = [(bound - alike["floor"]) / scale for bound in alike["floor_interval"]]
    rows["other"] = {"normalized": 0.0, "normalized_interval": bounds, "second": 0.0 if second else None}
    return rows


def full_table(cards: dict[str, dict[str, Any]]) -> str:
    """One line for each system of each speaker; 95 % intervals over sentences in brackets."""
    lines = _heads(["speaker", "train / held out", "fine-tuning"])
    for name, card in cards.items():
        for system, row in systems_of(card).items():
            cells = [_cell(row.get(key), row.get(f"{key}_interval"), form) for key, _, form in COLUMNS]
            seconds = f"{card['fine_tune_seconds']:.0f} s" if system == "clone" and card["fine_tune_seconds"] else ""
            counts = f"{card['train_clips']} / {card['held_out_sentences']}"
            lines.append(_line([f"{name} ({card['sex']})", counts, seconds, NAMES.get(system, system), *cells]))
    return "\n".join(lines)


def mean_table(cards: dict[str, dict[str, Any]]) -> str:
    """Means over speakers with 95 % intervals over speakers; of pitch errors and rates the mean distance from none."""
    heads = [
        {"pitch_error": "pitch error, size", "rate": "rate error, size"}.get(key, head) for key, head, _ in COLUMNS
    ]
    lines = _heads(["speakers", "fine-tuning"], heads)
    rows = [systems_of(card) for card in cards.values()]
    seconds = [card["fine_tune_seconds"] for card in cards.values() if card["fine_tune_seconds"]]
    for system in dict.fromkeys(name for card in rows for name in card):
        cells = []
        for key, _, form in COLUMNS:
            values = [card[system][key] for card in rows if card.get(system, {}).get(key) is not None]
            if key == "pitch_error":
                values, form = [abs(value) for value in values], _plain_percent
            if key == "rate":
                values, form = [abs(value - 1) for value in values], _plain_percent
            if not values:
                cells.append("-")
                continue
            interval = bootstrap_interval(values, lambda draw: float(draw.mean())) if len(values) > 1 else None
            cells.append(_cell(float(np.mean(values)), interval, form))
        took = f"{np.mean(seconds):.0f} s" if system == "clone" and seconds else ""
        speakers = sum(system in card for card in rows)
        lines.append(_line([str(speakers), took, NAMES.get(system, system), *cells]))
    return "\n".join(lines)


def _plain_percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _heads(first: list[str], heads: Sequence[str] = tuple(head for _, head, _ in COLUMNS)) -> list[str]:
    heads = [*first, "what", *heads]
    return [_line(heads), "|" + "---|" * len(heads)]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(value: float | None, interval: Any, form: Callable[[float], str]) -> str:
    if value is None:
        return "-"
    return f"{form(value)} ({form(interval[0])} to {form(interval[1])})" if interval else form(value)
