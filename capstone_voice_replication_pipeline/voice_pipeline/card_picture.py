"""The proof card as one picture to pass on: the verdict in words, six figures of every system, 95 % intervals."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voice_pipeline.card_text import system_name, verdict
from voice_pipeline.plots import BLUE, GREEN, ORANGE, SKY, VERMILION, save_figure

# key of a row, title, unit on the axis, whether the real speaker has it, how a value is printed
_PANELS: tuple[tuple[str, str, str, bool, Callable[[float], str]], ...] = (
    ("normalized", "likeness", "0 other people, 1 the speaker", True, lambda value: f"{value:.2f}"),
    ("wer", "words misheard", "word error rate, lower is better", True, lambda value: f"{value:.2f}"),
    ("dnsmos", "sound quality", "DNSMOS, 1 to 5", True, lambda value: f"{value:.2f}"),
    ("pitch_error", "pitch error", "clone F0 / real F0 - 1", False, lambda value: f"{100 * value:+.0f} %"),
    ("characters_per_second", "speaking rate", "letters per second", True, lambda value: f"{value:.1f}"),
    ("real_time_factor", "real-time factor", "computing s / speech s", False, lambda value: f"{value:.2f}"),
)
_COLORS = {"real": GREEN, "griffin_lim": SKY, "zero_shot": ORANGE, "clone": VERMILION}
_MARKERS = {"real": "D", "griffin_lim": "s", "zero_shot": "^", "clone": "o"}


def plot_card(card: dict[str, Any], path: Path) -> Path:
    """Draw the card: the clone and every other system between the floor and the ceiling.

    Returns:
        `path`.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(card["systems"])
    figure = Figure(figsize=(12.0, 5.6 + 0.32 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    heading = f"Proof card of the voice '{card['voice']}'"
    words = "\n".join(textwrap.wrap(verdict(card), 150))
    figure.suptitle(f"{heading}\n{words}".replace("$", r"\$"), fontsize=11, x=0.01, ha="left")
    axes = figure.subplots(2, 3, sharey=True)
    for axis, panel in zip(axes.flat, _PANELS, strict=True):
        _draw(axis, card, names, panel)
    floor = card["similarity"]
    figure.supxlabel(
        f"{card['held_out_sentences']} held-out sentences, {card['train_clips']} training clips, engine "
        f"{card['engine']}; bars are 95 % intervals over sentences, the grey band that of other people. "
        f"Cosine to the speaker: real {floor['ceiling']:.2f}, clone {floor['clone']:.2f}, other people "
        f"{floor['floor']:.2f} ({floor['other_people']} of them).",
        fontsize=8,
    )
    save_figure(figure, path)
    return path


def _draw(axis: Any, card: dict[str, Any], names: list[str], panel: tuple) -> None:
    key, title, unit, of_real, form = panel
    for place, name in enumerate(names):
        row = card["systems"][name]
        value, bounds = row[key], row[f"{key}_interval"]
        recorded = name in ("real", "griffin_lim")
        if (recorded and key == "real_time_factor") or (name == "real" and not of_real):
            continue
        if value is None:
            axis.text(0.5, place, "cannot be measured", transform=axis.get_yaxis_transform(), ha="center", va="center")
            continue
        color = _COLORS.get(name, BLUE)
        if bounds:
            axis.plot(bounds, [place, place], color=color, linewidth=3, alpha=0.5, solid_capstyle="butt")
        axis.plot([value], [place], _MARKERS.get(name, "v"), color=color, markersize=9, markeredgecolor="black")
        axis.annotate(form(value), (value, place), (0, 9), textcoords="offset points", ha="center", fontsize=8)
    if key == "normalized":
        alike = card["similarity"]
        scale = max(1e-6, alike["ceiling"] - alike["floor"])
        axis.axvspan(*((bound - alike["floor"]) / scale for bound in alike["floor_interval"]), color="0.85", zorder=0)
        for level in (0.0, 1.0):
            axis.axvline(level, color="black", linewidth=0.8, linestyle=":")
    if key == "pitch_error":
        axis.axvline(0.0, color="black", linewidth=0.8, linestyle=":")
    axis.margins(x=0.15)
    axis.set_yticks(range(len(names)), [system_name(name) for name in names])
    axis.set_ylim(len(names) - 0.5, -0.7)
    axis.set_title(title, fontsize=10)
    axis.set_xlabel(unit, fontsize=9)
    axis.grid(axis="x", alpha=0.3)
