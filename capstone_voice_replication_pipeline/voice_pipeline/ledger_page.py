"""The ledger for people: one HTML page with waveforms, and a list of what to record again.

The page holds everything itself (styles, drawings), needs no script and no network, and says in words what it shows.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coursekit.files import write_text_atomic
from voice_pipeline import ledger
from voice_pipeline.voice_folder import VoiceFolder

PAGE = "ledger.html"
RE_RECORD = "re_record.txt"

_PAGES = Path(__file__).with_name("pages")

_FIGURES = (
    ("clip_duration", "length", "{:.2f} s"),
    ("loudness_lufs", "loudness", "{:.1f} LUFS"),
    ("true_peak_dbtp", "true peak", "{:.1f} dBTP"),
    ("clipped_share", "clipped samples", "{:.2%}"),
    ("snr_db", "speech over noise", "{:.0f} dB"),
    ("noise_floor_dbfs", "noise floor", "{:.0f} dBFS"),
    ("leading_silence", "silence before", "{:.2f} s"),
    ("trailing_silence", "silence after", "{:.2f} s"),
    ("longest_pause", "longest pause inside", "{:.2f} s"),
    ("characters_per_second", "speaking rate", "{:.1f} letters/s"),
    ("similarity_to_rest", "like the other clips", "{:.2f}"),
    ("prompt_match", "match with its text", "{:.2f}"),
)


_UPPER = [f"{50 - max(0.4, percent * 0.48):.1f}" for percent in range(101)]
_LOWER = [f"{50 + max(0.4, percent * 0.48):.1f}" for percent in range(101)]


def write_reports(folder: VoiceFolder, rows: Sequence[dict[str, Any]], notes: Sequence[str] = ()) -> None:
    """Write `reports/ledger.html` and `reports/re_record.txt`."""
    write_text_atomic(folder.reports / PAGE, page(folder.name, rows, notes))
    write_text_atomic(folder.reports / RE_RECORD, re_record_list(rows))


def re_record_list(rows: Sequence[dict[str, Any]]) -> str:
    """What to record again: `id|text|why` a line, in the ledger's order. A duplicate needs no new recording."""
    lines = ["# id|text|why; record with: python 01_collect_recordings.py --voice NAME --record --retake ID ...\n"]
    for row in to_record_again(rows):
        why = "; ".join(ledger.explain(reason) for reason in row["reasons"])
        lines.append(f"{row['id']}|{row['text']}|{why}\n")
    return "".join(lines)


def to_record_again(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rejected rows whose sentence is in no accepted clip, one for each sentence."""
    good = {_plain(row["text"]) for row in rows if row["status"] == ledger.ACCEPTED}
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        needless = {"duplicate", "repeated_take", "matches_no_prompt"} & {reason["rule"] for reason in row["reasons"]}
        if row["status"] == ledger.REJECTED and not needless and (not row["text"] or _plain(row["text"]) not in good):
            found.setdefault(_plain(row["text"]) or row["id"], row)
    return list(found.values())


def page(name: str, rows: Sequence[dict[str, Any]], notes: Sequence[str] = ()) -> str:
    """The whole page as HTML."""
    accepted, rejected = ledger.counts(rows)
    seconds = sum(row["measurements"].get("clip_duration") or 0 for row in rows if row["status"] == ledger.ACCEPTED)
    again = to_record_again(rows)
    parts = [
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Ledger of {_text(name)}</title><style>{_style()}</style></head><body><main class='ledger'>",
        f"<h1>Recordings of {_text(name)}</h1>",
        f"<p>{len(rows)} recordings given = {accepted} accepted + {rejected} rejected. "
        f"{seconds:.0f} seconds of accepted speech.</p>",
        *(f"<p><strong>Note:</strong> {_text(note)}.</p>" for note in notes),
    ]
    if again:
        parts.append("<h2>Record again</h2><ol>")
        parts += [
            f"<li><a href='#{_anchor(row)}'>{_text(row['text'] or row['file'])}</a>: {_why(row)}</li>" for row in again
        ]
        parts.append("</ol>")
    for title, status in (("Rejected", ledger.REJECTED), ("Accepted", ledger.ACCEPTED)):
        chosen = [row for row in rows if row["status"] == status]
        if chosen:
            parts += [f"<h2>{title} ({len(chosen)})</h2>", *map(_article, chosen)]
    return "\n".join([*parts, "</main></body></html>\n"])


def _style() -> str:
    return "".join((_PAGES / name).read_text(encoding="utf-8") for name in ("page.css", "ledger.css"))


def _article(row: dict[str, Any]) -> str:
    measured = row["measurements"]
    figures = [
        f"<div><dt>{label}</dt><dd>{form.format(measured[key])}</dd></div>"
        for key, label, form in _FIGURES
        if measured.get(key) is not None
    ]
    if measured:
        source = f"{measured['source_container']} {measured['source_codec']}, {measured['source_sample_rate']:,} Hz"
        channels = f"{source}, {measured['source_channels']} ch"
        figures.append(f"<div><dt>given as</dt><dd>{_text(channels)}</dd></div>")
    heard = f"<p class='soft'>The recogniser heard: {_text(measured['heard'])}</p>" if measured.get("heard") else ""
    why = f"<p class='why'>{_why(row)}</p>" if row["reasons"] else ""
    text = _text(row["text"] or "text not known")
    return (
        f"<article class='{row['status']}' id='{_anchor(row)}'><h3>{_text(row['file'])} "
        f"<span class='badge'>{row['status']}</span></h3><blockquote>{text}</blockquote>"
        f"{why}{waveform_svg(measured)}<dl>{''.join(figures)}</dl>{heard}</article>"
    )


def waveform_svg(measured: dict[str, Any]) -> str:
    """The outline of a recording as inline SVG; empty when nothing was decoded. The trimmed ends are shaded."""
    outline = measured.get("outline") or []
    duration = measured.get("duration") or 0
    if not outline or not duration:
        return ""
    wide = len(outline)
    upper = " ".join([f"{x},{_UPPER[value]}" for x, value in enumerate(outline)])
    lower = " ".join([f"{x},{_LOWER[outline[x]]}" for x in range(wide - 1, -1, -1)])
    before = min(wide, measured["leading_silence"] / duration * wide)
    after = min(wide, measured["trailing_silence"] / duration * wide)
    label = f"Waveform, {duration:.1f} s, speech from {measured['leading_silence']:.1f} s "
    label += f"to {duration - measured['trailing_silence']:.1f} s, peak {measured['peak_dbfs']:.0f} dBFS"
    return (
        f"<svg role='img' aria-label='{label}' viewBox='0 0 {wide} 100' preserveAspectRatio='none'>"
        f"<title>{label}</title>"
        f"<polygon points='{upper} {lower}' fill='currentColor'/>"
        f"<g fill='currentColor' opacity='.15'><rect width='{before:.1f}' height='100'/>"
        f"<rect x='{wide - after:.1f}' width='{after:.1f}' height='100'/></g></svg>"
    )


def _why(row: dict[str, Any]) -> str:
    return " ".join(f"{_text(ledger.explain(reason))}. {_text(reason['repair'])}" for reason in row["reasons"])


def _anchor(row: dict[str, Any]) -> str:
    return f"clip-{_text(row['id'])}"


def _text(text: str) -> str:
    return html.escape(str(text), quote=True)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
