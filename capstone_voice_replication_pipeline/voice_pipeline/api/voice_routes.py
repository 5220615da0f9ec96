"""OpenAI's routes for voices of one's own: the recorded consent, and the voice made from a sample."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, Request, UploadFile
from fastapi import Path as PathField

from voice_pipeline.api.consents import ConsentBook
from voice_pipeline.api.errors import ApiError
from voice_pipeline.api.sample_voice import make_voice
from voice_pipeline.api.schemas import (
    Consent,
    ConsentDeleted,
    ConsentList,
    ConsentRename,
    NewlyMadeVoice,
    error_responses,
)
from voice_pipeline.api.site import SiteOf, listen_to
from voice_pipeline.consent import give_statement, require_consent, revoke
from voice_pipeline.consent_record import ConsentError
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder

router = APIRouter(tags=["voices of one's own"])

ConsentId = Annotated[str, PathField(min_length=1, max_length=64, examples=["cons_0123456789ab"])]
Name = Annotated[str, Form(min_length=1, max_length=64, description="Name of the voice; its id is made from it.")]
_UPLOAD = error_responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


def voice_id_of(name: str) -> str:
    """The id a voice of this name gets: "My voice" gives "my-voice".

    Raises:
        ApiError: 400, nothing is left of it.
    """
    plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:64].rstrip("-_")
    if not plain:
        message = "a voice's name needs a letter or a digit of the Latin alphabet"
        raise ApiError(400, message, code="invalid_voice", param="name")
    return plain


@router.post(
    "/v1/audio/voice_consents",
    summary="Give consent",
    responses=error_responses(400, 401, 403, 409, 413, 415, 422, 429, 503),
)
async def create_consent(
    request: Request,
    site: SiteOf,
    name: Name,
    language: Annotated[str, Form(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$", description="BCP 47, English only.")],
    recording: Annotated[UploadFile, File(description="The statement read aloud, any audio format, at most 10 MiB.")],
) -> Consent:
    """Take the speaker's recorded statement for the voice `name`.

    The text to read has code words that are new each time; without one, the answer is 409 and its message holds the
    text. POST /api/voices/{voice_id}/consent/statement gives it, too.
    """
    if language.lower().split("-")[0] != "en":
        message = "the statement is read in English, so that it can be checked: language en"
        raise ApiError(400, message, code="unsupported_language", param="language")
    folder = VoiceFolder(site.settings.home, voice_id_of(name))

    def take(path: Path) -> dict[str, Any]:
        try:
            return give_statement(folder, path)
        except ConsentError as error:
            if error.code != "consent_missing":
                raise
            raise ApiError(409, str(error), code="statement_not_asked_for", param="recording") from error

    record = await listen_to(site, request, recording, take)
    site.database.remember_voice(folder.name, name)
    return ConsentBook(site.database).add(folder, record["id"], name, language)


@router.get("/v1/audio/voice_consents", summary="Consents in force", responses=error_responses(401, 422))
def list_consents(
    site: SiteOf,
    after: Annotated[str | None, Query(max_length=64, description="Id of the last one seen.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> ConsentList:
    """The newest first, also those given at the command line."""
    found, more = ConsentBook(site.database).find(site.settings.home, after, limit)
    first, last = (found[0].id, found[-1].id) if found else (None, None)
    return ConsentList(data=found, first_id=first, last_id=last, has_more=more)


@router.get("/v1/audio/voice_consents/{consent_id}", summary="One consent", responses=error_responses(401, 404, 422))
def get_consent(consent_id: ConsentId, site: SiteOf) -> Consent:
    """Its label, language and time."""
    return ConsentBook(site.database).get(consent_id)[0]


@router.post(
    "/v1/audio/voice_consents/{consent_id}",
    summary="Change a consent's label",
    responses=error_responses(400, 401, 404, 413, 415, 422),
)
def rename_consent(consent_id: ConsentId, body: ConsentRename, site: SiteOf) -> Consent:
    """Only the label; what was said stays."""
    return ConsentBook(site.database).rename(consent_id, body.name)


@router.delete("/v1/audio/voice_consents/{consent_id}", summary="Revoke", responses=error_responses(401, 404, 422))
def delete_consent(consent_id: ConsentId, site: SiteOf) -> ConsentDeleted:
    """Take the consent back: from now on the voice is neither trained nor spoken with."""
    book = ConsentBook(site.database)
    _, voice, record = book.get(consent_id)
    folder = VoiceFolder(site.settings.home, voice)
    if folder.exists and _in_force(folder, record):
        revoke(folder, "deleted over the API")
        site.service.store.forget(voice)
    book.remove(consent_id)
    return ConsentDeleted(id=consent_id)


@router.post("/v1/audio/voices", summary="Make a voice from a sample", responses=_UPLOAD)
async def create_voice(
    request: Request,
    site: SiteOf,
    name: Name,
    consent: Annotated[str, Form(min_length=1, max_length=64, description="Id of the consent given for this name.")],
    audio_sample: Annotated[UploadFile, File(description="3 to 30 s of speech by the same speaker, at most 10 MiB.")],
    type: Annotated[str, Form(pattern="^audio_sample$", description="Nothing else is possible here.")] = "audio_sample",
) -> NewlyMadeVoice:
    """A voice that can speak in seconds. It is told who speaks, not trained; takes and a job of kind `train` do more.

    The speaker of the sample has to be the one of the consent, and the consent has to name this voice.
    """
    _, voice, record = ConsentBook(site.database).get(consent)
    voice_id = voice_id_of(name)
    if voice != voice_id:
        message = f"this consent is for the voice '{voice}', not for '{voice_id}'"
        raise ApiError(403, message, code="consent_of_another_voice", param="consent")
    folder = site.folder(voice_id, param="name")
    _require_in_force(folder, record)

    def make(path: Path) -> dict[str, Any]:
        make_voice(folder, path)
        return {}

    await listen_to(site, request, audio_sample, make)
    return NewlyMadeVoice(id=voice_id, name=name, created_at=site.database.remember_voice(voice_id, name))


def _in_force(folder: VoiceFolder, record: str) -> bool:
    try:
        return bool(require_consent(folder)["id"] == record)
    except PipelineError:
        return False


def _require_in_force(folder: VoiceFolder, record: str) -> None:
    if require_consent(folder)["id"] != record:
        message = "this consent was replaced by another; GET /v1/audio/voice_consents lists those in force"
        raise ApiError(403, message, code="consent_replaced", param="consent")
