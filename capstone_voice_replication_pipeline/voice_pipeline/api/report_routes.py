"""Own routes: the proof card, its sentences, the blind test, and what a sound file is."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Query, Request, Response, UploadFile
from fastapi import Path as PathField
from fastapi.responses import FileResponse, HTMLResponse

from voice_pipeline import blind_test, provenance
from voice_pipeline.api.errors import ApiError
from voice_pipeline.api.own_schemas import BlindOutcome, FindingView, Sample, Samples
from voice_pipeline.api.schemas import error_responses, file_response
from voice_pipeline.api.site import FolderOf, SiteOf, listen_to
from voice_pipeline.api.studio_routes import PAGE_POLICY
from voice_pipeline.card_page import PAGE
from voice_pipeline.engines.base import TrainingClip
from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import VoiceFolder, read_json

router = APIRouter(prefix="/api", tags=["proof"])

_READ = error_responses(400, 401, 404, 422)
_SCRIPT_POLICY = f"{PAGE_POLICY}; script-src 'unsafe-inline'"
_Source = Annotated[str, Query(max_length=80, pattern=r"^(voice:)?[a-z0-9][a-z0-9_-]*$")]


@router.get("/voices/{voice_id}/proof_card", summary="The proof card", responses=_READ)
def proof_card(folder: FolderOf) -> dict[str, Any]:
    """Likeness, words, sound, pitch and speed, between the real speaker and other people, with 95 % intervals."""
    card: dict[str, Any] = read_json(_report(folder, folder.proof_card))
    return card


@router.get(
    "/voices/{voice_id}/proof_card.html",
    summary="The proof card as a page",
    response_class=Response,
    responses={**file_response("text/html", text=True), **_READ},
)
def proof_card_page(folder: FolderOf) -> HTMLResponse:
    """With players and pictures; needs no script and no network. It holds recordings of the speaker."""
    page = _report(folder, folder.reports / PAGE).read_text(encoding="utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})


@router.get(
    "/voices/{voice_id}/proof_card.png",
    summary="The proof card as a picture",
    response_class=Response,
    responses={**file_response("image/png"), **_READ},
)
def proof_card_picture(folder: FolderOf) -> FileResponse:
    """One picture without any sound, to pass on."""
    return FileResponse(_report(folder, folder.reports / "proof_card.png"), media_type="image/png")


@router.get("/voices/{voice_id}/samples", summary="Sentences read by the person and by the voice", responses=_READ)
def samples(folder: FolderOf) -> Samples:
    """The held-out sentences of the proof card, and who has read each."""
    found = [
        Sample(clip=clip.clip_id, text=clip.text, systems=["real", *_systems(folder, clip)])
        for clip in _held_out(folder).values()
    ]
    return Samples(data=found)


@router.get(
    "/voices/{voice_id}/samples/{system}/{clip}",
    summary="Listen to a sentence",
    response_class=Response,
    responses={**file_response("audio/wav"), **_READ},
)
def sample(
    folder: FolderOf,
    system: Annotated[str, PathField(max_length=80, description='"real", "clone", or another system of the list.')],
    clip: Annotated[str, PathField(max_length=100, description="Id of the clip.")],
) -> FileResponse:
    """Recording or copy of one held-out sentence."""
    found = _held_out(folder).get(clip)
    if found is None or system not in ("real", *_systems(folder, found)):
        message = f"there is no such sample; GET /api/voices/{folder.name}/samples lists them"
        raise ApiError(404, message, code="sample_not_found", param="clip")
    path = found.path if system == "real" else folder.reports / "samples" / system / f"{found.clip_id}.wav"
    return FileResponse(path, media_type="audio/wav")


@router.get(
    "/voices/{voice_id}/blind_test.html",
    summary="A blind listening test as a page",
    response_class=Response,
    responses={**file_response("text/html", text=True), **error_responses(400, 401, 404, 422)},
)
def blind_test_page(
    folder: FolderOf,
    first: _Source = "real",
    second: _Source = "clone",
    trials: Annotated[int, Query(ge=blind_test.MIN_TRIALS, le=blind_test.MAX_TRIALS)] = 12,
    sentences: Annotated[int | None, Query(ge=1, le=100, description="The shortest only.")] = None,
) -> HTMLResponse:
    """Which is the real one, or the better one? In random order, equally loud. It holds recordings of the speaker."""
    from voice_pipeline.blind_sources import pairs_of_voice

    pairs = pairs_of_voice(folder, first, second, sentences=sentences)
    page = blind_test.build_page(folder.name, first, second, pairs, trials=trials)
    return HTMLResponse(page, headers={"Content-Security-Policy": _SCRIPT_POLICY})


@router.post(
    "/voices/{voice_id}/blind_test/answers",
    summary="What answers to a blind test prove",
    responses=error_responses(400, 401, 404, 413, 415, 422, 429),
)
async def blind_test_answers(
    request: Request,
    folder: FolderOf,
    site: SiteOf,
    answers: Annotated[list[UploadFile], File(description="Files saved by the page; several listeners' are added up.")],
) -> BlindOutcome:
    """Tested against guessing: exact two-sided binomial, with the share's 95 % interval."""
    outcomes = []
    for one in answers[:100]:

        def read(path: Path) -> dict[str, Any]:
            try:
                outcomes.append(blind_test.read_answers(path))
            except PipelineError as error:
                message = str(error).replace(str(path), "the file")
                raise ApiError(400, message, code="not_answers", param="answers") from error
            return {}

        await listen_to(site, request, one, read)
    found = blind_test.pooled(outcomes)
    return BlindOutcome(**asdict(found), words=found.words())


@router.post("/verify", summary="What is this sound file", responses=error_responses(400, 401, 413, 415, 422, 429, 503))
async def verify(
    request: Request,
    site: SiteOf,
    file: Annotated[UploadFile, File(description="Any audio format, at most 10 MiB.")],
) -> FindingView:
    """Whether a voice of this service spoke it, also as an MP3 copy, cut or louder; its watermark and C2PA manifest."""

    def look(path: Path) -> dict[str, Any]:
        finding = provenance.verify(path, site.settings.home)
        match = finding.match
        return {
            "known": finding.how or None,
            "record": finding.record or None,
            "matches": match.matches if match else 0,
            "share": round(match.share, 4) if match else 0.0,
            "shift_seconds": match.shift_seconds if match else None,
            "tag": finding.tag or None,
            "watermark": finding.marked,
            "c2pa": asdict(finding.credentials) if finding.credentials else None,
        }

    return FindingView(**await listen_to(site, request, file, look))


def _report(folder: VoiceFolder, path: Path) -> Path:
    if not path.is_file():
        message = "this voice has no proof card yet: start a job of kind evaluate"
        raise ApiError(404, message, code="proof_card_not_found", param="voice_id")
    return path


def _held_out(folder: VoiceFolder) -> dict[str, TrainingClip]:
    from voice_pipeline.training import read_split

    _report(folder, folder.proof_card)
    return {clip.clip_id: clip for clip in read_split(folder)[1]}


def _systems(folder: VoiceFolder, clip: TrainingClip) -> list[str]:
    places = sorted((folder.reports / "samples").glob("*"))
    return [place.name for place in places if (place / f"{clip.clip_id}.wav").is_file()]
