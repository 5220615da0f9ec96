"""A small client of the REST service, for the routes that OpenAI's client does not know. Needs httpx and nothing else.

client = VoiceClient("http://127.0.0.1:8000", key="...")
client.create_voice("me")
for prompt in client.prompts("me"): ...
job = client.start_job("me", "train", minutes=5)
for state in client.follow(job["id"]): print(state["share"], state["sentence"])
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

from voice_pipeline.errors import PipelineError


class ServiceError(PipelineError):
    """What the service refused.

    Attributes:
        status: HTTP status.
        code: what is wrong, for programs.
        retry_after: seconds to wait, where the service says so.
    """

    def __init__(self, status: int, message: str, code: str, retry_after: int | None) -> None:
        super().__init__(message)
        self.status, self.code, self.retry_after = status, code, retry_after


class VoiceClient:
    """Calls the service; each method returns the answer's JSON.

    Args:
        address: of the service, without "/v1".
        key: its API key; empty for none.
        http: what sends requests; made when not given.
    """

    def __init__(
        self, address: str = "http://127.0.0.1:8000", key: str = "", *, http: httpx.Client | None = None
    ) -> None:
        self._http = http or httpx.Client(base_url=address, timeout=120.0)
        if key:
            self._http.headers["Authorization"] = f"Bearer {key}"

    def __enter__(self) -> VoiceClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def voices(self) -> list[dict[str, Any]]:
        """Every voice, and how far it is."""
        return list(self._call("GET", "/api/voices")["data"])

    def create_voice(self, name: str, language: str = "en") -> dict[str, Any]:
        """Begin a voice."""
        return self._call("POST", "/api/voices", json={"name": name, "language": language})

    def prompts(self, voice: str) -> list[dict[str, Any]]:
        """The sentences to read."""
        return list(self._call("GET", f"/api/voices/{voice}/prompts")["data"])

    def add_take(self, voice: str, prompt_id: str, recording: Path, *, keep: str = "good") -> dict[str, Any]:
        """Upload a recording of a sentence; tells whether it is good, and why not."""
        with open(recording, "rb") as file:
            fields = {"prompt_id": prompt_id, "keep": keep}
            return self._call("POST", f"/api/voices/{voice}/takes", data=fields, files={"audio": file})

    def statement(self, voice: str) -> str:
        """What the speaker reads as consent."""
        return str(self._call("POST", f"/api/voices/{voice}/consent/statement")["text"])

    def give_consent(self, voice: str, recording: Path) -> dict[str, Any]:
        """Upload the statement."""
        with open(recording, "rb") as file:
            return self._call("POST", f"/api/voices/{voice}/consent", files={"recording": file})

    def start_job(self, voice: str, kind: str, **options: Any) -> dict[str, Any]:
        """Start "prepare", "train" or "evaluate"; the options are those of the service's JobRequest."""
        return self._call("POST", f"/api/voices/{voice}/jobs", json={"kind": kind, **options})

    def follow(self, job_id: str) -> Iterator[dict[str, Any]]:
        """A job whenever it has changed, until it has ended."""
        with self._http.stream("GET", f"/api/jobs/{job_id}/events", timeout=None) as answer:
            if answer.status_code >= 400:
                answer.read()
                _check(answer)
            for line in answer.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line.removeprefix("data: "))

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Stop a job."""
        return self._call("POST", f"/api/jobs/{job_id}/cancel")

    def proof_card(self, voice: str) -> dict[str, Any]:
        """Its figures."""
        return self._call("GET", f"/api/voices/{voice}/proof_card")

    def verify(self, sound: Path) -> dict[str, Any]:
        """What a sound file is."""
        with open(sound, "rb") as file:
            return self._call("POST", "/api/verify", files={"file": file})

    def speak(self, voice: str, text: str, **options: Any) -> Iterator[bytes]:
        """A text as audio while it is spoken; the options are the fields of OpenAI's request."""
        body = {"model": "starter", "voice": voice, "input": text, **options}
        with self._http.stream("POST", "/api/speech", json=body) as answer:
            if answer.status_code >= 400:
                answer.read()
                _check(answer)
            yield from answer.iter_bytes()

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        answer = self._http.request(method, path, **content)
        _check(answer)
        found: dict[str, Any] = answer.json()
        return found


def _check(answer: httpx.Response) -> None:
    if answer.status_code < 400:
        return
    try:
        error = answer.json()["error"]
        message, code = error["message"], error["code"]
    except (ValueError, KeyError, TypeError):
        message, code = f"the service answered with status {answer.status_code}", "unknown"
    wait = answer.headers.get("retry-after", "")
    raise ServiceError(answer.status_code, message, code, int(wait) if wait.isdigit() else None)
