"""What the service remembers: voices, consents and jobs, in one SQLite file that migrates itself (SQLAlchemy, Alembic).

The recordings, consent records and models themselves stand in the voice folders; a voice made by the scripts is taken
up when it is first seen. Several processes may share the file.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
)

from voice_pipeline.disk import writing_to
from voice_pipeline.errors import PipelineError

REVISION = "0001"
"""The migration this program needs: the last one in migrations/versions."""

_MIGRATIONS = Path(__file__).with_name("migrations")

tables = MetaData()

voices = Table(
    "voices",
    tables,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("language", String, nullable=False),
    Column("created_at", Integer, nullable=False),
)

consents = Table(
    "consents",
    tables,
    Column("id", String, primary_key=True),
    Column("voice", String, nullable=False, index=True),
    Column("record", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("language", String, nullable=False),
    Column("created_at", Integer, nullable=False),
)

jobs = Table(
    "jobs",
    tables,
    Column("id", String, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("voice", String, nullable=False, index=True),
    Column("options", JSON, nullable=False),
    Column("status", String, nullable=False, index=True),
    Column("share", Float, nullable=False),
    Column("sentence", String, nullable=False),
    Column("cancel", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("result", JSON),
    Column("error", JSON),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("finished_at", Float),
)


class Database:
    """The file, made or migrated when it is first used.

    Args:
        path: the SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction; rolled back when the block raises.

        Raises:
            PipelineError: the file cannot be used, or a newer program made it.
        """
        with self._engine.begin() as connection:
            yield connection

    @functools.cached_property
    def _engine(self) -> Engine:
        with writing_to(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(self.path.with_suffix(".lock"), timeout=60):
                engine = create_engine(f"sqlite:///{self.path}", connect_args={"timeout": 30})
                event.listen(engine, "connect", _prepare)
                self._migrate(engine)
        return engine

    def _migrate(self, engine: Engine) -> None:
        """Bring the file to `REVISION`; Alembic is loaded only if there is something to do."""
        with engine.begin() as connection:
            known = "alembic_version" in inspect(connection).get_table_names()
            found = connection.scalar(text("SELECT version_num FROM alembic_version")) if known else None
        if found == REVISION:
            return
        logging.getLogger("alembic").setLevel(logging.WARNING)  # its import already talks
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        try:
            with engine.begin() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, REVISION)
        except CommandError as error:
            raise PipelineError(
                f"{self.path} was made by another version of this program ({found})",
                hint="use that version, or move the file away: voices stay, jobs and consent ids are forgotten",
            ) from error

    def remember_voice(self, voice: str, name: str | None = None, language: str = "en") -> int:
        """Take a voice up if it is new.

        Returns:
            when it was, in seconds since 1970.
        """
        with self.begin() as connection:
            found = connection.scalar(select(voices.c.created_at).where(voices.c.id == voice))
            if found is not None:
                return int(found)
            now = int(time.time())
            row = {"id": voice, "name": name or voice, "language": language, "created_at": now}
            connection.execute(insert(voices).prefix_with("OR IGNORE").values(row))
            return now

    def voice_names(self) -> dict[str, tuple[str, int]]:
        """(name, created at) of every voice taken up, by id."""
        with self.begin() as connection:
            rows = connection.execute(select(voices.c.id, voices.c.name, voices.c.created_at))
            return {row.id: (row.name, row.created_at) for row in rows}

    def forget_voice(self, voice: str) -> None:
        """Remove everything about a voice."""
        with self.begin() as connection:
            connection.execute(voices.delete().where(voices.c.id == voice))
            connection.execute(consents.delete().where(consents.c.voice == voice))
            connection.execute(jobs.delete().where(jobs.c.voice == voice))


def _prepare(connection: object, record: object) -> None:
    """Several processes read while one writes, and wait for each other."""
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()
