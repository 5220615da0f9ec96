"""Own routes: voices, the sentences to read, takes, consent, the ledger."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Query, Request, Response, UploadFile, status
from fastapi import Path as PathField
from fastapi.responses import FileResponse, HTMLResponse

from voice_pipeline import ledger
from voice_pipeline.api import studio
from voice_pipeline.api.consents import ConsentBook, consent_of
from voice_pipeline.api.errors import ApiError
from voice_pipeline.api.own_schemas import (
    ConsentView,
    LedgerView,
    Licence,
    NewVoice,
    PromptViews,
    Statement,
    TakeView,
    VoiceView,
    VoiceViews,
)
from voice_pipeline.api.schemas import error_responses, file_response
from voice_pipeline.api.site import FolderOf, SiteOf, listen_to
from voice_pipeline.api.voice_routes import voice_id_of
from voice_pipeline.consent import ask_for_statement, declare_licence, give_statement, revoke
from voice_pipeline.ledger_page import PAGE, to_record_again
from voice_pipeline.prompts import load_prompts
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

router = APIRouter(prefix="/api/voices", tags=["making a voice"])

PromptId = Annotated[str, PathField(min_length=1, max_length=100, examples=["short_01"])]
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:; frame-ancestors 'self'"
"""For pages that hold everything themselves and need no script."""

_READ = error_responses(400, 401, 404, 422)
_WRITE = error_responses(400, 401, 404, 409, 413, 415, 422, 503)
_UPLOAD = error_responses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503)


@router.get("", summary="Voices, and how far each is", responses=error_responses(401))
def list_voices(site: SiteOf) -> VoiceViews:
    """More than OpenAI's list: recordings, ledger, consent, proof card, job."""
    return VoiceViews(data=studio.views(site))


@router.post(
    "",
    summary="Begin a voice",
    status_code=status.HTTP_201_CREATED,
    responses=error_responses(400, 401, 409, 415, 422, 503),
)
def create_voice(body: NewVoice, site: SiteOf, response: Response) -> VoiceView:
    """An empty voice: next come takes and the consent, then a job of kind `train`."""
    load_prompts(body.language)
    folder = VoiceFolder(site.settings.home, voice_id_of(body.name))
    if folder.exists:
        raise ApiError(409, f"there is a voice '{folder.name}' already", code="voice_exists", param="name")
    folder.create()
    folder.update_info(language=body.language)
    site.database.remember_voice(folder.name, body.name, body.language)
    response.headers["Location"] = f"/api/voices/{folder.name}"
    return studio.view(site, folder)


@router.get("/{voice_id}", summary="One voice, and how far it is", responses=_READ)
def get_voice(folder: FolderOf, site: SiteOf) -> VoiceView:
    """Recordings, ledger, consent, proof card, job."""
    return studio.view(site, folder)


@router.delete(
    "/{voice_id}",
    summary="Erase a voice",
    status_code=204,
    response_class=Response,
    responses=error_responses(400, 401, 404, 409, 422, 503),
)
def delete_voice(
    folder: FolderOf, site: SiteOf, confirm: Annotated[str, Query(max_length=64, description="The voice's id again.")]
) -> Response:
    """Recordings, consent, models, reports: everything. It cannot be undone."""
    if confirm != folder.name:
        message = f"to erase everything of this voice, add ?confirm={folder.name}"
        raise ApiError(400, message, code="not_confirmed", param="confirm")
    studio.erase(site, folder)
    return Response(status_code=204)


@router.get("/{voice_id}/prompts", summary="What to read", responses=_READ)
def prompts(folder: FolderOf) -> PromptViews:
    """The sentences in reading order, with what is known of their takes."""
    return PromptViews(data=studio.prompt_views(folder))


@router.post("/{voice_id}/takes", summary="Upload a take", responses=_UPLOAD)
async def add_take(
    request: Request,
    folder: FolderOf,
    site: SiteOf,
    prompt_id: Annotated[str, Form(min_length=1, max_length=100, description="Which sentence was read.")],
    audio: Annotated[UploadFile, File(description="Any audio format, at most 10 MiB.")],
    keep: Annotated[studio.Keep, Form(description="Keep it when it is good, always, or never (only judge).")] = "good",
    device: Annotated[str | None, Form(max_length=200, description="The microphone, for the record.")] = None,
) -> TakeView:
    """It is judged at once: level, clipping, noise, length, edges, and whether the words are those of the sentence.

    A take that is kept replaces an earlier one of the same sentence.
    """
    prompt = studio.find_prompt(folder, prompt_id)
    found = await listen_to(site, request, audio, lambda path: studio.take_in(folder, prompt, path, keep, device))
    return TakeView(**found)


@router.get(
    "/{voice_id}/takes/{prompt_id}/audio",
    summary="Listen to a take",
    response_class=Response,
    responses={**file_response("audio/wav"), **_READ},
)
def get_take(folder: FolderOf, prompt_id: PromptId) -> FileResponse:
    """The recording as it was kept."""
    row = studio.take_row(folder, prompt_id)
    return FileResponse(folder.raw / row["file"], media_type="audio/wav")


@router.delete(
    "/{voice_id}/takes/{prompt_id}",
    summary="Remove a take",
    status_code=204,
    response_class=Response,
    responses=error_responses(400, 401, 404, 409, 422, 503),
)
def delete_take(folder: FolderOf, prompt_id: PromptId) -> Response:
    """The sentence is to be read again."""
    studio.drop_take(folder, prompt_id)
    return Response(status_code=204)


@router.post("/{voice_id}/consent/statement", summary="What to read as consent", responses=_WRITE)
def statement(folder: FolderOf) -> Statement:
    """The text the speaker reads, with four new code words; it stays the same until it is used or a week old."""
    asked = ask_for_statement(folder)
    return Statement(**{name: asked[name] for name in ("voice", "date", "code_words", "text")})


@router.get("/{voice_id}/consent", summary="The consent in force", responses=_READ)
def get_consent(folder: FolderOf) -> ConsentView:
    """A speaker's statement, or the licence of public data; also one that was revoked."""
    found = consent_of(folder)
    if found is None:
        raise ApiError(404, "this voice has no consent yet", code="consent_missing", param="voice_id")
    return found


@router.post("/{voice_id}/consent", summary="Give consent", responses=_UPLOAD)
async def give_consent(
    request: Request,
    folder: FolderOf,
    site: SiteOf,
    recording: Annotated[UploadFile, File(description="The statement read aloud, any format, at most 10 MiB.")],
) -> ConsentView:
    """The recorded statement: its words, its code words and, where clips exist, its speaker are checked."""
    record = await listen_to(site, request, recording, lambda path: give_statement(folder, path))
    ConsentBook(site.database).add(folder, record["id"], folder.name, "en")
    return _consent(folder)


@router.delete("/{voice_id}/consent", summary="Revoke", responses=error_responses(400, 401, 403, 404, 422, 503))
def revoke_consent(
    folder: FolderOf, site: SiteOf, reason: Annotated[str, Query(max_length=500, description="For the record.")] = ""
) -> ConsentView:
    """From now on the voice is neither trained nor spoken with. Its files stay until the voice is erased."""
    revoke(folder, reason)
    site.service.store.forget(folder.name)
    return _consent(folder)


@router.post(
    "/{voice_id}/licence", summary="Public data: name its licence", responses={**_WRITE, **error_responses(403)}
)
def licence(folder: FolderOf, body: Licence) -> ConsentView:
    """For recordings of a public data set, whose speaker cannot be asked. It cannot replace a person's consent."""
    declare_licence(folder, body.licence, body.source)
    return _consent(folder)


@router.get("/{voice_id}/ledger", summary="The clip ledger", responses=_READ)
def get_ledger(folder: FolderOf) -> LedgerView:
    """Every recording with its measurements; rejected ones with rule and repair. A job of kind `prepare` makes it."""
    rows = _ledger_rows(folder)
    accepted, rejected = ledger.counts(rows)
    again = [row["id"] for row in to_record_again(rows)]
    return LedgerView(accepted=accepted, rejected=rejected, record_again=again, rows=rows)


@router.get(
    "/{voice_id}/ledger.html",
    summary="The clip ledger as a page",
    response_class=Response,
    responses={**file_response("text/html", text=True), **_READ},
)
def ledger_page(folder: FolderOf) -> HTMLResponse:
    """The same with waveforms; needs no script and no network."""
    _ledger_rows(folder)
    page = (folder.reports / PAGE).read_text(encoding="utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})


def _ledger_rows(folder: VoiceFolder) -> list[dict]:
    rows = read_jsonl(folder.ledger)
    if not rows or not (folder.reports / PAGE).is_file():
        message = "the recordings were not looked at yet: start a job of kind prepare"
        raise ApiError(404, message, code="ledger_not_found", param="voice_id")
    return rows


def _consent(folder: VoiceFolder) -> ConsentView:
    found = consent_of(folder)
    assert found is not None
    return found
