"""The proof card in plain words and aligned columns."""

from __future__ import annotations

from typing import Any

_NAMES = {
    "real": "the real speaker",
    "griffin_lim": "real, by Griffin-Lim",
    "clone": "the clone",
    "zero_shot": "before fine-tuning",
}


def system_name(name: str) -> str:
    """What people call a row of the card; another kept checkpoint goes by the name of its folder."""
    if name.startswith("engine_"):
        return f"by {name.removeprefix('engine_')}"
    return _NAMES.get(name, f"checkpoint {name}")


def card_table(card: dict[str, Any]) -> str:
    """Figures of all systems on the card, one a line."""
    heads = f"{'similarity':>10s} {'normalized':>10s} {'word error':>10s} {'DNSMOS':>6s} {'pitch Hz':>9s}"
    lines = [f"{'':20s} {heads} {'rate':>6s} {'RTF':>6s}"]
    for name, row in card["systems"].items():
        pitch = f"{row['pitch_hz']:.0f}" if row["pitch_hz"] else "none"  # no frame with a pitch: a whisper
        rated = "none" if row["dnsmos"] is None else f"{row['dnsmos']:.2f}"
        lines.append(
            f"{system_name(name):20s} {row['similarity']:10.3f} {row['normalized']:10.2f} {row['wer']:10.2f} "
            f"{rated:>6s} {pitch:>9s} {row['rate']:6.2f} {row['real_time_factor']:6.3f}"
        )
    similarity = card["similarity"]
    lines.append(f"{'other people':20s} {similarity['floor']:10.3f} {0:10.2f}")
    lines.append(
        f"{card['held_out_sentences']} held-out sentences; DNSMOS is a predicted opinion, 1 to 5; "
        "RTF is seconds of computing per second of speech"
    )
    return "\n".join(lines)


def verdict(card: dict[str, Any]) -> str:
    """What the card says, for somebody who does not read tables."""
    return " ".join(verdict_sentences(card))


def verdict_sentences(card: dict[str, Any]) -> list[str]:
    """The verdict, a sentence each for likeness and words, sound, pitch and rate, and fine-tuning."""
    clone, real = card["systems"]["clone"], card["systems"]["real"]
    return [
        _likeness(card),
        _sound(clone, real, card["systems"].get("griffin_lim")),
        _delivery(clone, real),
        *_gain(clone, card["systems"].get("zero_shot")),
    ]


def _likeness(card: dict[str, Any]) -> str:
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


def _sound(clone: dict[str, Any], real: dict[str, Any], copy: dict[str, Any] | None) -> str:
    if clone["dnsmos"] is None or real["dnsmos"] is None:
        return "Its sound quality could not be rated."
    gap = real["dnsmos"] - clone["dnsmos"]
    sound = (
        "as clean as the recordings"
        if gap <= 0.2
        else "a little less clean than the recordings"
        if gap <= 0.6
        else "clearly less clean than the recordings"
    )
    line = f"It sounds {sound} (DNSMOS {clone['dnsmos']:.1f} against {real['dnsmos']:.1f} of 5"
    if copy and copy["dnsmos"] is not None:
        side = "above" if clone["dnsmos"] > copy["dnsmos"] else "not above"
        line += f"; {side} a plain Griffin-Lim copy of the recordings, {copy['dnsmos']:.1f}"
    return line + ")."


def _delivery(clone: dict[str, Any], real: dict[str, Any]) -> str:
    rate = 100 * (clone["rate"] - 1)
    pace = (
        "at the speaker's pace"
        if abs(rate) <= 5
        else f"{abs(rate):.0f} % {'faster' if rate > 0 else 'slower'} than the speaker"
    )
    if not real["pitch_hz"]:
        return f"It speaks {pace}; pitch could not be measured, since the recordings have none (a whisper?)."
    if clone["pitch_error"] is None:
        return f"It speaks {pace}; pitch could not be compared, since the clone has none."
    error = 100 * clone["pitch_error"]
    pitch = (
        "at the speaker's pitch"
        if abs(error) <= 3
        else f"{abs(error):.0f} % {'above' if error > 0 else 'below'} the speaker's pitch"
    )
    return f"It speaks {pace} and {pitch} ({clone['pitch_hz']:.0f} against {real['pitch_hz']:.0f} Hz)."


def _gain(clone: dict[str, Any], before: dict[str, Any] | None) -> list[str]:
    if before is None:
        return []
    gained = clone["normalized"] - before["normalized"]
    apart = clone["normalized_interval"][0] > before["normalized_interval"][1]
    if gained > 0.02:
        sure = "clearly" if apart else "perhaps"
        return [f"Fine-tuning brought it {sure} nearer to the speaker ({before['normalized']:.2f} before)."]
    return [f"Fine-tuning brought no likeness ({before['normalized']:.2f} before)."]
