"""The service in this process, with a voice whose tone tells which text it spoke."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import os
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from voice_pipeline.api import ApiSettings, create_app
from voice_pipeline.api.settings import is_loopback
from voice_pipeline.api.work import WorkQueue
from voice_pipeline.audio import CONTENT_TYPES, decode
from voice_pipeline.consent import declare_licence
from voice_pipeline.errors import PipelineError
from voice_pipeline.text import prepare
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake

KEY = "a-key-of-twenty-chars"
HERE = "http://127.0.0.1"
BODY: dict[str, Any] = {"model": "tts-1", "voice": "ada", "input": "Hello there.", "response_format": "wav"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("ada", "bob", "cyd"):
        folder = VoiceFolder(tmp_path, name).create()
        folder.update_info(engine="starter", model="models/run-1/best")
        declare_licence(folder, "CC0 1.0", "tones")
    VoiceFolder(tmp_path, "untrained").create()
    return tmp_path


def local_client(app: Any, **options: Any) -> TestClient:
    return TestClient(app, base_url=HERE, **options)


def make_settings(home: Path, **values: Any) -> ApiSettings:
    return ApiSettings(home=home, **{"key": "", "watermark": False, "warm_up": False, "run_jobs": False, **values})


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    app = create_app(make_settings(home), load=lambda folder: fake.ToneVoice())
    with local_client(app, raise_server_exceptions=False) as client:
        yield client


def waveform_of(data: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(data)) as file:
        assert file.getframerate() == 24_000 and file.getnchannels() == 1
        return np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0


def assert_says(data: bytes, text: str) -> None:
    (chunk,) = prepare(text)
    assert fake.frequency(waveform_of(data)) == pytest.approx(fake.tone_of(chunk.text), abs=8)


def assert_error(answer: httpx.Response, status: int, code: str | None = None, param: str | None = None) -> dict:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error"}
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"] and error["type"] and error["code"]
    if code:
        assert error["code"] == code
    assert error["param"] == param
    return error


def test_speech_says_the_text(client: TestClient) -> None:
    answer = client.post("/v1/audio/speech", json=BODY)
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert_says(answer.content, "Hello there.")


def test_wav_states_its_true_size(client: TestClient) -> None:
    data = client.post("/v1/audio/speech", json=BODY).content
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    assert len(waveform_of(data)) == int(fake.SECONDS * 24_000)


@pytest.mark.parametrize("audio_format", CONTENT_TYPES)
def test_every_format(client: TestClient, tmp_path: Path, audio_format: str) -> None:
    answer = client.post("/v1/audio/speech", json={**BODY, "response_format": audio_format})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == CONTENT_TYPES[audio_format]
    if audio_format == "pcm":
        assert len(answer.content) == int(fake.SECONDS * 24_000) * 2
    else:
        (tmp_path / "answer").write_bytes(answer.content)
        assert decode(tmp_path / "answer").duration == pytest.approx(fake.SECONDS, abs=0.15)


def test_mp3_is_the_default(client: TestClient) -> None:
    body = {name: value for name, value in BODY.items() if name != "response_format"}
    assert client.post("/v1/audio/speech", json=body).headers["content-type"] == "audio/mpeg"


def test_voice_as_an_object(client: TestClient) -> None:
    assert_says(client.post("/v1/audio/speech", json={**BODY, "voice": {"id": "bob"}}).content, "Hello there.")


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15", "starter"])
def test_known_models(client: TestClient, model: str) -> None:
    assert client.post("/v1/audio/speech", json={**BODY, "model": model}).status_code == 200


def test_speed(client: TestClient) -> None:
    slow, fast = (
        waveform_of(client.post("/v1/audio/speech", json={**BODY, "speed": speed}).content) for speed in (0.25, 4.0)
    )
    assert len(slow) == pytest.approx(16 * len(fast), rel=0.01)


def test_server_sent_events(client: TestClient) -> None:
    answer = client.post("/v1/audio/speech", json={**BODY, "input": "One. " * 30, "stream_format": "sse"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(part.removeprefix("data: ")) for part in answer.text.strip().split("\n\n")]
    *deltas, done = events
    assert len(deltas) > 1 and {event["type"] for event in deltas} == {"speech.audio.delta"}
    data = b"".join(base64.b64decode(event["audio"]) for event in deltas)
    assert len(waveform_of(data)) / 24_000 > 30 * fake.SECONDS
    usage = done["usage"]
    assert done["type"] == "speech.audio.done"
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > usage["input_tokens"] == 30


def test_the_longest_input_is_taken(client: TestClient) -> None:
    text = ("word " * 1000)[:4095] + "s"
    assert client.post("/v1/audio/speech", json={**BODY, "input": text}).status_code == 200


WRONG = [
    ({"model": None}, 422, "model"),
    ({"model": ""}, 422, "model"),
    ({"model": "gpt-9"}, 404, "model"),
    ({"input": None}, 422, "input"),
    ({"input": ""}, 422, "input"),
    ({"input": "a" * 4097}, 422, "input"),
    ({"input": 5}, 422, "input"),
    ({"input": "..."}, 400, "input"),
    ({"input": "   "}, 400, "input"),
    ({"voice": None}, 422, "voice"),
    ({"voice": ""}, 422, "voice"),
    ({"voice": 5}, 422, "voice"),
    ({"voice": {}}, 422, "voice"),
    ({"voice": {"id": 5}}, 422, "voice"),
    ({"voice": {"id": "ada", "x": 1}}, 422, "voice"),
    ({"voice": "nobody"}, 404, "voice"),
    ({"voice": "untrained"}, 409, "voice"),
    ({"voice": "../ada"}, 400, "voice"),
    ({"voice": "/etc"}, 400, "voice"),
    ({"voice": "ada/../bob"}, 400, "voice"),
    ({"voice": "Ada"}, 400, "voice"),
    ({"voice": {"id": ".."}}, 400, "voice"),
    ({"response_format": "ogg"}, 422, "response_format"),
    ({"speed": 0.24}, 422, "speed"),
    ({"speed": 4.01}, 422, "speed"),
    ({"speed": "fast"}, 422, "speed"),
    ({"stream_format": "chunks"}, 422, "stream_format"),
    ({"instructions": "a" * 4097}, 422, "instructions"),
    ({"unknown": 1}, 422, "unknown"),
]


@pytest.mark.parametrize(("change", "status", "param"), WRONG, ids=[str(case[0])[:40] for case in WRONG])
def test_wrong_requests(client: TestClient, change: dict, status: int, param: str) -> None:
    body = {name: value for name, value in {**BODY, **change}.items() if value is not None}
    assert_error(client.post("/v1/audio/speech", json=body), status, param=param)


@pytest.mark.parametrize("field", ["model", "input", "voice"])
def test_required_fields(client: TestClient, field: str) -> None:
    body = {name: value for name, value in BODY.items() if name != field}
    assert_error(client.post("/v1/audio/speech", json=body), 422, "missing", field)


@pytest.mark.parametrize("content", [b"{", b"", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"speed": NaN}'])
def test_bodies_that_are_no_request(client: TestClient, content: bytes) -> None:
    answer = client.post("/v1/audio/speech", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_lone_surrogate_is_no_crash(client: TestClient) -> None:
    content = json.dumps({**BODY, "input": "a\ud800b"}).encode()
    answer = client.post("/v1/audio/speech", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400, 422)


def test_other_errors_wear_the_envelope(client: TestClient) -> None:
    assert_error(client.get("/nothing"), 404, "not_found")
    assert_error(client.get("/v1/models/gpt-9"), 404, "model_not_found", "model")
    refused = client.get("/v1/audio/speech")
    assert_error(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "POST"
    form = client.post("/v1/audio/speech", data={"model": "tts-1"})
    assert_error(form, 415, "unsupported_media_type")


def test_a_body_that_is_too_large(client: TestClient) -> None:
    huge = b"x" * (2**20 + 1)
    headers = {"Content-Type": "application/json"}
    assert_error(client.post("/v1/audio/speech", content=huge, headers=headers), 413, "request_too_large")
    without_length = client.post("/v1/audio/speech", content=iter([huge]), headers=headers)
    assert_error(without_length, 413, "request_too_large")


def test_lists(client: TestClient) -> None:
    models = client.get("/v1/models").json()
    assert models["object"] == "list" and {"tts-1", "starter"} <= {model["id"] for model in models["data"]}
    assert {"id", "object", "created", "owned_by"} <= set(models["data"][0])
    assert client.get("/v1/models/tts-1").json()["id"] == "tts-1"
    voices = client.get("/v1/audio/voices").json()
    assert voices["data"] == voices["voices"] and voices["object"] == "list"
    assert {voice["id"]: voice["ready"] for voice in voices["data"]} == {
        "ada": True,
        "bob": True,
        "cyd": True,
        "untrained": False,
    }


def test_a_damaged_voice_is_left_out(client: TestClient, home: Path) -> None:
    (home / "bob" / "voice.json").write_text("{")
    assert "bob" not in {voice["id"] for voice in client.get("/v1/audio/voices").json()["data"]}
    assert client.get("/ready").json()["voices"] == 2


def test_health_and_readiness(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/health").json()["status"] == "ok"
    assert client.get("/ready").json() | {"version": "", "warm": None} == {
        "status": "ready",
        "version": "",
        "warm": None,
        "voices": 3,
    }
    with local_client(create_app(make_settings(tmp_path / "empty"))) as empty:
        assert empty.get("/health").status_code == 200
        assert_error(empty.get("/ready"), 503, "no_voice")


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong", KEY, f"Basic {KEY}", f"Bearer {KEY}x"])
def test_a_wrong_key(home: Path, header: str | None) -> None:
    with local_client(create_app(make_settings(home, key=KEY), load=lambda folder: fake.ToneVoice())) as client:
        headers = {} if header is None else {"Authorization": header}
        for answer in (
            client.post("/v1/audio/speech", json=BODY, headers=headers),
            client.get("/v1/models", headers=headers),
            client.get("/nothing", headers=headers),
            client.get("/openapi.json", headers=headers),
        ):
            assert_error(answer, 401, "invalid_api_key")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/health").status_code == client.get("/ready").status_code == 200


def test_the_right_key(home: Path) -> None:
    with local_client(create_app(make_settings(home, key=KEY), load=lambda folder: fake.ToneVoice())) as client:
        answer = client.post("/v1/audio/speech", json=BODY, headers={"Authorization": f"Bearer {KEY}"})
        assert_says(answer.content, "Hello there.")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.1.example.org"])
def test_no_start_off_loopback_without_a_key(home: Path, host: str) -> None:
    with pytest.raises(PipelineError, match="no API key") as caught:
        create_app(make_settings(home, host=host))
    assert "VOICE_API_KEY" in caught.value.hint
    create_app(make_settings(home, host=host, key=KEY))


def test_loopback_addresses() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.9.1", "::1", "localhost"))


@pytest.mark.parametrize("key", ["short", " " * 20, "a-key-of-twenty-ch\u00e4rs"])
def test_easy_keys_are_refused(home: Path, key: str) -> None:
    with pytest.raises(PipelineError, match="API key must have"):
        create_app(make_settings(home, key=key))


def test_few_compiled_kernels_are_kept_unless_the_user_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"  # 1,024 by default, and a long text fills them
    monkeypatch.setenv(name, "7")
    create_app(make_settings(home))
    assert os.environ[name] == "7"
    monkeypatch.delenv(name)
    create_app(make_settings(home))
    assert 16 <= int(os.environ[name]) <= 128


def test_settings_come_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_API_KEY", KEY)
    monkeypatch.setenv("VOICE_API_QUEUE_SIZE", "3")
    settings = ApiSettings(home=home)
    assert settings.key.get_secret_value() == KEY and settings.queue_size == 3
    assert KEY not in repr(settings)


def test_a_voice_that_cannot_be_loaded_is_tried_again(home: Path) -> None:
    tries = []

    def load(folder: VoiceFolder) -> Any:
        tries.append(folder.name)
        if len(tries) == 1:
            raise RuntimeError("no such tensor")
        return fake.ToneVoice()

    with local_client(create_app(make_settings(home), load=load)) as client:
        assert_error(client.post("/v1/audio/speech", json=BODY), 503, "voice_unavailable", "voice")
        assert client.post("/v1/audio/speech", json=BODY).status_code == 200


def test_a_failing_voice_tells_and_logs_nothing_of_the_text(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        sample_rate = 24_000

        def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
            raise ValueError(f"cannot say {text}")

    secret = "My secret is zebra."
    app = create_app(make_settings(home, key=KEY), load=lambda folder: Failing())
    with caplog.at_level(logging.DEBUG), local_client(app) as client:
        answer = client.post(
            "/v1/audio/speech", json={**BODY, "input": secret}, headers={"Authorization": f"Bearer {KEY}"}
        )
    assert_error(answer, 500, "synthesis_failed")
    assert "ValueError" in caplog.text
    ours = " ".join(record.getMessage() for record in caplog.records)
    assert "zebra" not in ours + answer.text and KEY not in ours + answer.text


def test_what_nobody_caught_is_a_500(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(make_settings(home))

    @app.get("/broken")
    def broken() -> None:
        raise KeyError("a secret")

    with local_client(app) as client:
        answer = client.get("/broken")
    assert_error(answer, 500, "internal_error")
    assert "secret" not in answer.text + caplog.text and "KeyError" in caplog.text


def test_voices_used_longest_ago_leave_memory(home: Path) -> None:
    loaded: list[str] = []

    def load(folder: VoiceFolder) -> Any:
        loaded.append(folder.name)
        return fake.ToneVoice()

    app = create_app(make_settings(home, loaded_voices=2), load=load)
    with local_client(app) as client:
        for voice in ("ada", "bob", "ada", "cyd", "ada", "bob"):
            assert client.post("/v1/audio/speech", json={**BODY, "voice": voice}).status_code == 200
        assert app.state.service.store.loaded == 2
    assert loaded == ["ada", "bob", "cyd", "bob"]


def test_a_voice_trained_anew_is_loaded_anew(home: Path) -> None:
    loaded: list[str] = []

    def load(folder: VoiceFolder) -> Any:
        loaded.append(folder.read_info()["model"])
        return fake.ToneVoice()

    with local_client(create_app(make_settings(home), load=load)) as client:
        client.post("/v1/audio/speech", json=BODY)
        VoiceFolder(home, "ada").update_info(model="models/run-2/best")
        client.post("/v1/audio/speech", json=BODY)
        client.post("/v1/audio/speech", json=BODY)
    assert loaded == ["models/run-1/best", "models/run-2/best"]


def asgi_client(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=HERE, timeout=60)


@pytest.mark.parametrize("voices", [("ada",), ("ada", "bob")])
def test_parallel_texts_are_never_mixed(home: Path, voices: tuple[str, ...]) -> None:
    texts = [f"This is text {word}." for word in "one two three four five six seven eight".split()]
    assert len({fake.tone_of(text) for text in texts}) == 8
    loaded: list[str] = []

    def load(folder: VoiceFolder) -> Any:
        loaded.append(folder.name)
        return fake.ToneVoice(delay=0.01)

    app = create_app(make_settings(home, workers=4, queue_size=8), load=load)

    async def ask() -> list[httpx.Response]:
        async with asgi_client(app) as client:
            bodies = [{**BODY, "input": text, "voice": voices[i % len(voices)]} for i, text in enumerate(texts)]
            return await asyncio.gather(*(client.post("/v1/audio/speech", json=body) for body in bodies))

    for answer, text in zip(asyncio.run(ask()), texts, strict=True):
        assert answer.status_code == 200
        assert_says(answer.content, text)
    assert set(loaded) == set(voices) and len(loaded) <= 2 * len(voices), "at most two copies of each"


async def until(condition: Any) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "this should have happened by now"
        await asyncio.sleep(0.005)


def test_a_full_queue_answers_429_and_goes_on(home: Path) -> None:
    gate = threading.Event()
    app = create_app(make_settings(home, workers=1, queue_size=1), load=lambda folder: fake.ToneVoice(gate=gate))
    queue = app.state.service.queue

    async def ask() -> tuple[httpx.Response, list[httpx.Response]]:
        async with asgi_client(app) as client:
            taken = [asyncio.create_task(client.post("/v1/audio/speech", json=BODY)) for _ in range(2)]
            await until(lambda: queue.pending == 2)
            refused = await client.post("/v1/audio/speech", json=BODY)
            assert (await client.get("/health")).status_code == 200
            gate.set()
            answers = [await task for task in taken]
            await until(lambda: queue.pending == 0)
            return refused, [*answers, await client.post("/v1/audio/speech", json=BODY)]

    refused, answers = asyncio.run(ask())
    assert_error(refused, 429, "queue_full")
    assert 1 <= int(refused.headers["retry-after"]) <= 120
    assert [answer.status_code for answer in answers] == [200, 200, 200]


async def call_and_leave(app: Any, leave: asyncio.Event) -> list[dict]:
    """One POST whose client leaves when `leave` is set; what the service sent."""
    body = json.dumps({**BODY, "input": "One. " * 50}).encode()
    messages = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict] = []

    async def receive() -> dict:
        if messages:
            return messages.pop()
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    headers.append((b"content-length", str(len(body)).encode()))
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/audio/speech",
        "raw_path": b"/v1/audio/speech",
        "query_string": b"",
        "headers": headers,
        "scheme": "http",
        "server": ("test", 80),
        "client": ("test", 1),
        "root_path": "",
    }
    await app(scope, receive, send)
    return sent


def test_a_client_that_leaves_frees_its_place(home: Path) -> None:
    gate = threading.Event()
    voice = fake.ToneVoice(gate=gate)
    app = create_app(make_settings(home, workers=1, queue_size=1), load=lambda folder: voice)
    queue = app.state.service.queue

    async def scenario() -> None:
        leave_running, leave_waiting = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(call_and_leave(app, leave_running))
        await until(voice.started.is_set)
        waiting = asyncio.create_task(call_and_leave(app, leave_waiting))
        await until(lambda: queue.pending == 2)
        leave_waiting.set()
        await waiting
        await until(lambda: queue.pending == 1)
        leave_running.set()
        await running
        assert queue.pending == 1, "the worker is still in its chunk"
        gate.set()
        await until(lambda: queue.pending == 0)

    asyncio.run(scenario())
    assert len(voice.calls) < 5, "the rest of the text was not spoken"


def test_a_stopping_service_finishes_and_refuses() -> None:
    gate = threading.Event()

    async def never() -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        queue = WorkQueue(1, 1)
        running = asyncio.create_task(queue.run(lambda stop: gate.wait(20), never))
        await until(lambda: queue.pending == 1)
        closing = asyncio.create_task(queue.close())
        await until(lambda: queue.closed)
        with pytest.raises(Exception, match="stopping") as caught:
            await queue.run(lambda stop: None, never)
        assert caught.value.status == 503  # type: ignore[attr-defined]
        gate.set()
        assert await running is True
        await closing

    asyncio.run(scenario())


def test_the_openapi_document_is_complete(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    speech = document["paths"]["/v1/audio/speech"]["post"]
    assert {"200", "400", "401", "403", "404", "409", "413", "415", "422", "429", "500", "503"} <= set(
        speech["responses"]
    )
    assert "HTTPValidationError" not in json.dumps(document)
    properties = document["components"]["schemas"]["SpeechRequest"]["properties"]
    assert set(properties) == {
        "model",
        "input",
        "voice",
        "instructions",
        "response_format",
        "speed",
        "stream_format",
        "verify",  # this and the next are our own
        "stream",
        "c2pa",
    }
