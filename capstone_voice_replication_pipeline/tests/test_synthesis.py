"""Chunks become one waveform without clicks, the same each time, and are saved whole."""

import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from voice_pipeline.audio import CONTENT_TYPES, decode
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO
from voice_pipeline.synthesis import Speech, save, speak, stream
from voice_pipeline.text import Pauses

from . import fake_voice as fake

LONG = "one two three four five six seven eight nine ten, " * 20 + "and the end. A second sentence.\n\nA new paragraph."
RUN_ON = "word " * 200


def test_each_chunk_is_heard_at_its_time() -> None:
    speech = speak(fake.ToneVoice(), LONG)
    assert len(speech.chunks) > 4
    for chunk in speech.chunks:
        start, end = (round(seconds * speech.sample_rate) for seconds in (chunk.start_seconds, chunk.end_seconds))
        assert fake.frequency(speech.waveform[start:end]) == pytest.approx(fake.tone_of(chunk.text), abs=8)


def test_pauses_are_silent_and_as_long_as_asked() -> None:
    speech = speak(fake.ToneVoice(), "One. Two.\n\nThree.", pauses=Pauses(sentence=0.3, paragraph=0.8))
    first, second, third = speech.chunks
    assert second.start_seconds - first.end_seconds == pytest.approx(0.3, abs=0.001)
    assert third.start_seconds - second.end_seconds == pytest.approx(0.8, abs=0.001)
    gap = speech.waveform[round(first.end_seconds * 24_000) : round(second.start_seconds * 24_000)]
    assert not gap.any()


@pytest.mark.parametrize("text", [LONG, RUN_ON, "Short."])
def test_no_clicks(text: str) -> None:
    """The largest step between two samples is that of the tones themselves."""
    speech = speak(fake.ToneVoice(), text)
    step = max(2 * np.pi * fake.tone_of(chunk.text) / speech.sample_rate * 0.5 for chunk in speech.chunks)
    assert np.abs(np.diff(speech.waveform, prepend=0.0, append=0.0)).max() <= step * 1.1


def test_a_hard_join_would_be_noticed() -> None:
    """The check above fails for chunks laid end to end."""
    voice = fake.ToneVoice()
    hard = np.concatenate([voice.synthesize("ab", seed=1), voice.synthesize("ab", seed=6)])
    assert np.abs(np.diff(hard)).max() > 2 * np.pi * fake.tone_of("ab") / 24_000 * 0.5 * 1.1


def test_cut_sentences_are_cross_faded() -> None:
    speech = speak(fake.ToneVoice(), RUN_ON)
    total = sum(chunk.end_seconds - chunk.start_seconds for chunk in speech.chunks)
    assert total > speech.seconds
    assert speech.chunks[1].start_seconds < speech.chunks[0].end_seconds


@pytest.mark.parametrize("amplitude", [0.1, 1.0, 5.0])
def test_peaks_stay_below_the_limit(amplitude: float) -> None:
    speech = speak(fake.ToneVoice(amplitude=amplitude), RUN_ON)
    assert np.abs(speech.waveform).max() <= min(amplitude, AUDIO.peak_limit) + 1e-6


def test_the_same_seed_gives_the_same_samples() -> None:
    first, again, other = (speak(fake.ToneVoice(), LONG, seed=seed).waveform for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_streamed_pieces_are_the_whole() -> None:
    pieces = [piece.waveform for piece in stream(fake.ToneVoice(), LONG)]
    assert len(pieces) > 4
    assert np.array_equal(np.concatenate(pieces), speak(fake.ToneVoice(), LONG).waveform)


def test_streaming_speaks_no_further_than_it_is_asked() -> None:
    voice = fake.ToneVoice()
    pieces = stream(voice, "Hello there. " * 500)
    assert len(list(islice(pieces, 3))) == 3
    assert len(voice.calls) == 3


def test_speed_reaches_the_voice_and_the_pauses() -> None:
    slow, fast = (speak(fake.ToneVoice(), "One. Two.", speed=speed) for speed in (0.5, 2.0))
    assert slow.seconds == pytest.approx(4 * fast.seconds, rel=0.02)


@pytest.mark.parametrize("speed", [0.0, 0.24, 4.01, -1.0, float("nan"), float("inf")])
def test_a_speed_out_of_range_is_refused(speed: float) -> None:
    with pytest.raises(PipelineError, match="speed"):
        speak(fake.ToneVoice(), "Hello.", speed=speed)
    with pytest.raises(PipelineError, match="speed"):
        stream(fake.ToneVoice(), "Hello.", speed=speed)


def test_progress_ends_at_one() -> None:
    seen: list[float] = []
    speak(fake.ToneVoice(), LONG, on_progress=lambda share, sentence: seen.append(share))
    assert seen == sorted(seen) and seen[-1] == 1.0


class _Broken:
    sample_rate = 24_000

    def __init__(self, samples: np.ndarray) -> None:
        self.samples = samples

    def synthesize(self, text: str, *, speed: float = 1.0, seed: int = 0) -> np.ndarray:
        return self.samples


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.array([np.nan, 0.1]), "no numbers"),
        (np.array([np.inf]), "no numbers"),
        (np.zeros(0), "no sound"),
        (np.zeros(99), "no sound"),
    ],
)
def test_a_broken_voice_is_reported(samples: np.ndarray, message: str) -> None:
    with pytest.raises(PipelineError, match=message):
        speak(_Broken(samples), "Hello. There.")


@pytest.mark.parametrize("length", [1, 2, 3, 10, 239, 241])
def test_very_short_sounds_are_joined(length: int) -> None:
    waveform = speak(_Broken(np.full(length, 0.5)), RUN_ON).waveform
    assert np.abs(waveform).max() <= AUDIO.peak_limit


@pytest.fixture
def speech() -> Speech:
    return speak(fake.ToneVoice(), "Dr. Lee has 2 cats.", seed=7, speed=1.5)


@pytest.mark.parametrize("suffix", CONTENT_TYPES)
def test_every_format_is_written_with_its_sidecar(speech: Speech, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "deep" / f"said.{suffix}"
    sidecar = save(speech, path, details={"voice": "ada", "weights_sha256": {"model.safetensors": "00"}})
    record = json.loads(sidecar.read_text(encoding="utf-8"))
    assert record["voice"] == "ada" and record["seed"] == 7 and record["speed"] == 1.5
    assert record["text"] == "Dr. Lee has 2 cats." and record["normalised_text"] == "Doctor Lee has two cats."
    assert record["settings"]["pauses"]["sentence"] > 0
    if suffix != "pcm":
        decoded = decode(path)
        heard = fake.frequency(decoded.waveform, decoded.sample_rate)
        assert heard == pytest.approx(fake.tone_of(speech.chunks[0].text), rel=0.02)
    assert {file.name for file in path.parent.iterdir()} == {path.name, sidecar.name}


@pytest.mark.parametrize("name", ["said.ogg2", "said", "said.txt"])
def test_unknown_formats_are_refused_before_anything_is_written(speech: Speech, tmp_path: Path, name: str) -> None:
    with pytest.raises(PipelineError, match="audio format") as caught:
        save(speech, tmp_path / name)
    assert "wav" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_reported(speech: Speech, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PipelineError, match="cannot write"):
        save(speech, tmp_path / "file" / "said.wav")
