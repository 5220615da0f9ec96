"""Jobs: progress, cancelling, failing, and that they outlive the service; the database and its migrations."""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from fastapi.testclient import TestClient

from voice_pipeline import report_plots, training
from voice_pipeline.api import ApiSettings, create_app, job_process
from voice_pipeline.api.database import _MIGRATIONS, REVISION, Database, tables
from voice_pipeline.api.jobs import MAX_ATTEMPTS, JobBook
from voice_pipeline.consent import declare_licence
from voice_pipeline.errors import PipelineError
from voice_pipeline.recording import import_folder
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake
from .synthetic_speech import write_takes
from .test_api import assert_error

FAKE = (sys.executable, str(Path(__file__).with_name("fake_job.py")))
SUCCEEDS, WAITS, REFUSED, FAILS, DIES = range(5)


def make_client(home: Path, **values: Any) -> TestClient:
    settings = ApiSettings(
        home=home, **{"key": "", "watermark": False, "warm_up": False, "requests_per_minute": 0, **values}
    )
    app = create_app(settings, load=lambda folder: fake.ToneVoice(), job_command=FAKE)
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in ("ada", "bob"):
        declare_licence(VoiceFolder(tmp_path, name), "CC0 1.0", "tones")
    return tmp_path


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with make_client(home) as client:
        yield client


def start(client: TestClient, seed: int, kind: str = "train", voice: str = "ada", **options: Any) -> str:
    answer = client.post(f"/api/voices/{voice}/jobs", json={"kind": kind, "seed": seed, **options})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/jobs/{answer.json()['id']}"
    return str(answer.json()["id"])


def until(client: TestClient, job: str, *statuses: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while (found := client.get(f"/api/jobs/{job}").json())["status"] not in statuses:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_a_job_that_succeeds(client: TestClient, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICE_API_KEY", "a-key-of-twenty-chars")
    done = until(client, start(client, SUCCEEDS, steps=7), "succeeded")
    assert done["share"] == 1.0 and done["error"] is None and done["finished_at"] >= done["started_at"]
    assert done["result"]["options"]["steps"] == 7 and done["result"]["kind"] == "train"
    assert done["result"]["key"] is None, "the API key stays with the service"
    assert "what a library prints" in (home / ".service" / f"{done['id']}.log").read_text()
    assert client.get("/api/jobs", params={"voice": "ada", "status": "succeeded"}).json()["data"] == [done]
    assert client.get("/api/jobs", params={"voice": "bob"}).json()["data"] == []


def test_progress_as_it_happens(client: TestClient, home: Path) -> None:
    job = start(client, WAITS)
    until(client, job, "running")
    (home / "go").touch()
    with client.stream("GET", f"/api/jobs/{job}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data:")]
    assert events[-1]["status"] == "succeeded" and {event["id"] for event in events} == {job}
    assert len({json.dumps(event) for event in events}) == len(events), "nothing is told twice"
    assert_error(client.get("/api/jobs/job_x/events"), 404, "job_not_found", "job_id")


@pytest.mark.parametrize(
    ("seed", "code", "says"),
    [(REFUSED, "not_possible", "no clips"), (FAILS, "failed", "KeyError"), (DIES, "died", "9")],
)
def test_jobs_that_fail_say_why(client: TestClient, seed: int, code: str, says: str) -> None:
    failed = until(client, start(client, seed), "failed")
    assert failed["error"]["code"] == code and says in failed["error"]["message"]
    assert "secret" not in json.dumps(failed)
    until(client, start(client, SUCCEEDS), "succeeded")


def test_cancelling(client: TestClient) -> None:
    running, waiting = start(client, WAITS), start(client, WAITS, voice="bob")
    until(client, running, "running")
    assert client.get(f"/api/jobs/{waiting}").json()["status"] == "queued"
    assert client.post(f"/api/jobs/{waiting}/cancel").json()["status"] == "cancelled"
    client.post(f"/api/jobs/{running}/cancel")
    assert until(client, running, "cancelled", "succeeded", "failed")["status"] == "cancelled"
    assert_error(client.post(f"/api/jobs/{running}/cancel"), 409, "job_ended", "job_id")
    assert_error(client.post("/api/jobs/job_x/cancel"), 404, "job_not_found", "job_id")
    until(client, start(client, SUCCEEDS), "succeeded")


def test_the_same_work_is_not_begun_twice_and_the_line_has_an_end(home: Path) -> None:
    with make_client(home, run_jobs=False, max_jobs=2) as client:
        first = start(client, WAITS)
        again = client.post("/api/voices/ada/jobs", json={"kind": "train"})
        assert first in assert_error(again, 409, "job_exists")["message"]
        start(client, WAITS, kind="prepare")
        full = client.post("/api/voices/ada/jobs", json={"kind": "evaluate"})
        assert_error(full, 429, "too_many_jobs")
        assert int(full.headers["retry-after"]) >= 1
        assert client.get("/api/voices/ada").json()["job"]
        assert_error(client.delete("/api/voices/ada", params={"confirm": "ada"}), 409, "voice_busy", "voice_id")


def test_what_is_no_job(client: TestClient, home: Path) -> None:
    VoiceFolder(home, "new").create()
    assert_error(client.post("/api/voices/new/jobs", json={"kind": "train"}), 403, "consent_missing")
    for wrong in ({"kind": "sing"}, {"kind": "train", "engine": "x"}, {"kind": "train", "steps": 0}, {"x": 1}):
        assert client.post("/api/voices/ada/jobs", json=wrong).status_code == 422
    assert_error(client.post("/api/voices/nobody/jobs", json={"kind": "train"}), 404, "voice_not_found", "voice_id")


def test_jobs_outlive_the_service(home: Path) -> None:
    with make_client(home) as client:
        running, waiting = start(client, WAITS), start(client, SUCCEEDS, voice="bob")
        until(client, running, "running")
    with make_client(home, run_jobs=False) as client:
        assert client.get(f"/api/jobs/{running}").json()["status"] == "queued"
    (home / "go").touch()
    with make_client(home) as client:
        assert until(client, running, "succeeded")["result"]["kind"] == "train"
        until(client, waiting, "succeeded")


def test_a_job_that_always_ends_the_service_is_given_up(tmp_path: Path) -> None:
    book = JobBook(Database(tmp_path / "a.sqlite3"), 5)
    job = book.add("train", "ada", {})
    for _ in range(MAX_ATTEMPTS):
        claimed = book.claim()
        assert claimed and claimed.id == job.id and book.claim() is None
        book.take_over()
    assert book.get(job.id).status == "failed" and book.get(job.id).error["code"] == "interrupted"  # type: ignore[index]


def test_two_services_of_one_home_do_each_job_once(home: Path) -> None:
    with make_client(home) as one, make_client(home) as other:
        jobs = [start(client, SUCCEEDS, voice=voice) for client, voice in ((one, "ada"), (other, "bob"))]
        for job in jobs:
            until(other, job, "succeeded")
    log = sorted(path.name for path in (home / ".service").glob("*.log"))
    assert log == sorted(f"{job}.log" for job in jobs)


# ----------------------------------------------------------------------------------------------------------------------
# what the process does


def test_a_real_process_prepares_a_voice(tmp_path: Path) -> None:
    folder = VoiceFolder(tmp_path, "ada")
    declare_licence(folder, "CC0 1.0", "tones")
    write_takes(tmp_path / "given", [1.6, 1.8])
    import_folder(folder, tmp_path / "given", listen=None)
    settings = ApiSettings(home=tmp_path, key="", watermark=False, warm_up=False, requests_per_minute=0)  # type: ignore[arg-type]
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        answer = client.post("/api/voices/ada/jobs", json={"kind": "prepare", "allow_few": True})
        done = until(client, answer.json()["id"], "succeeded", "failed")
        assert done["status"] == "succeeded", done
        assert done["result"]["recordings"] == 2 and client.get("/api/voices/ada/ledger").status_code == 200


def test_training_is_asked_for_as_the_job_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    VoiceFolder(tmp_path, "ada").create()
    asked: dict[str, Any] = {}

    def open_run(folder: VoiceFolder, **settings: Any) -> Any:
        asked.update(settings)
        request = SimpleNamespace(run_dir=tmp_path, on_progress=settings["on_progress"])
        request.on_progress(1.0, "a step")

        def train() -> Any:
            request.on_progress(0.5, "half")
            return SimpleNamespace(steps=9, seconds=1.0)

        return SimpleNamespace(name="run-1", request=request, budget=lambda: asked.update(budgeted=True), train=train)

    monkeypatch.setattr(training, "open_run", open_run)
    monkeypatch.setattr(report_plots, "plot_training", lambda run, path: asked.update(plot=path.name))
    monkeypatch.setattr(job_process, "_prepare", lambda *arguments: {"accepted": 3})
    options = {"engine": "vits", "steps": 50, "minutes": 2.0, "learning_rate": 1e-5, "seed": 4, "accept_licence": True}
    task = {"kind": "train", "home": str(tmp_path), "voice": "ada", "options": options, "device": "cpu"}
    told: list[tuple[float, str]] = []
    result = job_process.perform(task, lambda share, sentence: told.append((share, sentence)))
    assert result == {"run": "run-1", "steps": 9, "seconds": 1.0, "prepared": {"accepted": 3}}
    assert (asked["engine"], asked["max_steps"], asked["max_seconds"], asked["seed"]) == ("vits", 50, 120.0, 4)
    assert asked["options"] == {"learning_rate": 1e-5} and asked["accept_licence"] and asked["device"] == "cpu"
    assert asked["budgeted"] and asked["plot"] == "training.png"
    assert told == [(pytest.approx(0.15), "calibrating: a step"), (pytest.approx(0.575), "half")]


# ----------------------------------------------------------------------------------------------------------------------
# the database


def test_the_migrations_make_what_the_program_expects(tmp_path: Path) -> None:
    database = Database(tmp_path / "a.sqlite3")
    with database.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables) == []
    assert ScriptDirectory(str(_MIGRATIONS)).get_heads() == [REVISION]


def test_a_database_keeps_what_it_had(tmp_path: Path) -> None:
    made = Database(tmp_path / "a.sqlite3").remember_voice("ada", "Ada L.")
    assert Database(tmp_path / "a.sqlite3").voice_names() == {"ada": ("Ada L.", made)}


def test_a_newer_database_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Database(tmp_path / "a.sqlite3").voice_names()
    with sqlite3.connect(tmp_path / "a.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with caplog.at_level(logging.CRITICAL), pytest.raises(PipelineError, match="another version"):
        Database(tmp_path / "a.sqlite3").voice_names()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PipelineError, match="cannot write"):
        Database(tmp_path / "file" / "a.sqlite3").voice_names()
