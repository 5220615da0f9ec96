"""The service as a process of its own on a free loopback port, called by OpenAI's client and by plain HTTP."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import openai
import psutil
import pytest

from voice_pipeline.audio import encode
from voice_pipeline.client import VoiceClient
from voice_pipeline.consent import declare_licence
from voice_pipeline.text import prepare
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake
from .synthetic_speech import speech

CAPSTONE = Path(__file__).resolve().parents[1]
KEY = "a-key-of-twenty-chars"
START_SECONDS = 240
signals_work = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals; Windows cannot send SIGINT to a child")


class Server:
    """A running server process."""

    def __init__(self, process: subprocess.Popen[str], url: str, said: str) -> None:
        self.process, self.url, self.said = process, url, said

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VOICE_")}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONUNBUFFERED": "1",
        "VOICE_API_WATERMARK": "false",
        "VOICE_API_WARM_UP": "false",
        "VOICE_API_REQUESTS_PER_MINUTE": "0",
        **more,
    }


@contextmanager
def running(home: Path, script: Path, **variables: str) -> Iterator[Server]:
    command = [sys.executable, str(script), "--home", str(home), "--port", "0"]
    log = home / "server.log"
    with open(log, "w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment(**variables)
        )
    try:
        said = ""
        for line in process.stdout or ():
            said += line
            if line.startswith("Ctrl-C"):
                break
        found = re.search(r"^Serving on (http://127\.0\.0\.1:\d+)$", said, re.MULTILINE)
        assert found, f"it did not start: {said}{log.read_text(encoding='utf-8')}"
        yield Server(process, found[1], said)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def make_home(path: Path) -> Path:
    for name in ("ada", "bob"):
        folder = VoiceFolder(path, name).create()
        folder.update_info(engine="starter", model="models/run-1/best")
        declare_licence(folder, "CC0 1.0", "tones")
    VoiceFolder(path, "untrained").create()
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = make_home(tmp_path_factory.mktemp("home"))
    with running(home, CAPSTONE / "tests" / "serve_fake.py", VOICE_API_KEY=KEY, VOICE_API_QUEUE_SIZE="16") as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key=KEY, max_retries=0, timeout=START_SECONDS) as client:
        yield client


def assert_says(data: bytes, text: str) -> None:
    (chunk,) = prepare(text)
    with wave.open(io.BytesIO(data)) as file:
        waveform = np.frombuffer(file.readframes(file.getnframes()), "<i2") / 32768.0
    assert len(waveform) == int(fake.SECONDS * 24_000)
    assert fake.frequency(waveform) == pytest.approx(fake.tone_of(chunk.text), abs=8)


def post(url: str, body: dict[str, Any], key: str = KEY) -> bytes:
    request = urllib.request.Request(
        f"{url}/v1/audio/speech",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        data: bytes = answer.read()
    return data


BODY = {"model": "tts-1", "voice": "ada", "input": "Hello there.", "response_format": "wav"}


def test_it_says_where_it_is_and_what_to_try(server: Server) -> None:
    assert f"curl {server.url}/v1/audio/speech" in server.said and "ada, bob" in server.said
    assert KEY not in server.said


def test_plain_http(server: Server) -> None:
    assert_says(post(server.url, BODY), "Hello there.")
    with urllib.request.urlopen(f"{server.url}/health", timeout=60) as answer:
        assert json.load(answer)["status"] == "ok"


@pytest.mark.parametrize("voice", ["ada", {"id": "bob"}])
def test_openai_client(client: openai.OpenAI, voice: Any) -> None:
    answer = client.audio.speech.create(model="tts-1", voice=voice, input="Hello there.", response_format="wav")
    assert answer.response.headers["content-type"] == "audio/wav"
    assert_says(answer.content, "Hello there.")


def test_openai_client_default_is_mp3(client: openai.OpenAI, tmp_path: Path) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="ada", input="Hello there.", instructions="Cheerful."
    ) as answer:
        assert answer.headers["content-type"] == "audio/mpeg"
        answer.stream_to_file(tmp_path / "hello.mp3")
    assert (tmp_path / "hello.mp3").stat().st_size > 500


def test_openai_client_server_sent_events(client: openai.OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="ada", input="Hello there.", response_format="wav", stream_format="sse"
    ) as answer:
        events = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line]
    assert [event["type"] for event in events] == ["speech.audio.delta", "speech.audio.done"]
    assert_says(base64.b64decode(events[0]["audio"]), "Hello there.")


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "aac", "pcm"])
@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_openai_client_hears_the_first_sentence_before_the_second_is_spoken(
    gated: tuple[openai.OpenAI, Path], audio_format: str, stream_format: str
) -> None:
    client, gate = gated
    gate.unlink(missing_ok=True)
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts",
        voice=f"{audio_format}-{stream_format}",
        input="The first sentence. The second sentence.",
        response_format=audio_format,  # type: ignore[arg-type]
        stream_format=stream_format,  # type: ignore[arg-type]
    ) as answer:
        parts = answer.iter_bytes()
        first = next(parts)
        assert len(first) > 200 and "content-length" not in answer.headers
        gate.touch()
        rest = b"".join(parts)
    assert len(rest) > 200
    if stream_format == "sse":
        *deltas, done = [json.loads(line[6:]) for line in (first + rest).decode().split("\n") if line]
        assert {event["type"] for event in deltas} == {"speech.audio.delta"} and len(deltas) >= 2
        assert done["usage"]["input_tokens"] == 6


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[openai.OpenAI, Path]]:
    """A service whose voices say their first sentence at once, and the others when a file is there. One voice a test,
    since only a fresh one has said nothing yet."""
    home = tmp_path_factory.mktemp("gated")
    for audio_format in ("mp3", "opus", "aac", "pcm"):
        for stream_format in ("audio", "sse"):
            folder = VoiceFolder(home, f"{audio_format}-{stream_format}").create()
            folder.update_info(engine="starter", model="models/run-1/best")
            declare_licence(folder, "CC0 1.0", "tones")
    gate = home / "gate"
    with running(home, CAPSTONE / "tests" / "serve_fake.py", FAKE_VOICE_GATE=str(gate)) as server:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=START_SECONDS) as client:
            yield client, gate


def sound_file(seconds: float) -> tuple[str, bytes, str]:
    return ("statement.wav", encode(speech(seconds), 24_000, "wav"), "audio/wav")


def test_openai_client_makes_a_voice_with_consent(tmp_path: Path) -> None:
    with running(tmp_path, CAPSTONE / "tests" / "serve_fake.py", FAKE_VOICE_EARS="1") as server:
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=START_SECONDS) as client:
            consents = client.audio.voice_consents
            with pytest.raises(openai.ConflictError, match="My code words are") as unasked:
                consents.create(name="Ann B.", language="en-US", recording=sound_file(8.0))
            assert unasked.value.code == "statement_not_asked_for"
            given = consents.create(name="Ann B.", language="en-US", recording=sound_file(8.0))
            assert given.id.startswith("cons_") and (given.name, given.language) == ("Ann B.", "en-US")
            assert consents.retrieve(given.id) == given and [found.id for found in consents.list()] == [given.id]
            assert consents.update(given.id, name="Ann, second").name == "Ann, second"

            def voice(name: str = "Ann B.", consent: str = given.id, seconds: float = 6.0) -> Any:
                return client.audio.voices.create(name=name, consent=consent, audio_sample=sound_file(seconds))

            for wrong, kind, code in (
                ({"consent": "cons_x"}, openai.NotFoundError, "consent_not_found"),
                ({"name": "Bob"}, openai.PermissionDeniedError, "consent_of_another_voice"),
                ({"seconds": 1.5}, openai.BadRequestError, "too_short"),
            ):
                with pytest.raises(kind) as refused:
                    voice(**wrong)
                assert refused.value.code == code
            made = voice()
            assert (made.id, made.object) == ("ann-b", "audio.voice") and made.created_at > 1_700_000_000
            with pytest.raises(openai.ConflictError):
                voice()
            said = client.audio.speech.create(
                model="tts-1", voice={"id": made.id}, input="Hello there.", response_format="wav"
            )
            assert_says(said.content, "Hello there.")
            deleted = consents.delete(given.id)
            assert deleted.deleted and deleted.id == given.id and list(consents.list()) == []
            with pytest.raises(openai.PermissionDeniedError) as silent:
                client.audio.speech.create(model="tts-1", voice=made.id, input="Hello there.")
            assert silent.value.code == "consent_revoked"


@signals_work
def test_an_idle_connection_is_kept_and_does_not_keep_the_service_from_stopping(tmp_path: Path) -> None:
    with running(make_home(tmp_path), CAPSTONE / "tests" / "serve_fake.py") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for seconds in (7, 0):  # httpx, and so OpenAI's client, may use a connection again that was idle for five
            connection.request("GET", "/health")
            assert connection.getresponse().read() and connection.sock is not None
            time.sleep(seconds)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        connection.close()


@signals_work
def test_someone_who_watches_a_job_does_not_keep_the_service_from_stopping(tmp_path: Path) -> None:
    make_home(tmp_path)
    settings = {"VOICE_API_SHUTDOWN_SECONDS": str(START_SECONDS)}
    with running(tmp_path, CAPSTONE / "tests" / "serve_fake.py", **settings) as server:
        with VoiceClient(server.url) as client:
            states = client.follow(client.start_job("ada", "train", seed=1)["id"])
            next(states)
            asked = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            list(states)
        assert server.process.wait(START_SECONDS) == 0
    assert time.monotonic() - asked < START_SECONDS, "it waited for the job instead of ending the answer"


@signals_work
def test_a_job_outlives_a_service_that_is_killed(tmp_path: Path) -> None:
    script = CAPSTONE / "tests" / "serve_fake.py"
    make_home(tmp_path)
    with running(tmp_path, script) as server:
        with VoiceClient(server.url) as client:
            job = client.start_job("ada", "train", seed=1)
            assert next(state for state in client.follow(job["id"]) if state["share"] > 0)["status"] == "running"
            assert wait_for((tmp_path / "pid").exists)
        worker = psutil.Process(int((tmp_path / "pid").read_text()))
        server.process.kill()
        server.process.wait()
    assert wait_for(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE), "it went on alone"
    (tmp_path / "go").touch()
    with running(tmp_path, script) as server, VoiceClient(server.url) as client:
        *_, last = client.follow(job["id"])
        assert last["status"] == "succeeded" and last["result"]["kind"] == "train"
        assert {voice["id"] for voice in client.voices()} == {"ada", "bob", "untrained"}


def test_openai_client_lists_models(client: openai.OpenAI) -> None:
    assert {"tts-1", "starter"} <= {model.id for model in client.models.list()}


ERRORS = [
    ({"voice": "../ada"}, openai.BadRequestError, "invalid_voice", "voice"),
    ({"input": "..."}, openai.BadRequestError, "unspeakable_input", "input"),
    ({"voice": "nobody"}, openai.NotFoundError, "voice_not_found", "voice"),
    ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found", "model"),
    ({"voice": "untrained"}, openai.ConflictError, "voice_not_trained", "voice"),
    ({"speed": 9.0}, openai.UnprocessableEntityError, "less_than_equal", "speed"),
    ({"input": "a" * 4097}, openai.UnprocessableEntityError, "string_too_long", "input"),
]


@pytest.mark.parametrize(("change", "kind", "code", "param"), ERRORS, ids=[case[2] for case in ERRORS])
def test_openai_client_errors(
    client: openai.OpenAI, change: dict[str, Any], kind: type[openai.APIStatusError], code: str, param: str
) -> None:
    with pytest.raises(kind) as caught:
        client.audio.speech.create(**{**BODY, **change})
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.type


def test_openai_client_with_a_wrong_key(server: Server) -> None:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.models.list()
    assert caught.value.code == "invalid_api_key"


def test_parallel_texts_are_never_mixed(server: Server) -> None:
    texts = [f"This is text {word}." for word in "one two three four five six seven eight".split()]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: post(server.url, {**BODY, "input": text}), texts))
    for data, text in zip(answers, texts, strict=True):
        assert_says(data, text)


def test_a_client_that_leaves_frees_its_place(tmp_path: Path) -> None:
    script = CAPSTONE / "tests" / "serve_fake.py"
    limits = {"VOICE_API_WORKERS": "1", "VOICE_API_QUEUE_SIZE": "0", "FAKE_VOICE_DELAY": "0.1"}
    with running(make_home(tmp_path), script, **limits) as server:
        post(server.url, BODY)
        body = json.dumps({**BODY, "input": "One. " * 800}).encode()
        head = (
            f"POST /v1/audio/speech HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            with socket.create_connection(("127.0.0.1", server.port)) as connection:
                connection.sendall(head.encode() + body)
                refused = wait_for(lambda: status(client) == 429)
            assert refused
            assert wait_for(lambda: status(client) == 200), "the place was not freed"
        log = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "One." not in log and "Hello there" not in log and "Traceback" not in log


def status(client: openai.OpenAI) -> int:
    try:
        client.audio.speech.create(model="tts-1", voice="ada", input="Hello there.", response_format="wav")
    except openai.RateLimitError as error:
        assert int(error.response.headers["retry-after"]) >= 1
        return 429
    return 200


def wait_for(condition: Any) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


@contextmanager
def asked(server: Server, home: Path) -> Iterator[http.client.HTTPConnection]:
    """A request that is being spoken."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_SECONDS)
    connection.request("POST", "/v1/audio/speech", json.dumps(BODY), {"Content-Type": "application/json"})
    log = home / "server.log"
    assert wait_for(lambda: "loading the voice" in log.read_text(encoding="utf-8"))
    yield connection
    connection.close()


@signals_work
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_signal_lets_the_running_request_finish(tmp_path: Path, number: signal.Signals) -> None:
    script = CAPSTONE / "tests" / "serve_fake.py"
    settings = {"FAKE_VOICE_DELAY": "1.5", "VOICE_API_SHUTDOWN_SECONDS": str(START_SECONDS)}
    with running(make_home(tmp_path), script, **settings) as server, asked(server, tmp_path) as connection:
        server.process.send_signal(number)
        answer = connection.getresponse()
        assert answer.status == 200
        assert_says(answer.read(), "Hello there.")
        assert server.process.wait(START_SECONDS) == 0


@signals_work
def test_what_takes_too_long_to_finish_is_answered_with_503(tmp_path: Path) -> None:
    script = CAPSTONE / "tests" / "serve_fake.py"
    settings = {"FAKE_VOICE_DELAY": "3", "VOICE_API_SHUTDOWN_SECONDS": "0"}
    with running(make_home(tmp_path), script, **settings) as server, asked(server, tmp_path) as connection:
        server.process.send_signal(signal.SIGTERM)
        answer = connection.getresponse()
        assert answer.status == 503
        assert json.load(answer)["error"]["code"] == "shutting_down"
        assert server.process.wait(START_SECONDS) == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text(encoding="utf-8")


def test_the_script_serves_a_home_without_voices(tmp_path: Path) -> None:
    with running(tmp_path, CAPSTONE / "07_serve_api.py") as server:
        assert "none yet" in server.said
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{server.url}/ready", timeout=60)
        assert caught.value.code == 503
        assert json.load(caught.value)["error"]["code"] == "no_voice"
        server.process.terminate()
        assert server.process.wait(START_SECONDS) == 0 or os.name == "nt"


def refused_start(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(CAPSTONE / "07_serve_api.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        env=environment(),
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "ERROR: " in done.stderr and "HINT: " in done.stderr
    return done.stderr


def test_it_refuses_to_start_where_it_should(tmp_path: Path) -> None:
    home = ("--home", str(tmp_path))
    assert "no API key" in refused_start(*home, "--host", "0.0.0.0", "--port", "0")
    assert "port" in refused_start(*home, "--port", "70000")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "cannot listen" in refused_start(*home, "--port", str(taken.getsockname()[1]))
