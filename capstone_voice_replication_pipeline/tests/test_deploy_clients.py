"""Requests as Open WebUI, Home Assistant's bridges and curl send them, against a running service with a test voice.

The forms were read from the programs' sources: Open WebUI backend/open_webui/routers/audio.py; the Home Assistant
integration openai_tts (openaitts_engine.py); the bridge wyoming_openai, which uses OpenAI's own client.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from .test_api_server import CAPSTONE, KEY, Server, assert_says, make_home, running

HELLO = "Hello there."


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = make_home(tmp_path_factory.mktemp("home"))
    with running(home, CAPSTONE / "tests" / "serve_fake.py", VOICE_API_KEY=KEY) as server:
        yield server


def call(server: Server, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str, bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=240)
    headers = {"Authorization": f"Bearer {KEY}", "User-Agent": "HomeAssistant-OpenAI-TTS"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    found = answer.status, answer.headers.get_content_type(), answer.read()
    connection.close()
    return found


def test_open_webui_lists_and_speaks(server: Server) -> None:
    status, _, data = call(server, "GET", "/v1/audio/voices")
    listed = {voice["id"]: voice["name"] for voice in json.loads(data)["voices"]}
    assert status == 200 and "ada" in listed
    status, kind, data = call(server, "GET", "/v1/audio/models")
    assert status == 404 and kind == "application/json" and json.loads(data)["error"]["code"]
    for model in ("tts-1", "tts-1-hd"):  # what it falls back on
        body = {"input": HELLO, "voice": "ada", "model": model}
        status, kind, data = call(server, "POST", "/v1/audio/speech", body)
        assert (status, kind) == (200, "audio/mpeg") and len(data) > 500
    status, _, data = call(server, "POST", "/v1/audio/speech", {"input": HELLO, "voice": "alloy", "model": "tts-1"})
    assert status == 404 and "alloy" in json.loads(data)["error"]["message"], "it shows this object to the user"


@pytest.mark.parametrize(("audio_format", "kind"), [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("wav", "audio/wav")])
def test_home_assistants_openai_tts(server: Server, audio_format: str, kind: str) -> None:
    body = {
        "model": "gpt-4o-mini-tts",
        "input": HELLO,
        "voice": "ada",
        "response_format": audio_format,
        "speed": 1.0,
        "instructions": "Speak calmly.",
    }
    status, found, data = call(server, "POST", "/v1/audio/speech", body)
    assert (status, found) == (200, kind) and data
    if audio_format == "wav":
        assert_says(data, HELLO)


def test_home_assistants_trial_of_a_key(server: Server) -> None:
    probe = {"model": "tts-1", "input": ".", "voice": "alloy", "response_format": "mp3"}
    assert call(server, "POST", "/v1/audio/speech", probe)[0] == 404, "not 401 or 403, which would mean a wrong key"


def test_wyoming_bridge(server: Server) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0, timeout=240) as client:
        request: dict[str, Any] = {"model": "tts-1", "voice": "ada", "input": HELLO, "speed": 1.0}
        with client.audio.speech.with_streaming_response.create(response_format="wav", **request) as answer:
            assert_says(b"".join(answer.iter_bytes(chunk_size=2048)), HELLO)


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_lines_of_the_document(server: Server, tmp_path: Path) -> None:
    document = (CAPSTONE / "deploy" / "DEPLOYMENT.md").read_text(encoding="utf-8")
    block = re.search(r"^## curl\n\n```\n(.*?)```", document, re.M | re.S)
    assert block
    text = block[1].replace("http://127.0.0.1:8000", server.url).replace('"me"', '"ada"')
    text = text.replace("| aplay -f S16_LE -r 24000", "-o play.pcm").replace(
        '"Bearer $VOICE_API_KEY"', f'"Bearer {KEY}"'
    )
    script = text.replace("$VOICE_API_KEY", KEY)
    done = subprocess.run(["sh", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and '"id":"ada"' in done.stdout.replace(" ", "")
    assert (tmp_path / "hello.mp3").read_bytes()[:3] in (b"ID3", b"\xff\xfb\x94", b"\xff\xf3\x84")
    assert (tmp_path / "play.pcm").stat().st_size > 2 * 24_000 * 0.3
