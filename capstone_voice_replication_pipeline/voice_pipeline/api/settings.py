"""Settings of the service: arguments first, then environment variables that begin with VOICE_API_."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from voice_pipeline.errors import PipelineError
from voice_pipeline.voice_folder import resolve_home

MIN_KEY_CHARACTERS = 16


class ApiSettings(BaseSettings):
    """What an operator may choose.

    Attributes:
        home: folder of voice folders.
        host: address to listen on; off loopback a key is required.
        port: TCP port; 0 takes a free one.
        key: API key that every request to /v1 must carry; empty for none.
        device: where voices compute: auto, cpu, cuda or mps.
        workers: syntheses that run at the same time. 1 to the number of cores.
        queue_size: requests that may wait beyond those that run; more get status 429.
        loaded_voices: voices kept in memory.
        copies: how often a small voice may be in memory, so that as many requests speak with it at once.
        threads: processor threads of one synthesis; 0 shares the cores among the workers.
        warm_up: load voices at the start, so that the first request need not wait for it.
        stream_bytes: audio that may wait for a slow client; then its synthesis waits, too.
        max_body_bytes: largest JSON body.
        max_upload_bytes: largest upload.
        requests_per_minute: of one client address; more get status 429. 0 for no limit.
        hosts: names besides this machine's own under which it may be called while it has no key.
        origins: web pages of other origins that may use it (CORS), for example "https://example.org".
        database: SQLite file of jobs, consents and voices; below `home` when not given.
        run_jobs: do the jobs; where several processes share a home, one of them does.
        max_jobs: jobs that may wait.
        watermark: whether speech is marked as synthetic, where the library Perth is installed.
        shutdown_seconds: how long running requests may take to finish when the service stops;
            what is not done by then is answered with 503.
    """

    model_config = SettingsConfigDict(env_prefix="VOICE_API_", extra="ignore")

    home: Path = Field(default_factory=resolve_home)
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    key: SecretStr = SecretStr("")
    device: str = Field(default="auto", pattern="^(auto|cpu|cuda|mps)$")
    workers: int = Field(default=2, ge=1, le=64)
    queue_size: int = Field(default=8, ge=0, le=10_000)
    loaded_voices: int = Field(default=2, ge=1, le=64)
    copies: int = Field(default=2, ge=1, le=64)
    threads: int = Field(default=0, ge=0, le=256)
    warm_up: bool = True
    stream_bytes: int = Field(default=16 * 2**20, ge=1024)
    max_body_bytes: int = Field(default=2**20, ge=1024)
    max_upload_bytes: int = Field(default=25 * 2**20, ge=1024)
    requests_per_minute: int = Field(default=600, ge=0)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    database: Path | None = None
    run_jobs: bool = True
    max_jobs: int = Field(default=20, ge=0)
    watermark: bool = True
    shutdown_seconds: int = Field(default=60, ge=0)

    def check(self) -> ApiSettings:
        """Return self if the service may start.

        Raises:
            PipelineError: it would be reachable from other machines without a key, or the key is too easy.
        """
        key = self.key.get_secret_value()
        advice = 'export VOICE_API_KEY="$(python -c "import secrets; print(secrets.token_urlsafe(32))")"'
        if not key and not is_loopback(self.host):
            raise PipelineError(
                f"the address {self.host} can be reached from other machines, and no API key is set",
                hint=f"listen on 127.0.0.1, or: {advice}",
            )
        if key and (len(key) < MIN_KEY_CHARACTERS or not key.isascii() or key.strip() != key):
            raise PipelineError(
                f"the API key must have at least {MIN_KEY_CHARACTERS} ASCII characters and no space around it",
                hint=advice,
            )
        return self


def service_folder(settings: ApiSettings) -> Path:
    """Where the service keeps what is its own."""
    return settings.database.parent if settings.database else settings.home / ".service"


def database_path(settings: ApiSettings) -> Path:
    """The SQLite file."""
    return settings.database or service_folder(settings) / "service.sqlite3"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`; a name other than localhost does not count."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
