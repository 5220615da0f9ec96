"""From a measured card to its files: JSON with verdict and advice, the picture, and the page with players."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from coursekit.files import write_json_atomic, write_text_atomic
from voice_pipeline.advice import advise
from voice_pipeline.alignment import align, plot_alignment
from voice_pipeline.card_page import PAGE, Picture, Sentence, page
from voice_pipeline.card_picture import plot_card
from voice_pipeline.card_text import verdict
from voice_pipeline.engines.base import TrainingClip
from voice_pipeline.evaluation import samples_dir
from voice_pipeline.training import read_split
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

SENTENCES_ON_PAGE = 6
ALIGNED = 2


def write_card_files(folder: VoiceFolder, card: dict[str, Any]) -> list[Path]:
    """Write everything a card is read from, into reports/.

    Args:
        folder: the voice, with the sounds that `evaluate_voice` left in reports/samples/.
        card: from `evaluate_voice`; `verdict`, `advice`, `record_next` and `alignment` are added to it.

    Returns:
        JSON, picture, page.
    """
    train, held_out = read_split(folder)
    found, sentences = advise(card, read_jsonl(folder.ledger), [clip.text for clip in train])
    card["verdict"] = verdict(card)
    card["advice"] = [{"seen": one.seen, "do": one.do} for one in found]
    card["record_next"] = sentences
    by_likeness = sorted(held_out, key=lambda clip: _likeness(card, clip.clip_id))
    picture = plot_card(card, folder.reports / "proof_card.png")
    pictures = [Picture(picture, card["verdict"], "All figures with their 95 % intervals.")]
    card["alignment"] = {}
    for clip, note in _extremes(by_likeness):
        pictures.append(_aligned(folder, clip, note, card))
    listed = [_sentence(folder, clip, list(card["systems"])) for clip in by_likeness[::-1][:SENTENCES_ON_PAGE]]
    write_json_atomic(folder.proof_card, card)
    path = folder.reports / PAGE
    write_text_atomic(path, page(card, listed, pictures))
    return [folder.proof_card, picture, path]


def _extremes(by_likeness: list[TrainingClip]) -> list[tuple[TrainingClip, str]]:
    """The sentence most like the speaker and the least, with what to call them."""
    if len(by_likeness) < ALIGNED:
        return [(clip, "the only one") for clip in by_likeness]
    return [(by_likeness[-1], "most like the speaker"), (by_likeness[0], "least like the speaker")]


def _likeness(card: dict[str, Any], clip_id: str) -> float:
    return next(row["similarity"] for row in card["per_sentence"] if row["clip"] == clip_id)


def _aligned(folder: VoiceFolder, clip: TrainingClip, note: str, card: dict[str, Any]) -> Picture:
    real, clone = _read(clip.path), _read(samples_dir(folder, "clone") / f"{clip.clip_id}.wav")
    found = align(real, clone)
    card["alignment"][clip.clip_id] = {**found.as_dict(), "summary": found.describe()}
    path = plot_alignment(found, f"{clip.clip_id}, {note}: {clip.text}", folder.reports / f"aligned_{clip.clip_id}.png")
    return Picture(path, found.describe(), f"{clip.clip_id} ({note}): {found.describe()}.")


def _sentence(folder: VoiceFolder, clip: TrainingClip, systems: list[str]) -> Sentence:
    sounds = {"real": _read(clip.path)}
    for name in ("clone", *(name for name in systems if name not in ("real", "clone"))):
        path = samples_dir(folder, name) / f"{clip.clip_id}.wav"
        if path.is_file():
            sounds[name] = _read(path)
    return Sentence(clip.clip_id, clip.text, sounds)


def _read(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]
