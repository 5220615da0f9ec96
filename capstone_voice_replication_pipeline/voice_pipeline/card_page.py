"""The proof card as one HTML page: verdict, advice, figures, players, and recording and clone drawn over each other.

The page holds everything itself, sound and pictures too: no network, no script. It contains recordings of the speaker.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from voice_pipeline.audio import encode
from voice_pipeline.blind_test import same_loudness
from voice_pipeline.card_text import system_name, verdict_sentences
from voice_pipeline.settings import AUDIO

PAGE = "proof_card.html"
MAX_PAGE_SOUND = 4_000_000  # bytes; sentences that do not fit any more are left out, and the page says so
_CSS = Path(__file__).with_name("pages") / "page.css"
_TAG = "synthetic speech, made by a voice clone for its proof card"


@dataclass(frozen=True)
class Sentence:
    """One held-out sentence to listen to.

    Attributes:
        clip_id: its clip.
        text: what is said.
        sounds: name of the system -> float32 `[samples]` at `AUDIO.sample_rate`; "real" is the recording.
    """

    clip_id: str
    text: str
    sounds: dict[str, np.ndarray]


@dataclass(frozen=True)
class Picture:
    """A PNG file, what it shows in one line, and its caption."""

    path: Path
    alt: str
    caption: str


def page(card: dict[str, Any], sentences: Sequence[Sentence], pictures: Sequence[Picture]) -> str:
    """The whole page as HTML.

    Args:
        card: content of `proof_card.json`, with `advice` and `record_next`.
        sentences: to listen to, in this order.
        pictures: drawn below the players.
    """
    parts = [
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'><link rel='icon' href='data:,'>",
        f"<title>Proof card of {_text(card['voice'])}</title>",
        f"<style>{_CSS.read_text(encoding='utf-8')}</style></head><body><main>",
        f"<h1>Proof card of the voice {_text(card['voice'])}</h1>",
        f"<p class='soft'>{_text(_made_of(card))}</p>",
        *(f"<p class='verdict'>{_text(line)}</p>" for line in verdict_sentences(card)),
        *_advice(card),
        _table(card),
        *_players(sentences),
        "<h2>Recording and clone, side by side</h2>" if pictures else "",
        *map(_figure, pictures),
        "<h2>How it was measured</h2><dl>",
        *(
            f"<dt><strong>{_text(key)}</strong></dt><dd>{_text(value)}</dd>"
            for key, value in sorted(card["metrics"].items())
        ),
        "</dl></main></body></html>\n",
    ]
    return "\n".join(parts)


def _made_of(card: dict[str, Any]) -> str:
    took = ""
    if card.get("fine_tune_seconds"):
        took = f", fine-tuned in {card['fine_tune_seconds'] / 60:.1f} minutes ({card['fine_tune_steps']} steps)"
    return (
        f"Engine {card['engine']}{took}, {card['train_clips']} training clips. Measured on "
        f"{card['held_out_sentences']} sentences it never heard. This page holds recordings of the speaker."
    )


def _advice(card: dict[str, Any]) -> list[str]:
    parts = ["<h2>What would help most</h2>"]
    if card["advice"]:
        parts.append("<ol>")
        parts += [
            f"<li>{_text(_sentence(row['seen']))}. <strong>{_text(_sentence(row['do']))}.</strong></li>"
            for row in card["advice"]
        ]
        parts.append("</ol>")
    else:
        parts.append("<p>Nothing stands out: enough clips, quiet, with all the sounds of the language.</p>")
    if card["record_next"]:
        parts.append("<h3>Sentences to record next, chosen for the sounds your clips lack</h3><ul>")
        parts += [f"<li>{_text(text)}</li>" for text in card["record_next"]]
        parts.append("</ul>")
    return parts


def _table(card: dict[str, Any]) -> str:
    columns = (
        ("normalized", "likeness", "{:.2f}", 1),
        ("similarity", "cosine", "{:.3f}", 1),
        ("wer", "word error rate", "{:.2f}", 1),
        ("dnsmos", "DNSMOS overall", "{:.2f}", 1),
        ("dnsmos_signal", "speech", "{:.2f}", 1),
        ("dnsmos_background", "background", "{:.2f}", 1),
        ("pitch_hz", "pitch, Hz", "{:.0f}", 1),
        ("pitch_error", "pitch error", "{:+.1f} %", 100),
        ("characters_per_second", "letters per second", "{:.1f}", 1),
        ("real_time_factor", "real-time factor", "{:.3f}", 1),
    )
    alike = card["similarity"]
    heads = "".join(f"<th scope='col'>{label}</th>" for _, label, _, _ in columns)
    rows = []
    for name, row in card["systems"].items():
        cells = []
        for key, _, form, factor in columns:
            value, bounds = row[key], row.get(f"{key}_interval")
            itself = (key == "pitch_error" and name == "real") or (
                key == "real_time_factor" and name in ("real", "griffin_lim")
            )
            if itself:
                cells.append("<td>-</td>")
            elif value is None or (key == "pitch_hz" and not value):
                cells.append("<td>cannot be measured</td>")
            else:
                spread = f"<small>{_span(bounds, form, factor)}</small>" if bounds else ""
                cells.append(f"<td>{form.format(factor * value)}{spread}</td>")
        kind = " class='clone'" if name == "clone" else ""
        rows.append(f"<tr{kind}><th scope='row'>{_text(system_name(name))}</th>{''.join(cells)}</tr>")
    floor = f"<td>0.00</td><td>{alike['floor']:.3f}<small>{_span(alike['floor_interval'], '{:.3f}', 1)}</small></td>"
    rows.append(f"<tr><th scope='row'>other people</th>{floor}{'<td>-</td>' * (len(columns) - 2)}</tr>")
    return (
        "<h2>Figures</h2><div class='wide'><table><caption>Small figures are 95 % intervals over sentences. Compare "
        "with the real speaker (ceiling) and other people (floor).</caption>"
        f"<thead><tr><th scope='col'>who speaks</th>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _span(bounds: Sequence[float], form: str, factor: float) -> str:
    return f"{form.format(factor * bounds[0])} to {form.format(factor * bounds[1])}"


def _players(sentences: Sequence[Sentence]) -> list[str]:
    parts, used, shown = ["<h2>Listen</h2>"], 0, 0
    for sentence in sentences:
        sounds = _encoded(sentence)
        used += sum(map(len, sounds.values()))
        if used > MAX_PAGE_SOUND:
            break
        shown += 1
        parts.append(f"<article><blockquote>{_text(sentence.text)}</blockquote><div class='players'>")
        for name, data in sounds.items():
            label = f"{system_name(name)}: {sentence.text}"
            address = f"data:audio/mpeg;base64,{base64.b64encode(data).decode()}"
            parts.append(
                f"<div><p>{_text(system_name(name))}</p><audio controls preload='none' aria-label='{_text(label)}' "
                f"src='{address}'></audio></div>"
            )
        parts.append("</div></article>")
    if shown < len(sentences):
        left = len(sentences) - shown
        parts.append(f"<p class='soft'>{left} more are in reports/samples: this page stays small.</p>")
    parts.append("<p class='soft'>All are equally loud. A blind test: python ab_test.py --voice NAME</p>")
    return parts


def _encoded(sentence: Sentence) -> dict[str, bytes]:
    """MP3 of each sound, as loud as the recording; what is silent is left out, and the clone says what it is."""
    found: dict[str, bytes] = {}
    real = sentence.sounds["real"]
    for name, sound in sentence.sounds.items():
        if not np.any(sound) or not np.any(real):
            continue
        level = same_loudness(sound, real)[0]
        tags = {} if name in ("real", "griffin_lim") else {"comment": _TAG}
        found[name] = encode(level, AUDIO.sample_rate, "mp3", tags=tags)
    return found


def _figure(picture: Picture) -> str:
    data = base64.b64encode(picture.path.read_bytes()).decode()
    return (
        f"<figure><img alt='{_text(picture.alt)}' src='data:image/png;base64,{data}'>"
        f"<figcaption>{_text(picture.caption)}</figcaption></figure>"
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _text(value: str) -> str:
    return html.escape(str(value), quote=True)
