"""Ray Serve with two replicas on this machine, in a process of its own; the test voice speaks."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .serve_fake import load_module
from .test_api_server import CAPSTONE, assert_says, environment, make_home, post

SECONDS = 300
TEXTS = [f"This is text {word}." for word in "one two three four five six seven eight".split()]

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is missing: python3 00_env_setup/bootstrap.py extra ray"
)
posix = pytest.mark.skipif(os.name == "nt", reason="needs SIGTERM to stop it")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    command = [sys.executable, str(CAPSTONE / "tests" / "serve_ray_fake.py"), "--home", str(home), "--port", port]
    log = home / "server.log"
    # Another cluster on this machine, here one that nobody answers for, is not joined.
    others = environment(FAKE_VOICE_DELAY="0.3", RAY_ADDRESS="127.0.0.1:9")
    with open(log, "w", encoding="utf-8") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=others)
    try:
        said = ""
        for line in process.stdout or ():
            said += line
            if line.startswith("Ctrl-C"):
                break
        if "timed out during startup" in log.read_text(encoding="utf-8"):
            pytest.skip("Ray gives its own processes 15 s to start, and this machine is too busy for that")
        assert "with 2 replicas" in said, log.read_text(encoding="utf-8")[-3000:]
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout:
            process.stdout.close()


@needs_ray
@pytest.mark.slow
@posix
def test_both_replicas_speak_and_nothing_is_mixed(served: tuple[str, subprocess.Popen[str]], home: Path) -> None:
    url, _ = served
    with urllib.request.urlopen(f"{url}/ready", timeout=SECONDS) as answer:
        assert json.load(answer)["voices"] == 2
    deadline = time.monotonic() + SECONDS
    while len(list(home.glob("spoken-by-*"))) < 2 and time.monotonic() < deadline:
        with ThreadPoolExecutor(len(TEXTS)) as pool:
            wanted = [{"model": "tts-1", "voice": "ada", "input": text, "response_format": "wav"} for text in TEXTS]
            for data, text in zip(pool.map(lambda body: post(url, body), wanted), TEXTS, strict=True):
                assert_says(data, text)
    assert len(list(home.glob("spoken-by-*"))) == 2


@needs_ray
@posix
def test_it_streams_and_stops(served: tuple[str, subprocess.Popen[str]]) -> None:
    url, process = served
    body = {"model": "tts-1", "voice": "ada", "input": "One. Two.", "response_format": "pcm", "stream_format": "sse"}
    kinds = [json.loads(line[6:])["type"] for line in post(url, body).decode().splitlines() if line]
    assert kinds[-1] == "speech.audio.done" and set(kinds[:-1]) == {"speech.audio.delta"}
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    script = load_module(CAPSTONE / "deploy" / "ray_serve.py")
    with pytest.raises(script.PipelineError) as caught:
        script.main([*arguments])
    return str(caught.value)


def test_it_refuses_what_cannot_be(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = ("--home", str(tmp_path))
    assert "--replicas 0" in refusal(capsys, *home, "--replicas", "0")
    assert "needs a port" in refusal(capsys, *home, "--port", "0")
    expected = "Ray is not installed" if importlib.util.find_spec("ray") is None else "no API key"
    assert expected in refusal(capsys, *home, "--host", "0.0.0.0")
