"""The Dockerfile's steps in a bare folder, and its command with nothing but the image's files and environment."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from voice_pipeline.errors import PipelineError

from .serve_fake import load_module

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
KEY = "a-key-of-twenty-chars"
SECONDS = 300

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell"),
    pytest.mark.skipif(
        not (importlib.util.find_spec("docker") and importlib.util.find_spec("dockerfile_parse")),
        reason="docker and dockerfile-parse are missing: python3 00_env_setup/bootstrap.py extra deploy",
    ),
]


@pytest.fixture(scope="module")
def rehearse() -> Any:
    return load_module(DEPLOY / "rehearse.py")


@pytest.fixture(scope="module")
def rehearsal(rehearse: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    into = tmp_path_factory.mktemp("image")
    made = rehearse.Rehearsal(
        into, rehearse.read("Dockerfile"), rehearse.read("Dockerfile.dockerignore"), installed=Path(sys.prefix)
    )
    made.run()
    return made


@pytest.fixture(scope="module")
def image(rehearsal: Any) -> Any:
    return rehearsal.stages[-1]


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


@pytest.fixture(scope="module")
def service(rehearse: Any, image: Any) -> Iterator[tuple[str, Any]]:
    own = {"VOICE_API_HOST": "127.0.0.1", "VOICE_API_PORT": free_port(), "VOICE_API_KEY": KEY}
    with rehearse.started(image, **own) as process:
        healthy = rehearse.healthy(image, process, SECONDS, **own)
        if not healthy:
            process.kill()
        assert healthy, process.stdout.read()
        yield f"http://127.0.0.1:{own['VOICE_API_PORT']}", process


def ask(url: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=SECONDS) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_what_was_left_out_is_named(rehearsal: Any) -> None:
    reasons = [line.rpartition(": ")[2] for line in rehearsal.left_out]
    assert len(reasons) == 3 and reasons[-1] == "needs root"
    build = rehearsal.stages[0]
    packages = (build.workdir / "image.txt").read_text(encoding="utf-8")
    assert "fastapi==" in packages and "nvidia-" not in packages, "the default leaves CUDA out"


def test_the_image_holds_the_program_and_no_recordings(image: Any) -> None:
    app = image.here("/app")
    inside = {path.relative_to(app).parts[:2] for path in app.rglob("*") if path.is_file()}
    top = "capstone_voice_replication_pipeline"
    parts = ("voice_pipeline", "starter_voice", "07_serve_api.py", "deploy")
    assert inside == {("00_env_setup", "coursekit"), *((top, part) for part in parts)}
    assert [path.name for path in (app / top / "deploy").iterdir()] == ["healthcheck.py"]
    assert image.user == "10001:10001" and image.volumes == ["/voices"]


def test_its_modules_are_its_own(image: Any) -> None:
    """The packages come from an environment that has this repository's own, too; those must not hide a missing COPY."""
    code = "import coursekit, voice_pipeline; print(coursekit.__file__); print(voice_pipeline.__file__)"
    done = subprocess.run(["python", "-c", code], cwd=image.workdir, env=image.env, capture_output=True, text=True)
    assert done.stdout.count(str(image.root)) == 2, done.stdout + done.stderr


def test_it_serves_a_home_without_voices(service: tuple[str, Any]) -> None:
    url, _ = service
    assert ask(f"{url}/ready") == (503, ask(f"{url}/ready")[1])
    assert ask(f"{url}/ready")[1]["error"]["code"] == "no_voice"
    status, made = ask(f"{url}/api/voices", {"name": "me", "language": "en"})
    assert status in (200, 201), made
    status, prompts = ask(f"{url}/api/voices/me/prompts")
    assert status == 200 and len(prompts["data"]) == 20, "its texts are in the image"


def test_a_stop_ends_it_in_order(service: tuple[str, Any], image: Any) -> None:
    _, process = service
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0
    check = subprocess.run(image.health, cwd=image.workdir, env={**image.env, "VOICE_API_PORT": free_port()})
    assert check.returncode == 1, "the health check has to notice"
    assert (image.here("/voices") / "me" / "voice.json").is_file(), "what was made is on the volume"


def test_it_does_not_start_without_a_key(image: Any) -> None:
    done = subprocess.run(image.command, cwd=image.workdir, env=image.env, capture_output=True, text=True)
    assert done.returncode == 2 and "no API key is set" in done.stderr


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        ("FROM a AS b\nCOPY no-such-file ./\n", "lets nothing of it through"),
        ("FROM a AS b\nRUN exit 3\n", "exit code 3"),
        ("FROM a AS b\nONBUILD RUN true\n", "no step ONBUILD"),
    ],
)
def test_a_wrong_dockerfile_is_refused(rehearse: Any, tmp_path: Path, dockerfile: str, message: str) -> None:
    (tmp_path / "context").mkdir()
    with pytest.raises(PipelineError, match=message):
        rehearse.Rehearsal(tmp_path / "into", dockerfile, "*\n", context=tmp_path / "context").run()


def test_what_is_not_named_is_not_seen(rehearse: Any, tmp_path: Path) -> None:
    kept, secret = tmp_path / "00_env_setup" / "coursekit" / "cli.py", tmp_path / "voices" / "me" / "raw" / "1.wav"
    for file in (kept, secret, kept.with_name(".env"), kept.parent / "__pycache__" / "cli.pyc", tmp_path / ".env"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    seen = rehearse.visible_files(tmp_path, rehearse.read("Dockerfile.dockerignore"))
    assert [name for name in seen if not name.startswith(("Dockerfile", ".docker"))] == [
        "00_env_setup/coursekit/cli.py"
    ]
