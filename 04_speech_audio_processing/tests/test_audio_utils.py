"""The helpers of module 04: speech or its stand-in, levels, frames, noise of a known strength."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from coursekit.course.modules import load_script
from coursekit.errors import CourseError
from voice_pipeline.errors import PipelineError

MODULE = Path(__file__).resolve().parents[1]
audio_utils = load_script(MODULE / "audio_utils.py")
Clip = audio_utils.Clip


def settings(out: Path, **changes) -> Namespace:
    return Namespace(**{"quick": True, "seed": 0, "device": "auto", "out": out} | changes)


def speech_like(seconds: float = 2.0, rate: int = 16_000) -> np.ndarray:
    """Half a second of room, a buzz that swells, half a second of room."""
    t = np.arange(round(seconds * rate)) / rate
    buzz = 0.2 * np.sin(2 * np.pi * 150 * t) * (1 + 0.5 * np.sin(2 * np.pi * 4 * t))
    whole = np.pad(buzz, rate // 2) + 1e-4 * np.random.default_rng(0).normal(size=len(t) + 2 * (rate // 2))
    return whole.astype(np.float32)


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path / "no data"))


def test_a_gpu_is_refused_with_the_reason(tmp_path):
    with pytest.raises(CourseError, match="--device cuda") as caught:
        audio_utils.prepare(settings(tmp_path, device="cuda"))
    assert caught.value.hint == "leave --device out"
    assert audio_utils.prepare(settings(tmp_path)).random() == np.random.default_rng(0).random()


def test_without_data_a_synthetic_voice_speaks_once(no_data, tmp_path, monkeypatch, capsys):
    spoken = []

    def speak(voice: int, text: str) -> np.ndarray:
        spoken.append((voice, text))
        return speech_like(1.0, audio_utils.SAMPLE_RATE)

    monkeypatch.setattr(audio_utils, "_speak", speak)
    asked = settings(tmp_path, quick=False)
    clips = audio_utils.load_speakers(asked, 3, sentences_each=2)
    assert asked.quick is True  # the expectations of the quick run hold then
    assert "Offline stand-in: synthetic voices" in capsys.readouterr().out
    assert [clip.speaker for clip in clips] == ["voice0", "voice1", "voice2"] and len(spoken) == 6
    assert len({text for _, text in spoken}) == 4  # neighbours share a sentence, nobody reads one twice
    assert all(clip.waveform.dtype == np.float32 and 4.5 < clip.seconds < 5.5 for clip in clips)
    again = audio_utils.load_speakers(settings(tmp_path), 3, sentences_each=2)
    assert len(spoken) == 6
    assert all(np.array_equal(a.waveform, b.waveform) for a, b in zip(clips, again, strict=True))


def test_the_starter_voice_really_speaks(no_data, tmp_path):
    clip = audio_utils.load_reader(settings(tmp_path), 1)[0]
    assert clip.sample_rate == 24_000 and 3 < clip.seconds < 15
    assert audio_utils.active_level(clip.waveform, clip.sample_rate) == pytest.approx(-24, abs=1.5)
    assert len(list((tmp_path / "stand_in").glob("voice0_text0_*.wav"))) == 1


def test_real_speech_is_read_where_it_is(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path))
    asked = settings(tmp_path)
    reader = audio_utils.load_reader(asked, 5)
    assert {(clip.speaker, clip.sample_rate) for clip in reader} == {("LJ", 22_050)} and len(reader) == 5
    people = audio_utils.load_speakers(asked, 50)
    assert len({clip.speaker for clip in people}) == 50 and {clip.sample_rate for clip in people} == {16_000}
    assert asked.quick is True and not (tmp_path / "stand_in").exists()


def test_a_clip_at_another_rate_keeps_its_length_and_tone():
    tone = np.sin(2 * np.pi * 500 * np.arange(22_050) / 22_050).astype(np.float32)
    clip = Clip("tone", "nobody", tone, 22_050).at(24_000)
    assert clip.seconds == pytest.approx(1.0, abs=1e-3) and clip.waveform.dtype == np.float32
    assert np.abs(np.fft.rfft(clip.waveform)).argmax() == 500
    assert clip.at(24_000) is clip


def test_frames_are_whole_views_and_short_sounds_are_refused():
    frames = audio_utils.frames_of(np.arange(10), 4, 3)
    assert frames.tolist() == [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    with pytest.raises(CourseError, match="3 samples hold no frame of 4"):
        audio_utils.frames_of(np.zeros(3), 4, 1)


def test_levels_have_a_floor_and_use_10_for_powers():
    levels = audio_utils.frame_levels(np.concatenate([np.zeros(4), np.full(4, 0.1)]), 4, 4)
    assert levels == pytest.approx([-120, -20])


def test_speech_is_what_is_near_the_loud_frames():
    waveform = speech_like()
    active = audio_utils.is_active(waveform, 320, 320)
    assert not active[:24].any() and active[26:124].all() and not active[126:].any()
    assert not audio_utils.is_active(np.zeros(3200), 320, 320).any()


@pytest.mark.parametrize("kind", audio_utils.NOISES)
def test_every_noise_has_the_strength_asked_for(kind):
    random = np.random.default_rng(1)
    clip = Clip("a", "a", speech_like(), 16_000)
    noise = audio_utils.make_noise(kind, len(clip.waveform), 16_000, random, [clip])
    assert audio_utils.rms(noise) == pytest.approx(1, abs=1e-3) and noise.dtype == np.float32
    mixed = audio_utils.mix_at_snr(clip, noise, 12.0)
    added = audio_utils.decibels(audio_utils.rms(mixed - clip.waveform))
    assert audio_utils.active_level(clip.waveform, 16_000) - added == pytest.approx(12, abs=0.05)


def test_pink_noise_falls_by_3_db_an_octave_and_unknown_noise_is_named():
    random = np.random.default_rng(2)
    power = np.abs(np.fft.rfft(audio_utils.make_noise("pink", 1 << 17, 16_000, random))) ** 2
    octaves = [10 * np.log10(power[1 << n : 2 << n].mean()) for n in range(8, 15)]
    assert np.diff(octaves) == pytest.approx([-3.01] * 6, abs=0.6)
    with pytest.raises(CourseError, match="'brown' is unknown") as caught:
        audio_utils.make_noise("brown", 10, 16_000, random)
    assert "white" in caught.value.hint


def test_snr_of_a_known_error():
    clean = np.sin(np.arange(1000.0))
    assert audio_utils.snr_db(clean, 1.1 * clean) == pytest.approx(20, abs=0.01)


def test_refusals_of_the_capstone_become_course_errors():
    with pytest.raises(CourseError, match="no sound") as caught, audio_utils.as_course_error():
        raise PipelineError("no sound", hint="record it again")
    assert caught.value.hint == "record it again"


def test_figures_are_written_whole(tmp_path):
    figure = audio_utils.Figure()
    image = audio_utils.draw_spectrogram(figure.subplots(), np.zeros((4, 5)), 0.01, 12_000, "title")
    assert image.get_extent() == [0, 0.05, 0, 12_000]
    audio_utils.save_figure(figure, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG" and len(list(tmp_path.iterdir())) == 1
    audio_utils.write_wav(tmp_path / "a.wav", np.zeros(10, np.float32))
    assert soundfile.info(tmp_path / "a.wav").samplerate == 24_000
