"""py_utils against the libraries that do the same."""

from __future__ import annotations

import re
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

utils = load_script(Path(__file__).resolve().parents[1] / "py_utils.py")
RATE = 24_000


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.9, 0.9, 2400).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
def test_read_wav_gives_what_soundfile_gives(tmp_path, noise, subtype, channels):
    path = tmp_path / "x.wav"
    soundfile.write(path, noise.reshape(-1, channels), 16_000, subtype=subtype, format="WAV")
    waveform, rate = utils.read_wav(path)
    expected, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert (rate, waveform.dtype, waveform.ndim) == (16_000, np.float32, 1)
    np.testing.assert_allclose(waveform, expected.mean(axis=1), atol=1e-7)


def test_soundfile_reads_what_write_wav_wrote(tmp_path, noise):
    utils.write_wav(tmp_path / "new" / "x.wav", noise, 22_050)
    waveform, rate = soundfile.read(tmp_path / "new" / "x.wav", dtype="float32")
    info = soundfile.info(tmp_path / "new" / "x.wav")
    assert (rate, info.channels, info.subtype) == (22_050, 1, "PCM_16")
    np.testing.assert_allclose(waveform, noise, atol=1 / 32_768 + 1e-4)


def test_write_wav_clips_and_does_not_wrap_round(tmp_path):
    utils.write_wav(tmp_path / "x.wav", np.array([2.0, -2.0, 0.5]))
    samples, _ = soundfile.read(tmp_path / "x.wav", dtype="int16")
    assert samples.tolist() == [32_767, -32_767, 16_384]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "does not exist"),
        (b"", "ends too early"),
        (b"these are my notes, not a sound", "no WAV"),
        ("header only", "holds no samples"),
        ("cut off", "is cut off: 2400 samples announced, 1190 found"),
        ("float", "no WAV that can be read: unknown format: 3"),
    ],
)
def test_read_wav_refuses_in_plain_words(tmp_path, noise, content, says):
    path = tmp_path / "x.wav"
    if content == "header only":
        soundfile.write(path, noise[:0], RATE)
    elif content == "cut off":
        utils.write_wav(path, noise)
        path.write_bytes(path.read_bytes()[: 44 + 2 * 1190])
    elif content == "float":
        soundfile.write(path, noise, RATE, subtype="FLOAT")
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(CourseError, match=re.escape(says)) as caught:
        utils.read_wav(path)
    assert caught.value.hint


def test_levels_are_those_of_the_formula(noise):
    assert utils.decibels(0.5) == pytest.approx(-6.0206, abs=1e-4)
    assert utils.decibels(0.0) == utils.rms_dbfs(np.zeros(5)) == utils.peak_dbfs(np.zeros(0)) == -120
    assert utils.rms_dbfs(np.zeros(0)) == -120
    assert utils.rms_dbfs(utils.sine(1000, 1.0, amplitude=1.0)) == pytest.approx(-3.01, abs=0.01)
    assert utils.peak_dbfs(noise) == pytest.approx(20 * np.log10(np.abs(noise).max()))


def test_sine_has_the_frequency_asked_for():
    tone = utils.sine(440, 1.0)
    assert len(tone) == RATE and tone.dtype == np.float32
    assert np.abs(np.fft.rfft(tone)).argmax() == 440


@pytest.mark.parametrize("f0", [90, 120, 210])
def test_hum_has_the_pitch_asked_for_by_librosa(f0):
    import librosa

    waveform = utils.hum("Oh dear! I shall be late!", f0=f0)
    pitches, voiced, _ = librosa.pyin(waveform, fmin=65, fmax=400, sr=RATE, frame_length=1024)
    assert np.nanmedian(pitches[voiced]) == pytest.approx(0.96 * f0, rel=0.03)
    assert np.abs(waveform).max() == pytest.approx(0.5, abs=1e-3)


def test_hum_of_nothing_is_short_silence():
    assert not utils.hum("").any()
    assert len(utils.hum("hm")) < RATE / 4


def test_words_and_sentences():
    assert utils.words('"Oh dear!" It\'s the daisy-chain - 3 of them.') == [
        "oh", "dear", "it's", "the", "daisy-chain", "of", "them",
    ]  # fmt: skip
    assert utils.sentences('He said "No!" She went. "Why?" (Nobody knew.) ') == [
        'He said "No!"', "She went.", '"Why?"', "(Nobody knew.)",
    ]  # fmt: skip
    assert utils.words("") == utils.sentences("  \n ") == []


def test_no_character_of_the_narration_is_lost_in_sentences():
    assert "".join(" ".join(utils.sentences(utils.NARRATION)).split()) == "".join(utils.NARRATION.split())


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (5.9, "0:05"), (75.4, "1:15"), (3600, "60:00")])
def test_clock(seconds, shown):
    assert utils.clock(seconds) == shown


def test_samples_from_bytes_against_struct():
    data = bytes(range(24))
    assert utils.samples_from_bytes(data, 2)[3] == int.from_bytes(data[6:8], "little", signed=True) / 2**15
    assert utils.samples_from_bytes(data, 3)[1] == pytest.approx(int.from_bytes(data[3:6], "little") / 2**23)
    assert utils.samples_from_bytes(bytes([0, 128, 255]), 1).tolist() == [-1, 0, 127 / 128]


def test_a_figure_is_a_png(tmp_path):
    figure, axis = utils.subplots(1)
    axis.plot([0, 1])
    utils.save_figure(figure, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_best_seconds_takes_the_shortest(monkeypatch):
    times = iter([0.0, 3.0, 10.0, 11.0, 20.0, 22.0])
    monkeypatch.setattr(utils.time, "perf_counter", lambda: next(times))
    assert utils.best_seconds(lambda: None, repeats=3) == 1.0


def test_the_wave_module_agrees_on_the_header(tmp_path, noise):
    utils.write_wav(tmp_path / "x.wav", noise, 16_000)
    with wave.open(str(tmp_path / "x.wav")) as file:
        assert file.getparams()[:4] == (1, 2, 16_000, 2400)
