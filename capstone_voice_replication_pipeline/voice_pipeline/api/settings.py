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
        max_body_bytes: largest request body.
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
    max_body_bytes: int = Field(default=256 * 1024, ge=1024)
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


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`; a name other than localhost does not count."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
