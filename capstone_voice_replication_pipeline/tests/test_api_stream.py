"""Audio that is sent while it is spoken: it begins with the first sentence, fits its format, and frees its worker."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import threading
import tracemalloc
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from scipy.signal import correlate

from voice_pipeline import provenance
from voice_pipeline.api import ApiSettings, create_app
from voice_pipeline.api.encoding import STREAMED, StreamEncoder
from voice_pipeline.api.errors import ApiError
from voice_pipeline.api.service import Wanted
from voice_pipeline.api.work import Cancelled, Outflow, WorkQueue
from voice_pipeline.audio import decode, encode, resample
from voice_pipeline.consent import declare_licence
from voice_pipeline.fingerprint import Landmarks, landmarks, match
from voice_pipeline.text import prepare
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake
from .synthetic_speech import speech
from .test_api import assert_error, until

TEXT = "This is the first sentence. This is the second one. And a third."
BODY: dict[str, Any] = {"model": "tts-1", "voice": "ada", "input": TEXT}


class HeldVoice(fake.ToneVoice):
    """Says its first chunk at once and the others when the gate is open."""

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        if self.calls and self.gate is not None:
            assert self.gate.wait(60)
        gate, self.gate = self.gate, None
        try:
            return super().synthesize(text, speed=speed, seed=seed)
        finally:
            self.gate = gate


class FailingVoice(fake.ToneVoice):
    """Fails in its second chunk."""

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        if self.calls:
            raise ValueError(f"cannot say {text}")
        return super().synthesize(text, speed=speed, seed=seed)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    declare_licence(VoiceFolder(tmp_path, "ada"), "CC0 1.0", "tones")
    VoiceFolder(tmp_path, "ada").update_info(engine="starter", model="models/run-1/best")
    return tmp_path


def make_app(home: Path, voice: Any, **values: Any) -> Any:
    settings = {"key": "", "watermark": False, "warm_up": False, "run_jobs": False, "copies": 1, **values}
    return create_app(ApiSettings(home=home, **settings), load=lambda folder: voice)


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:
    with TestClient(make_app(home, fake.ToneVoice()), base_url="http://127.0.0.1") as client:
        yield client


async def never() -> None:
    await asyncio.Event().wait()


def likeness(path: Path, sound: np.ndarray) -> float:
    """Correlation of a file with what was encoded, wherever its codec's delay puts it."""
    heard, inner = decode(path), sound[12_000:36_000]
    waveform = resample(heard.waveform, heard.sample_rate, 24_000)
    start = int(np.argmax(correlate(waveform, inner, "valid")))
    return float(np.corrcoef(waveform[start : start + len(inner)], inner)[0, 1])


def tones(waveform: np.ndarray) -> list[float]:
    """Tone of each chunk; chunks are separated by silence."""
    loud = np.abs(waveform) > 0.02
    edges = np.flatnonzero(
        np.diff(np.concatenate([[0], np.convolve(loud, np.ones(2400), "same") > 0, [0]]).astype(int))
    )
    return [fake.frequency(waveform[a:b]) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 2400]


# ----------------------------------------------------------------------------------------------------------------------
# it begins with the first sentence


@pytest.mark.parametrize("audio_format", STREAMED)
def test_the_first_sentence_comes_before_the_second_is_spoken(home: Path, audio_format: str) -> None:
    gate = threading.Event()
    voice = HeldVoice(gate=gate)
    service = make_app(home, voice).state.service

    async def listen() -> tuple[bytes, bytes]:
        outflow = await service.stream(Wanted("ada", TEXT, audio_format=audio_format, stream=True), never)
        parts = outflow.parts()
        first = await anext(parts)
        assert len(voice.calls) == 1 and not gate.is_set(), "only the first sentence was spoken"
        gate.set()
        rest = [part async for part in parts]
        assert outflow.head["X-Provenance-Id"] and outflow.tail.output_tokens > 0
        outflow.close()
        return first, b"".join(rest)

    first, rest = asyncio.run(listen())
    if audio_format == "pcm":
        assert len(first) >= int(fake.SECONDS * 24_000) * 2, "all of the first sentence"
        heard, whole = np.frombuffer(first, "<i2") / 32768, np.frombuffer(first + rest, "<i2") / 32768
    else:
        place = home / f"a.{audio_format}"
        place.write_bytes(first)
        heard = decode(place).waveform
        assert len(heard) / decode(place).sample_rate >= 0.6 * fake.SECONDS, "it can be heard already"
        place.write_bytes(first + rest)
        whole = decode(place).waveform
        assert decode(place).sample_rate == 24_000
    expected = [fake.tone_of(chunk.text) for chunk in prepare(TEXT)]
    assert tones(whole) == pytest.approx(expected, abs=8)


@pytest.mark.parametrize("audio_format", STREAMED)
def test_pieces_and_whole_sound_the_same(audio_format: str, tmp_path: Path) -> None:
    sound = speech(3.0)
    encoder = StreamEncoder(24_000, audio_format)
    parts = [encoder.add(piece) for piece in np.array_split(sound, 7)]
    data = b"".join([*parts, encoder.end()])
    assert all(parts), "every piece gives something to send"
    if audio_format == "pcm":
        assert data == encode(sound, 24_000, "pcm")
        return
    (tmp_path / "a").write_bytes(data)
    (tmp_path / "b").write_bytes(encode(sound, 24_000, audio_format))
    assert likeness(tmp_path / "a", sound) > 0.98 and likeness(tmp_path / "b", sound) > 0.98
    assert decode(tmp_path / "a").duration == pytest.approx(len(sound) / 24_000, abs=0.15)


def test_a_rate_the_codec_lacks_is_resampled_without_seams(tmp_path: Path) -> None:
    times = np.arange(3 * 22_000) / 22_000
    tone = (0.5 * np.sin(2 * np.pi * 1000 * times)).astype(np.float32)
    encoder = StreamEncoder(22_000, "mp3")
    data = b"".join([encoder.add(piece) for piece in np.array_split(tone, 11)]) + encoder.end()
    (tmp_path / "a").write_bytes(data)
    heard = decode(tmp_path / "a")
    inner = heard.waveform[heard.sample_rate // 2 : -heard.sample_rate // 2]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner)))) ** 2
    around = slice(int(len(spectrum) * 900 / 12_000), int(len(spectrum) * 1100 / 12_000))
    assert heard.sample_rate == 24_000 and spectrum[around].sum() > 0.999 * spectrum.sum()


# ----------------------------------------------------------------------------------------------------------------------
# what the answer looks like


@pytest.mark.parametrize("audio_format", ["mp3", "opus", "aac", "pcm"])
def test_streamed_formats_have_no_length(client: TestClient, audio_format: str) -> None:
    answer = client.post("/v1/audio/speech", json={**BODY, "response_format": audio_format})
    assert answer.status_code == 200 and "content-length" not in answer.headers
    whole = client.post("/v1/audio/speech", json={**BODY, "response_format": audio_format, "stream": False})
    assert int(whole.headers["content-length"]) == len(whole.content)
    assert whole.headers["content-type"] == answer.headers["content-type"]


def test_wav_is_streamed_only_when_asked(client: TestClient) -> None:
    whole = client.post("/v1/audio/speech", json={**BODY, "response_format": "wav"})
    with wave.open(io.BytesIO(whole.content)) as file:
        frames = file.getnframes()
    assert int.from_bytes(whole.content[4:8], "little") == len(whole.content) - 8
    streamed = client.post("/v1/audio/speech", json={**BODY, "response_format": "wav", "stream": True})
    assert "content-length" not in streamed.headers and streamed.content[:4] == b"RIFF"
    assert streamed.content.endswith(encode(np.zeros(0, np.float32), 24_000, "pcm"))
    assert len(streamed.content) == pytest.approx(2 * frames, abs=2000)


def test_flac_is_always_whole(client: TestClient) -> None:
    answer = client.post("/v1/audio/speech", json={**BODY, "response_format": "flac", "stream": True})
    assert int(answer.headers["content-length"]) == len(answer.content)


@pytest.mark.parametrize("audio_format", ["mp3", "pcm", "flac"])
def test_events_carry_the_same_bytes_and_the_usage(client: TestClient, audio_format: str) -> None:
    body = {**BODY, "response_format": audio_format, "stream_format": "sse"}
    answer = client.post("/v1/audio/speech", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    *deltas, done = [json.loads(part.removeprefix("data: ")) for part in answer.text.strip().split("\n\n")]
    assert {event["type"] for event in deltas} == {"speech.audio.delta"} and len(deltas) >= 1
    data = b"".join(base64.b64decode(event["audio"]) for event in deltas)
    plain = client.post("/v1/audio/speech", json={**BODY, "response_format": audio_format}).content
    assert len(data) == pytest.approx(len(plain), abs=200)
    usage = done["usage"]
    assert done["type"] == "speech.audio.done" and set(usage) == {"input_tokens", "output_tokens", "total_tokens"}
    assert usage["input_tokens"] == len(TEXT.split())
    assert usage["output_tokens"] == pytest.approx((3 * fake.SECONDS + 2 * 0.35) / 0.05, abs=1)


def test_errors_before_the_first_audio_have_their_status(client: TestClient, home: Path) -> None:
    assert_error(client.post("/v1/audio/speech", json={**BODY, "input": "..."}), 400, "unspeakable_input", "input")
    assert_error(client.post("/v1/audio/speech", json={**BODY, "voice": "nobody"}), 404, "voice_not_found", "voice")


def test_an_error_later_is_an_event_or_a_broken_answer(home: Path) -> None:
    with TestClient(make_app(home, FailingVoice()), base_url="http://127.0.0.1") as client:
        answer = client.post("/v1/audio/speech", json={**BODY, "stream_format": "sse"})
        last = json.loads(answer.text.strip().split("\n\n")[-1].removeprefix("data: "))
        assert last["type"] == "error" and last["error"]["code"] == "synthesis_failed"
        assert "second" not in answer.text
    with TestClient(make_app(home, FailingVoice()), base_url="http://127.0.0.1") as client:
        with pytest.raises(RuntimeError, match="failed after the response had begun"):
            client.post("/v1/audio/speech", json=BODY)


def test_a_long_text_has_a_route_of_its_own(client: TestClient) -> None:
    text = "One two three four. " * 300
    assert_error(client.post("/v1/audio/speech", json={**BODY, "input": text}), 422, "string_too_long", "input")
    answer = client.post("/api/speech", json={**BODY, "input": text, "response_format": "pcm"})
    assert answer.status_code == 200
    assert len(answer.content) / 48_000 == pytest.approx(300 * fake.SECONDS + 299 * 0.35, abs=1)
    assert_error(client.post("/api/speech", json={**BODY, "input": "a" * 200_001}), 422, "string_too_long", "input")


# ----------------------------------------------------------------------------------------------------------------------
# provenance


def test_landmarks_of_pieces_are_those_of_the_whole() -> None:
    sound = speech(6.0)
    pieces = Landmarks(24_000)
    for piece in np.array_split(sound, 4):
        pieces.add(piece)
    found = match(landmarks(sound[24_000:72_000], 24_000), pieces.pairs)
    assert found.is_copy and found.shift_seconds == pytest.approx(1.0, abs=0.03)
    assert pieces.seconds == pytest.approx(len(sound) / 24_000)


def test_what_was_sent_to_a_client_who_left_is_noted(home: Path) -> None:
    gate = threading.Event()
    service = make_app(home, HeldVoice(gate=gate)).state.service

    async def leave() -> None:
        outflow = await service.stream(Wanted("ada", TEXT), never)
        await anext(outflow.parts())
        outflow.close()
        gate.set()
        await until(lambda: service.queue.pending == 0)

    asyncio.run(leave())
    (row,) = provenance.read_ledgers(home)
    assert row["complete"] is False and row["seconds"] < 2 * fake.SECONDS + 0.4


# ----------------------------------------------------------------------------------------------------------------------
# the flow itself


def test_a_client_who_leaves_frees_the_worker(home: Path) -> None:
    gate = threading.Event()
    voice = HeldVoice(gate=gate)
    service = make_app(home, voice, workers=1, queue_size=0).state.service
    wanted = Wanted("ada", "One. " * 50)

    async def scenario() -> None:
        outflow = await service.stream(wanted, never)
        with pytest.raises(ApiError, match="busy"):
            await service.stream(wanted, never)
        outflow.close()
        assert service.queue.pending == 1, "the worker is still in its chunk"
        gate.set()
        await until(lambda: service.queue.pending == 0)
        again = await service.stream(wanted, never)
        again.close()
        await until(lambda: service.queue.pending == 0)

    asyncio.run(scenario())
    assert len(voice.calls) < 20, "the rest of the text was not spoken"


def test_a_client_who_leaves_before_the_first_audio(home: Path) -> None:
    gate = threading.Event()
    voice = fake.ToneVoice(gate=gate)
    service = make_app(home, voice, workers=1, queue_size=1).state.service

    async def scenario() -> None:
        leave = asyncio.Event()

        async def gone() -> None:
            await leave.wait()

        asking = asyncio.create_task(service.stream(Wanted("ada", TEXT), gone))
        await until(voice.started.is_set)
        leave.set()
        with pytest.raises(Cancelled):
            await asking
        gate.set()
        await until(lambda: service.queue.pending == 0)

    asyncio.run(scenario())
    assert len(voice.calls) == 1


def test_a_slow_client_holds_the_worker_back() -> None:
    produced: list[int] = []

    def work(outflow: Outflow) -> None:
        for number in range(50):
            outflow.put(bytes(1000))
            produced.append(number)

    async def scenario() -> int:
        queue = WorkQueue(1, 0)
        outflow = await queue.stream(work, never, capacity=5000)
        parts = outflow.parts()
        total = len(await anext(parts))
        await until(lambda: len(produced) >= 6)
        await asyncio.sleep(0.05)
        assert len(produced) <= 7, "it waits for the client"
        total += sum([len(part) async for part in parts])
        await queue.close()
        return total

    assert asyncio.run(scenario()) == 50_000


def test_a_client_who_reads_nothing_is_given_up() -> None:
    async def scenario() -> BaseException | None:
        outflow = Outflow(asyncio.get_running_loop(), capacity=10, patience=0.05)

        def work() -> BaseException | None:
            try:
                while True:
                    outflow.put(bytes(10))
            except Cancelled as error:
                return error

        return await asyncio.to_thread(work)

    assert isinstance(asyncio.run(scenario()), Cancelled)


def test_a_stopping_service_tells_those_who_wait() -> None:
    gate = threading.Event()

    async def scenario() -> None:
        queue = WorkQueue(1, 1)
        running = asyncio.create_task(queue.run(lambda stop: gate.wait(20), never))
        waiting = asyncio.create_task(queue.stream(lambda outflow: outflow.put(b"x"), never, 10))
        await until(lambda: queue.pending == 2)
        closing = asyncio.create_task(queue.close())
        with pytest.raises(ApiError, match="stopping"):
            await waiting
        gate.set()
        assert await running is True
        await closing

    asyncio.run(scenario())


def test_a_chapter_takes_no_more_memory_than_a_page(home: Path) -> None:
    service = make_app(home, fake.ToneVoice(), stream_bytes=2**16).state.service

    async def listen(sentences: int) -> tuple[int, int]:
        outflow = await service.stream(Wanted("ada", "One two three four. " * sentences, audio_format="pcm"), never)
        tracemalloc.start()
        size = 0
        async for part in outflow.parts():
            size += len(part)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        outflow.close()
        return size, peak

    asyncio.run(listen(5))
    page, chapter = asyncio.run(listen(40)), asyncio.run(listen(800))
    assert chapter[0] > 19 * page[0] > 10 * 2**20
    assert chapter[1] < 8 * 2**20, f"{chapter[0]} bytes of audio, {chapter[1]} of memory"
