"""The service's own routes: voices, takes, consent, ledger, proof, and what keeps it safe."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient

from voice_pipeline import consent, takes
from voice_pipeline.api import ApiSettings, create_app, job_process
from voice_pipeline.api.guard import UPLOADS
from voice_pipeline.audio import encode
from voice_pipeline.client import ServiceError, VoiceClient
from voice_pipeline.consent import declare_licence
from voice_pipeline.consent_check import Heard, SpeakerMatch
from voice_pipeline.prompts import load_prompts
from voice_pipeline.recording import import_folder
from voice_pipeline.voice_folder import VoiceFolder, read_jsonl

from . import fake_voice as fake
from .synthetic_speech import speech, write_takes
from .test_api import assert_error
from .test_blind_test import record_of
from .test_proof_card import ears, make_voice

PROMPT = load_prompts("en")[0]
KEY = "a-key-of-twenty-chars"


def make_client(home: Path, *, headers: dict[str, str] | None = None, **values: Any) -> TestClient:
    settings = ApiSettings(home=home, **{"key": "", "watermark": False, "warm_up": False, "run_jobs": False, **values})
    app = create_app(settings, load=lambda folder: fake.ToneVoice())
    return TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False, headers=headers)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with make_client(tmp_path) as client:
        yield client


@pytest.fixture
def ann(client: TestClient, tmp_path: Path) -> VoiceFolder:
    assert client.post("/api/voices", json={"name": "Ann"}).status_code == 201
    return VoiceFolder(tmp_path, "ann")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the recogniser says, to be changed by a test."""
    says = {"words": PROMPT.text}
    monkeypatch.setattr(takes, "heard_in", lambda waveform, rate: says["words"])
    return says


@pytest.fixture
def statement(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is found in a consent statement, to be changed by a test."""
    says: dict[str, Any] = {"words": Heard("i am the speaker", 0.2, 4), "speaker": SpeakerMatch(0.9, 0.8, "f", 10)}
    monkeypatch.setattr(consent, "check_words", lambda *arguments: says["words"])
    monkeypatch.setattr(consent, "match_statement", lambda *arguments: says["speaker"])
    return says


def sound(seconds: float = PROMPT.expected_seconds, audio_format: str = "wav", **how: Any) -> bytes:
    return encode(speech(seconds, **how), 24_000, audio_format)


def upload(client: TestClient, data: bytes, name: str = "take.webm", **fields: str) -> httpx.Response:
    return client.post(
        "/api/voices/ann/takes", data={"prompt_id": PROMPT.prompt_id, **fields}, files={"audio": (name, data)}
    )


# ----------------------------------------------------------------------------------------------------------------------
# voices


def test_a_voice_from_its_beginning_to_its_end(client: TestClient, tmp_path: Path) -> None:
    made = client.post("/api/voices", json={"name": "My Voice!"})
    assert made.status_code == 201 and made.headers["location"] == "/api/voices/my-voice"
    voice = client.get("/api/voices/my-voice").json()
    assert voice == made.json()
    assert (voice["name"], voice["ready"], voice["recordings"], voice["prompts"]) == ("My Voice!", False, 0, 20)
    assert voice["consent"] is voice["job"] is None and not voice["has_proof_card"]
    assert_error(client.post("/api/voices", json={"name": "my voice"}), 409, "voice_exists", "name")
    assert [voice["id"] for voice in client.get("/api/voices").json()["data"]] == ["my-voice"]
    assert client.get("/v1/audio/voices").json()["data"][0]["name"] == "My Voice!"
    assert_error(client.delete("/api/voices/my-voice", params={"confirm": "other"}), 400, "not_confirmed", "confirm")
    assert client.delete("/api/voices/my-voice", params={"confirm": "my-voice"}).status_code == 204
    assert not (tmp_path / "my-voice").exists()
    assert_error(client.get("/api/voices/my-voice"), 404, "voice_not_found", "voice_id")
    assert client.get("/api/voices").json()["data"] == []


@pytest.mark.parametrize("name", ["", "...", "\u0394", "x" * 65])
def test_names_that_give_no_id(client: TestClient, name: str) -> None:
    assert client.post("/api/voices", json={"name": name}).status_code in (400, 422)


@pytest.mark.parametrize("path", ["..%2Fx", "A", "%2e%2e", ".service"])
@pytest.mark.parametrize("rest", ["", "/prompts", "/ledger", "/proof_card", "/consent", "/samples"])
def test_ids_that_are_no_ids(client: TestClient, path: str, rest: str) -> None:
    assert client.get(f"/api/voices/{path}{rest}").status_code in (400, 404)


def test_a_voice_made_by_the_scripts_is_taken_up(client: TestClient, tmp_path: Path) -> None:
    declare_licence(VoiceFolder(tmp_path, "bob"), "CC0 1.0", "tones")
    VoiceFolder(tmp_path, "bob").update_info(engine="starter", model="models/run-1/best")
    voice = client.get("/api/voices/bob").json()
    assert voice["ready"] and voice["consent"]["kind"] == "licence" and voice["created_at"] > 1_700_000_000


def test_prompts_of_another_language(client: TestClient) -> None:
    assert client.post("/api/voices", json={"name": "Doris", "language": "de"}).json()["language"] == "de"
    assert client.get("/api/voices/doris/prompts").json()["data"][0]["text"] != PROMPT.text
    assert_error(client.post("/api/voices", json={"name": "Zoe", "language": "zz"}), 400)


# ----------------------------------------------------------------------------------------------------------------------
# takes


def test_a_good_take_is_kept(client: TestClient, ann: VoiceFolder, heard: dict[str, str]) -> None:
    answer = upload(client, sound(), device="a headset")
    assert answer.status_code == 200, answer.text
    take = answer.json()
    assert take["ok"] and take["kept"] and take["left"] == 19 and take["match"] == 1.0
    (row,) = read_jsonl(ann.manifest)
    assert (row["id"], row["text"], row["source"], row["device"]) == (
        PROMPT.prompt_id,
        PROMPT.text,
        "upload",
        "a headset",
    )
    prompts = {prompt["id"]: prompt for prompt in client.get("/api/voices/ann/prompts").json()["data"]}
    assert prompts[PROMPT.prompt_id]["recorded"] and prompts[PROMPT.prompt_id]["check"]["ok"]
    assert sum(prompt["recorded"] for prompt in prompts.values()) == 1
    kept = client.get(f"/api/voices/ann/takes/{PROMPT.prompt_id}/audio")
    assert kept.headers["content-type"] == "audio/wav" and soundfile.read(io.BytesIO(kept.content))[1] == 24_000
    assert upload(client, sound(seed=5)).json()["left"] == 19 and len(read_jsonl(ann.manifest)) == 1
    assert client.delete(f"/api/voices/ann/takes/{PROMPT.prompt_id}").status_code == 204
    assert_error(client.delete(f"/api/voices/ann/takes/{PROMPT.prompt_id}"), 404, "take_not_found", "prompt_id")
    assert_error(client.get(f"/api/voices/ann/takes/{PROMPT.prompt_id}/audio"), 404, "take_not_found", "prompt_id")


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "aac", "flac"])
def test_takes_of_any_format(client: TestClient, ann: VoiceFolder, heard: dict, audio_format: str) -> None:
    assert upload(client, sound(audio_format=audio_format), keep="never").json()["ok"]


def test_a_bad_take_says_why(client: TestClient, ann: VoiceFolder, heard: dict[str, str]) -> None:
    clipped = encode(np.clip(speech(PROMPT.expected_seconds) * 8, -1, 1), 24_000, "wav")
    take = upload(client, clipped).json()
    assert not take["ok"] and not take["kept"] and take["rules"] == ["clipped"] and "turn it down" in take["sentence"]
    heard["words"] = "something else altogether"
    take = upload(client, sound()).json()
    assert take["rules"] == ["other_words"] and take["heard"] == heard["words"] and not read_jsonl(ann.manifest)
    assert upload(client, sound(), keep="always").json()["kept"] and read_jsonl(ann.manifest)[0]["check"]["ok"] is False


def test_uploads_that_are_none(client: TestClient, ann: VoiceFolder) -> None:
    assert_error(upload(client, b"no sound at all"), 400, "unreadable")
    assert_error(upload(client, b""), 400, "unreadable")
    assert_error(upload(client, sound(), prompt_id="long_99"), 404, "prompt_not_found", "prompt_id")
    assert_error(upload(client, sound(), keep="perhaps"), 422, param="keep")
    assert_error(client.post("/api/voices/ann/takes", json={"prompt_id": "x"}), 415, "unsupported_media_type")
    assert_error(client.post("/api/voices/ann/takes", data={"prompt_id": "x"}), 415, "unsupported_media_type")
    assert_error(client.post("/api/voices/ann/takes", files={"audio": b"x"}), 422, "missing", "prompt_id")
    assert_error(client.post("/v1/audio/speech", files={"input": b"x"}), 415, "unsupported_media_type")
    broken = client.post(
        "/api/voices/ann/takes", content=b"--x\r\nbroken", headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert broken.status_code in (400, 422) and set(broken.json()) == {"error"}


def test_uploads_that_are_too_large(tmp_path: Path) -> None:
    with make_client(tmp_path, max_upload_bytes=12 * 2**20) as client:
        client.post("/api/voices", json={"name": "ann"})
        assert_error(upload(client, bytes(13 * 2**20)), 413, "request_too_large")
        assert_error(upload(client, bytes(11 * 2**20)), 413, "file_too_large")

        def parts() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
            for _ in range(13):
                yield bytes(2**20)

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        assert_error(client.post("/api/verify", content=parts(), headers=headers), 413, "request_too_large")


def test_a_voice_that_is_worked_on(client: TestClient, ann: VoiceFolder, heard: dict[str, str]) -> None:
    with ann.lock():
        busy = upload(client, sound())
    assert_error(busy, 409, "voice_busy")
    assert int(busy.headers["retry-after"]) >= 1


# ----------------------------------------------------------------------------------------------------------------------
# consent


def give(client: TestClient) -> httpx.Response:
    return client.post("/api/voices/ann/consent", files={"recording": sound(8.0)})


def test_consent_is_asked_for_given_and_revoked(client: TestClient, ann: VoiceFolder, statement: dict) -> None:
    assert_error(client.get("/api/voices/ann/consent"), 404, "consent_missing", "voice_id")
    unasked = give(client)
    assert_error(unasked, 403, "consent_missing")
    asked = client.post("/api/voices/ann/consent/statement").json()
    assert asked["text"] in unasked.json()["error"]["message"] and len(asked["code_words"]) == 4
    statement["words"] = Heard("hello", 0.9, 0, problem="the word error rate is 0.90")
    assert_error(give(client), 400, "consent_words")
    statement["words"] = Heard("i am the speaker", 0.2, 4)
    given = give(client).json()
    assert given["kind"] == "consent" and not given["revoked"] and not given["matched"]
    assert client.get("/api/voices/ann").json()["consent"] == given
    (listed,) = client.get("/v1/audio/voice_consents").json()["data"]
    assert listed["id"] == f"cons_{given['id'].removeprefix('consent-')}" and listed["object"] == "audio.voice_consent"
    licence = client.post("/api/voices/ann/licence", json={"licence": "CC0 1.0", "source": "tests"})
    assert_error(licence, 403, "consent_invalid")
    revoked = client.delete("/api/voices/ann/consent", params={"reason": "no more"})
    assert revoked.status_code == 200 and revoked.json()["revoked"]
    assert client.get("/v1/audio/voice_consents").json()["data"] == []


def test_a_revoked_voice_is_silent(client: TestClient, ann: VoiceFolder) -> None:
    client.post("/api/voices/ann/licence", json={"licence": "CC0 1.0", "source": "tests"})
    ann.update_info(engine="starter", model="models/run-1/best")
    body = {"model": "tts-1", "voice": "ann", "input": "Hello."}
    assert client.post("/v1/audio/speech", json=body).status_code == 200
    client.delete("/api/voices/ann/consent")
    assert_error(client.post("/v1/audio/speech", json=body), 403, "consent_revoked", "voice")
    assert_error(client.post("/api/voices/ann/jobs", json={"kind": "train"}), 403, "consent_revoked")


# ----------------------------------------------------------------------------------------------------------------------
# ledger and proof


def test_the_ledger(client: TestClient, ann: VoiceFolder, tmp_path: Path) -> None:
    assert_error(client.get("/api/voices/ann/ledger"), 404, "ledger_not_found", "voice_id")
    write_takes(tmp_path / "given", [2.0, 2.4, 0.5])
    import_folder(ann, tmp_path / "given", listen=None)
    told: list[tuple[float, str]] = []
    task = {"kind": "prepare", "home": str(tmp_path), "voice": "ann", "options": {"allow_few": True}, "device": "cpu"}
    result = job_process.perform(task, lambda share, sentence: told.append((share, sentence)))
    assert (result["recordings"], result["rejected"]) == (3, 3 - result["accepted"]) and result["accepted"] >= 1
    assert {sentence for _, sentence in told} == {"preparing the recordings", "listening to the clips"}
    assert all(0 <= share <= 1 for share, _ in told)
    found = client.get("/api/voices/ann/ledger").json()
    assert len(found["rows"]) == 3 and found["accepted"] == result["accepted"]
    short = next(row for row in found["rows"] if row["file"] == "take_02.wav")
    assert short["status"] == "rejected" and short["reasons"][0]["repair"] and short["id"] in found["record_again"]
    page = client.get("/api/voices/ann/ledger.html")
    assert page.headers["content-type"].startswith("text/html") and "take_02.wav" in page.text
    assert "script" not in page.headers["content-security-policy"]


def test_the_proof_card_its_sentences_and_the_blind_test(tmp_path: Path) -> None:
    folder = make_voice(tmp_path)
    with make_client(tmp_path) as client:
        for path in ("proof_card", "proof_card.html", "proof_card.png", "samples"):
            assert_error(client.get(f"/api/voices/ann/{path}"), 404, "proof_card_not_found", "voice_id")
        with ears():
            task = {"kind": "evaluate", "home": str(tmp_path), "voice": "ann", "options": {}, "device": "cpu"}
            result = job_process.perform(task, lambda share, sentence: None)
        assert result["files"] == ["proof_card.json", "proof_card.png", "proof_card.html"] and result["verdict"]
        card = client.get("/api/voices/ann/proof_card").json()
        assert card == json.loads(folder.proof_card.read_text()) and card["verdict"] == result["verdict"]
        page = client.get("/api/voices/ann/proof_card.html")
        assert "<audio" in page.text and "media-src data:" in page.headers["content-security-policy"]
        assert client.get("/api/voices/ann/proof_card.png").content.startswith(b"\x89PNG")
        listed = client.get("/api/voices/ann/samples").json()["data"]
        assert [row["clip"] for row in listed] == ["clip_3", "clip_4"]
        assert {"real", "clone", "griffin_lim"} <= set(listed[0]["systems"])
        for system in ("real", "clone"):
            wav = client.get(f"/api/voices/ann/samples/{system}/clip_3")
            assert soundfile.read(io.BytesIO(wav.content))[1] == 24_000
        for wrong in ("clone/clip_0", "nobody/clip_3", "..%2F..%2Fclips/clip_3"):
            assert client.get(f"/api/voices/ann/samples/{wrong}").status_code == 404
        blind = client.get("/api/voices/ann/blind_test.html", params={"trials": 6})
        assert "Blind test" in blind.text and "script-src 'unsafe-inline'" in blind.headers["content-security-policy"]
        assert_error(client.get("/api/voices/ann/blind_test.html", params={"second": "real"}), 400)
        assert_error(client.get("/api/voices/ann/blind_test.html", params={"second": "../x"}), 422, param="second")


def test_answers_of_a_blind_test(client: TestClient, ann: VoiceFolder) -> None:
    def send(*records: Any) -> httpx.Response:
        files = [("answers", (f"{n}.json", json.dumps(record).encode())) for n, record in enumerate(records)]
        return client.post("/api/voices/ann/blind_test/answers", files=files)

    found = send(record_of("a" * 6), record_of("aaaaab")).json()
    assert (found["picked_first"], found["answers"]) == (11, 12) and found["p_value"] == pytest.approx(
        0.00635, abs=1e-4
    )
    assert "11 of 12" in found["words"]
    wrong = assert_error(send({"format": "x"}), 400, "not_answers", "answers")
    assert "voice-upload" not in wrong["message"]
    assert_error(send(record_of("aab"), record_of("aab", second="other")), 400)


@pytest.mark.parametrize("audio_format", ["wav", "mp3", "opus", "aac"])
def test_a_spoken_file_is_known_again(tmp_path: Path, audio_format: str) -> None:
    declare_licence(VoiceFolder(tmp_path, "ada"), "CC0 1.0", "tones")
    VoiceFolder(tmp_path, "ada").update_info(engine="starter", model="models/run-1/best")
    body = {"model": "tts-1", "voice": "ada", "input": "One. Two. Three.", "response_format": audio_format}
    with make_client(tmp_path) as client:
        spoken = client.post("/v1/audio/speech", json=body)
        found = client.post("/api/verify", files={"file": ("a", spoken.content)}).json()
        assert found["known"] == "exact" and found["record"]["voice"] == "ada"
        assert found["record"]["id"] == spoken.headers["x-provenance-id"] and "fingerprint" not in found["record"]
        if audio_format in ("wav", "mp3", "opus"):
            assert found["tag"] and spoken.headers["x-provenance-id"] in found["tag"]
        other = client.post("/api/verify", files={"file": ("a", sound(2.0))}).json()
        assert other["known"] is other["record"] is None
        assert_error(client.post("/api/verify", files={"file": ("a", b"x")}), 400, "unreadable")


def test_c2pa_on_request(tmp_path: Path) -> None:
    pytest.importorskip("c2pa", reason="needs c2pa-python, which has no wheel for this system")
    declare_licence(VoiceFolder(tmp_path, "ada"), "CC0 1.0", "tones")
    VoiceFolder(tmp_path, "ada").update_info(engine="starter", model="models/run-1/best")
    body = {"model": "tts-1", "voice": "ada", "input": "One. Two.", "response_format": "mp3", "c2pa": True}
    with make_client(tmp_path) as client:
        spoken = client.post("/v1/audio/speech", json=body)
        assert int(spoken.headers["content-length"]) == len(spoken.content)
        found = client.post("/api/verify", files={"file": ("a", spoken.content)}).json()
        assert found["known"] == "exact" and found["c2pa"]["valid"] and found["c2pa"]["synthetic"]
        assert found["c2pa"]["record"]["id"] == spoken.headers["x-provenance-id"]
        refused = client.post("/v1/audio/speech", json={**body, "response_format": "opus"})
        assert_error(refused, 400, "c2pa_not_possible", "c2pa")


# ----------------------------------------------------------------------------------------------------------------------
# the client


def test_the_client_of_our_own(client: TestClient, heard: dict[str, str], statement: dict, tmp_path: Path) -> None:
    (tmp_path / "take.wav").write_bytes(sound())
    (tmp_path / "statement.wav").write_bytes(sound(8.0))
    own = VoiceClient(http=client)
    assert own.create_voice("Ann")["id"] == "ann" and own.voices()[0]["id"] == "ann"
    assert own.prompts("ann")[0]["text"] == PROMPT.text
    assert own.add_take("ann", PROMPT.prompt_id, tmp_path / "take.wav")["kept"]
    assert "My code words are" in own.statement("ann")
    assert own.give_consent("ann", tmp_path / "statement.wav")["kind"] == "consent"
    job = own.start_job("ann", "evaluate")
    assert own.cancel(job["id"])["status"] == "cancelled" and [s["status"] for s in own.follow(job["id"])] == [
        "cancelled"
    ]
    assert own.verify(tmp_path / "take.wav")["known"] is None
    with pytest.raises(ServiceError) as refused:
        b"".join(own.speak("ann", "Hello."))
    assert (refused.value.status, refused.value.code) == (409, "voice_not_trained")
    with pytest.raises(ServiceError, match="no proof card"):
        own.proof_card("ann")
    with pytest.raises(ServiceError, match="no such job"):
        list(own.follow("job_x"))


# ----------------------------------------------------------------------------------------------------------------------
# safe by default


def test_headers_that_keep_browsers_strict(client: TestClient) -> None:
    for path in ("/health", "/nothing", "/v1/models", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store" and headers["referrer-policy"] == "no-referrer"
        assert re.fullmatch(r"req_[0-9a-f]{16}", headers["x-request-id"])
        assert "server" not in headers and "access-control-allow-origin" not in headers
    assert client.get("/health", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    assert client.get("/health", headers={"X-Request-Id": "a b"}).headers["x-request-id"] != "a b"


def test_without_a_key_only_this_machines_names(client: TestClient, tmp_path: Path) -> None:
    assert client.get("/health", headers={"Host": "localhost:8000"}).status_code == 200
    assert client.get("/health", headers={"Host": "[::1]:8000"}).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "192.168.0.2", ""):
        assert_error(client.get("/v1/models", headers={"Host": host}), 403, "unknown_host")
    with make_client(tmp_path, hosts=("voices.home",)) as named:
        assert named.get("/v1/models", headers={"Host": "voices.home"}).status_code == 200
    with make_client(tmp_path, key=KEY, headers={"Authorization": f"Bearer {KEY}"}) as keyed:
        assert keyed.get("/v1/models", headers={"Host": "voices.example"}).status_code == 200


def test_pages_of_other_origins_change_nothing(client: TestClient, tmp_path: Path) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
        refused = client.post("/api/voices", json={"name": "x"}, headers={"Origin": origin})
        assert_error(refused, 403, "cross_origin")
    own = client.post("/api/voices", json={"name": "x"}, headers={"Origin": "http://127.0.0.1"})
    assert own.status_code == 201
    with make_client(tmp_path, origins=("https://good.example",)) as open_to_one:
        answer = open_to_one.post("/api/voices", json={"name": "y"}, headers={"Origin": "https://good.example"})
        assert answer.status_code == 201
        assert answer.headers["access-control-allow-origin"] == "https://good.example"


def test_too_many_requests_of_one_client(tmp_path: Path) -> None:
    with make_client(tmp_path, requests_per_minute=3) as client:
        assert [client.get("/v1/models").status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = client.get("/v1/models")
        assert_error(refused, 429, "rate_limit_exceeded")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert client.get("/health").status_code == 200, "machines that look after it are not counted"


def test_wrong_keys_are_counted_too(tmp_path: Path) -> None:
    with make_client(tmp_path, key=KEY, requests_per_minute=3) as client:
        assert [client.get("/v1/models").status_code for _ in range(4)] == [401, 401, 401, 429]


def test_measurements(client: TestClient, ann: VoiceFolder) -> None:
    client.get("/nothing/secret-path")
    client.post("/v1/audio/speech", json={"model": "tts-1", "voice": "nobody", "input": "A secret."})
    found = client.get("/metrics")
    assert found.headers["content-type"].startswith("text/plain")
    lines = found.text.splitlines()
    assert 'voice_requests_total{method="POST",route="/v1/audio/speech",status="404"} 1.0' in lines
    assert 'voice_requests_total{method="POST",route="/api/voices",status="201"} 1.0' in lines
    assert 'voice_requests_total{method="GET",route="other",status="404"} 1.0' in lines
    assert "voice_queue 0.0" in lines and "voice_jobs 0.0" in lines
    assert "secret" not in found.text


def test_the_log_has_no_texts_and_no_keys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"), make_client(tmp_path, key=KEY) as client:
        headers = {"Authorization": f"Bearer {KEY}"}
        client.post("/api/voices", json={"name": "zebra"}, headers=headers)
        client.post("/v1/audio/speech", json={"model": "tts-1", "voice": "x", "input": "A zebra."}, headers=headers)
        client.get("/v1/models?key=zebra", headers=headers)
        client.get("/secret-zebra", headers={"Authorization": "Bearer zebra"})
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("voice_pipeline")]
    assert any("POST /v1/audio/speech 404" in line for line in ours)
    assert "zebra" not in " ".join(ours) and KEY not in " ".join(ours)


# ----------------------------------------------------------------------------------------------------------------------
# the OpenAPI document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_every_operation_is_described(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    found = list(operations(document))
    assert len(found) >= 35
    for path, method, operation in found:
        assert operation["summary"] and operation["description"] and operation["tags"], path
        open_to_all = path in ("/health", "/ready")
        assert open_to_all or "401" in operation["responses"], (path, method)
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}, (path, method, status)
        body = operation.get("requestBody", {}).get("content", {})
        if "application/json" in body:
            name = body["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert document["components"]["schemas"][name].get("examples"), f"{name} has no example"
        assert len(operation["operationId"]) > 3


def test_uploads_are_let_through_where_they_are_described(client: TestClient) -> None:
    described = {
        path.replace("{voice_id}", "x")
        for path, _, operation in operations(client.get("/openapi.json").json())
        if "multipart/form-data" in operation.get("requestBody", {}).get("content", {})
    }
    others = {path for path in client.get("/openapi.json").json()["paths"] if "{" not in path} - described
    assert len(described) == 6
    assert all(UPLOADS.fullmatch(path) for path in described) and not any(UPLOADS.fullmatch(path) for path in others)
