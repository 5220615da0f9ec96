"""Consents under the ids that OpenAI's contract gives them. What they say, and whether they hold, the voices know."""

from __future__ import annotations

import calendar
import time
from pathlib import Path
from typing import Any

from sqlalchemy import delete, insert, select, update

from voice_pipeline.api.database import Database, consents
from voice_pipeline.api.errors import ApiError
from voice_pipeline.api.own_schemas import ConsentView
from voice_pipeline.api.schemas import Consent
from voice_pipeline.consent import describe
from voice_pipeline.consent_record import CONSENT, ConsentError, read_record
from voice_pipeline.voice_folder import VoiceFolder, list_voices


def consent_of(folder: VoiceFolder) -> ConsentView | None:
    """The record of a voice for clients; None when there is none or it cannot be trusted."""
    try:
        record = read_record(folder)
    except ConsentError:
        return None
    if record is None:
        return None
    return ConsentView(
        id=record["id"],
        kind=record["kind"],
        created=record["created"],
        revoked=bool(record["revoked"]),
        matched=record["kind"] != CONSENT or bool(record["speaker"]),
        summary=describe(record),
    )


class ConsentBook:
    """The statements in force.

    Args:
        database: where their ids and labels are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, folder: VoiceFolder, record: str, name: str, language: str) -> Consent:
        """Give a record an id; it keeps the one it has."""
        row = {
            "id": f"cons_{record.rpartition('-')[2]}",
            "voice": folder.name,
            "record": record,
            "name": name,
            "language": language,
            "created_at": int(time.time()),
        }
        with self._database.begin() as connection:
            connection.execute(insert(consents).prefix_with("OR IGNORE").values(row))
        return self.get(str(row["id"]))[0]

    def find(self, home: Path, after: str | None, limit: int) -> tuple[list[Consent], bool]:
        """A page of the statements in force, the newest first, and whether there are more."""
        self._take_up(list_voices(home))
        with self._database.begin() as connection:
            query = select(consents).order_by(consents.c.created_at.desc(), consents.c.id)
            rows = [dict(row) for row in connection.execute(query).mappings()]
        ids = [row["id"] for row in rows]
        start = ids.index(after) + 1 if after in ids else 0
        chosen = rows[start : start + limit]
        return [_consent(row) for row in chosen], start + limit < len(rows)

    def get(self, consent_id: str) -> tuple[Consent, str, str]:
        """(the consent, id of its voice, id of its record).

        Raises:
            ApiError: 404 when there is none.
        """
        with self._database.begin() as connection:
            row = connection.execute(select(consents).where(consents.c.id == consent_id)).mappings().one_or_none()
        if row is None:
            message = "there is no such consent; GET /v1/audio/voice_consents lists them"
            raise ApiError(404, message, code="consent_not_found", param="consent")
        return _consent(dict(row)), row["voice"], row["record"]

    def rename(self, consent_id: str, name: str) -> Consent:
        """Change the label.

        Raises:
            ApiError: 404 when there is none.
        """
        with self._database.begin() as connection:
            connection.execute(update(consents).where(consents.c.id == consent_id).values(name=name))
        return self.get(consent_id)[0]

    def remove(self, consent_id: str) -> None:
        """Forget the id."""
        with self._database.begin() as connection:
            connection.execute(delete(consents).where(consents.c.id == consent_id))

    def _take_up(self, folders: list[VoiceFolder]) -> None:
        """Ids for statements given at the command line; none for those that were revoked or replaced."""
        valid = {}
        for folder in folders:
            found = consent_of(folder)
            if found and found.kind == CONSENT and not found.revoked:
                valid[found.id] = {
                    "id": f"cons_{found.id.rpartition('-')[2]}",
                    "voice": folder.name,
                    "record": found.id,
                    "name": folder.name,
                    "language": "en",
                    "created_at": _seconds(found.created),
                }
        with self._database.begin() as connection:
            known = set(connection.scalars(select(consents.c.record)))
            connection.execute(delete(consents).where(consents.c.record.not_in(list(valid))))
            for record in valid.keys() - known:
                connection.execute(insert(consents).prefix_with("OR IGNORE").values(valid[record]))


def _consent(row: dict[str, Any]) -> Consent:
    return Consent(**{name: row[name] for name in ("id", "name", "language", "created_at")})


def _seconds(stamp: str) -> int:
    """Seconds since 1970 of "2026-11-26T07:00:00+00:00"."""
    return calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S"))
