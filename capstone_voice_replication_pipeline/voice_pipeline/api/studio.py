"""What a person does to make a voice, for the routes: take a recording in, say how far the voice is, erase it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

from voice_pipeline import ledger
from voice_pipeline.api.consents import consent_of
from voice_pipeline.api.errors import ApiError
from voice_pipeline.api.own_schemas import PromptView, TakeView, VoiceView
from voice_pipeline.api.site import Site
from voice_pipeline.api.voices import has_consent
from voice_pipeline.audio import decode
from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError
from voice_pipeline.prompts import Prompt, prompts_of_voice
from voice_pipeline.takes import TakeCheck, check_take, earlier_matches, keep_take
from voice_pipeline.voice_folder import VoiceFolder, list_voices, read_jsonl, write_jsonl

Keep = Literal["good", "always", "never"]


def language_of(folder: VoiceFolder) -> str:
    """Language of a voice's prompts."""
    return str(folder.read_info().get("language", "en"))


def view(site: Site, folder: VoiceFolder, names: dict[str, tuple[str, int]] | None = None) -> VoiceView:
    """A voice and how far it is."""
    if names is None or folder.name not in names:
        site.database.remember_voice(folder.name)
        names = site.database.voice_names()
    name, created_at = names[folder.name]
    info = folder.read_info()
    accepted, rejected = ledger.counts(read_jsonl(folder.ledger))
    active = site.jobs.find(voice=folder.name, statuses=("queued", "running"), limit=1)
    return VoiceView(
        id=folder.name,
        name=name,
        created_at=created_at,
        language=language_of(folder),
        engine=info.get("engine"),
        ready=bool(info.get("model")) and has_consent(folder),
        prompts=len(prompts_of_voice(folder, language_of(folder))),
        recordings=len(read_jsonl(folder.manifest)),
        accepted=accepted,
        rejected=rejected,
        consent=consent_of(folder),
        has_proof_card=folder.proof_card.is_file(),
        job=active[0].id if active else None,
    )


def views(site: Site) -> list[VoiceView]:
    """Every voice that is not damaged."""
    names, found = site.database.voice_names(), []
    for folder in list_voices(site.settings.home):
        try:
            found.append(view(site, folder, names))
        except PipelineError:  # its voice.json or a table is damaged; asked for alone, it says so
            continue
    return found


def prompt_views(folder: VoiceFolder) -> list[PromptView]:
    """The sentences to read, each with what is known of its take."""
    rows = {row["text_from"]: row for row in read_jsonl(folder.manifest) if row.get("text_from")}
    return [
        PromptView(
            id=prompt.prompt_id,
            text=prompt.text,
            expected_seconds=round(prompt.expected_seconds, 1),
            recorded=prompt.prompt_id in rows,
            check=rows.get(prompt.prompt_id, {}).get("check"),
        )
        for prompt in prompts_of_voice(folder, language_of(folder))
    ]


def find_prompt(folder: VoiceFolder, prompt_id: str) -> Prompt:
    """A sentence by its id.

    Raises:
        ApiError: 404 when there is none.
    """
    for prompt in prompts_of_voice(folder, language_of(folder)):
        if prompt.prompt_id == prompt_id:
            return prompt
    message = f"there is no such sentence; GET /api/voices/{folder.name}/prompts lists them"
    raise ApiError(404, message, code="prompt_not_found", param="prompt_id")


def take_in(folder: VoiceFolder, prompt: Prompt, path: Path, keep: Keep, device: str | None) -> dict[str, Any]:
    """Judge a take, and keep it if it is wanted.

    Args:
        folder: the voice.
        prompt: what was read.
        path: the recording, any format.
        keep: "good" keeps what passes, "always" also what does not, "never" only judges.
        device: what recorded it, for the record.

    Raises:
        AudioError: it is no sound file.
        VoiceBusyError: a job works on the voice.
    """
    sound = decode(path)
    words = language_of(folder) == "en"
    earlier = earlier_matches(read_jsonl(folder.manifest))
    check = check_take(sound.waveform, sound.sample_rate, prompt, words=words, earlier=earlier)
    kept = keep == "always" or (keep == "good" and check.ok)
    if kept:
        with folder.lock(), writing_to(folder.raw):
            rows = [row for row in read_jsonl(folder.manifest) if row["id"] != prompt.prompt_id]
            rows.append(
                keep_take(folder, prompt, sound.waveform, sound.sample_rate, check, source="upload", device=device)
            )
            write_jsonl(folder.manifest, rows)
    return _take_view(folder, prompt, check, kept, sound.duration).model_dump()


def _take_view(folder: VoiceFolder, prompt: Prompt, check: TakeCheck, kept: bool, seconds: float) -> TakeView:
    return TakeView(
        prompt_id=prompt.prompt_id,
        kept=kept,
        ok=check.ok,
        sentence=check.sentence,
        rules=list(check.rules),
        heard=check.heard,
        match=check.match,
        seconds=round(seconds, 2),
        left=sum(not row.recorded for row in prompt_views(folder)),
    )


def take_row(folder: VoiceFolder, prompt_id: str) -> dict[str, Any]:
    """The manifest's row of a sentence's take.

    Raises:
        ApiError: 404 when there is none.
    """
    for row in read_jsonl(folder.manifest):
        if row["id"] == prompt_id and row.get("file") and (folder.raw / row["file"]).is_file():
            return row
    raise ApiError(404, "this sentence has no take", code="take_not_found", param="prompt_id")


def drop_take(folder: VoiceFolder, prompt_id: str) -> None:
    """Remove a take.

    Raises:
        ApiError: 404 when there is none.
        VoiceBusyError: a job works on the voice.
    """
    with folder.lock(), writing_to(folder.raw):
        row = take_row(folder, prompt_id)
        write_jsonl(folder.manifest, [other for other in read_jsonl(folder.manifest) if other["id"] != prompt_id])
        (folder.raw / row["file"]).unlink(missing_ok=True)


def erase(site: Site, folder: VoiceFolder) -> None:
    """Remove a voice with everything of it.

    Raises:
        ApiError: 409 while a job waits or runs for it.
        VoiceBusyError: another process works on it.
    """
    if site.jobs.find(voice=folder.name, statuses=("queued", "running"), limit=1):
        raise ApiError(409, "a job works on this voice; cancel it first", code="voice_busy", param="voice_id")
    with folder.lock(), writing_to(folder.root):
        site.service.store.forget(folder.name)
        folder.info.unlink(missing_ok=True)  # from here on it is no voice any more
    with writing_to(folder.root):
        shutil.rmtree(folder.root)
    site.database.forget_voice(folder.name)
