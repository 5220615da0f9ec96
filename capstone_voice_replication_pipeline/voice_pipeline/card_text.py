"""The proof card in plain words and aligned columns."""

from __future__ import annotations

from typing import Any

_NAMES = {"real": "the real speaker", "clone": "the clone", "zero_shot": "before fine-tuning"}


def card_table(card: dict[str, Any]) -> str:
    """Figures of all systems on the card, one a line."""
    heads = f"{'similarity':>10s} {'normalized':>10s} {'word error':>10s} {'pitch Hz':>9s} {'rate':>6s} {'RTF':>6s}"
    lines = [f"{'':20s} {heads}"]
    for name, row in card["systems"].items():
        pitch = f"{row['pitch_hz']:.0f}" if row["pitch_hz"] else "none"  # no frame with a pitch: a whisper
        lines.append(
            f"{_NAMES.get(name, name):20s} {row['similarity']:10.3f} {row['normalized']:10.2f} {row['wer']:10.2f} "
            f"{pitch:>9s} {row['rate']:6.2f} {row['real_time_factor']:6.3f}"
        )
    similarity = card["similarity"]
    lines.append(f"{'other people':20s} {similarity['floor']:10.3f} {0:10.2f}")
    lines.append(f"{card['held_out_sentences']} held-out sentences; RTF is seconds of computing per second of speech")
    return "\n".join(lines)


def verdict(card: dict[str, Any]) -> str:
    """What the card says, for somebody who does not read tables."""
    normalized = card["similarity"]["normalized"]
    low, high = card["systems"]["clone"]["normalized_interval"]
    alike = (
        "sounds like the speaker"
        if normalized >= 0.8
        else "leans clearly towards the speaker"
        if normalized >= 0.5
        else "is closer to other people than to the speaker"
    )
    extra = card["wer"]["clone"] - card["wer"]["real"]
    clear = (
        "is understood as well as the recordings"
        if extra <= 0.05
        else f"has {100 * extra:.0f} more words in a hundred misheard than the recordings"
    )
    return f"The clone {alike} ({normalized:.2f}, 95 % interval {low:.2f} to {high:.2f}) and {clear}."
