"""Decoding odd and damaged files, encoding in every format, within bounds and without a traceback."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from voice_pipeline import audio
from voice_pipeline.audio import AudioError, NotFiniteError, TooLargeError
from voice_pipeline.errors import PipelineError

from .synthetic_speech import speech

RATE = 24_000


@pytest.fixture(scope="module")
def waveform() -> np.ndarray:
    return speech(1.2, margin=0.15)


def tone(seconds: float, rate: int, frequency: float = 440.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 44_100])
@pytest.mark.parametrize("format", [name for name in audio.CONTENT_TYPES if name != "pcm"])
def test_every_format_comes_back_with_its_duration_and_sound(tmp_path, waveform, format, rate):
    given = audio.resample(waveform, RATE, rate)
    path = tmp_path / "speech.bin"  # the name says nothing: content decides
    path.write_bytes(audio.encode(given, rate, format))
    decoded = audio.decode(path)
    assert decoded.sample_rate == audio.encoded_rate(rate, format)
    slack = 0.1 if format == "aac" else 0.002  # AAC pads to whole frames of 1024 samples
    assert len(given) / rate - 0.002 <= decoded.duration <= len(given) / rate + slack
    back = audio.resample(decoded.waveform, decoded.sample_rate, rate)
    spectra = [np.abs(np.fft.rfft(sound, 65_536))[:8_000] for sound in (given, back)]
    assert np.corrcoef(*spectra)[0, 1] > 0.95


def test_pcm_is_the_bare_samples(waveform):
    data = audio.encode(waveform, RATE, "pcm")
    assert len(data) == 2 * len(waveform)
    assert np.abs(np.frombuffer(data, "<i2") / 32_767 - waveform).max() < 1e-4


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_headers_state_the_true_size(waveform, format):
    info = soundfile.info(io.BytesIO(audio.encode(waveform, RATE, format)))
    assert (info.frames, info.samplerate, info.channels) == (len(waveform), RATE, 1)


@pytest.mark.parametrize("format", list(audio.CONTENT_TYPES))
def test_empty_and_tiny_waveforms_can_be_encoded(format):
    for samples in (0, 1, 100):
        assert isinstance(audio.encode(np.zeros(samples, np.float32), RATE, format), bytes)


def test_encode_refuses_what_it_cannot_do(waveform):
    with pytest.raises(PipelineError, match="unknown audio format 'mp4'"):
        audio.encode(waveform, RATE, "mp4")
    with pytest.raises(PipelineError, match="NaN"):
        audio.encode(np.array([0.0, np.nan], np.float32), RATE, "wav")


def test_loud_samples_are_clipped_and_not_wrapped_around():
    samples = np.frombuffer(audio.encode(np.array([2.0, -2.0], np.float32), RATE, "pcm"), "<i2")
    assert samples.tolist() == [32_767, -32_767]


def test_write_wav_leaves_nothing_behind_when_it_fails(tmp_path):
    target = tmp_path / "clip.wav"
    audio.write_wav(target, tone(0.1, RATE))
    before = target.read_bytes()
    with pytest.raises(PipelineError):
        audio.write_wav(target, np.full(10, np.inf, np.float32))
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["clip.wav"]


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_channels_are_averaged(tmp_path, channels):
    path = tmp_path / "many.wav"
    sound = tone(0.5, 48_000)
    soundfile.write(path, np.repeat(sound[:, None], channels, axis=1), 48_000, subtype="FLOAT")
    decoded = audio.decode(path)
    assert decoded.channels == channels
    assert np.abs(decoded.waveform - sound).max() < 1e-5


def test_opposite_channels_do_not_cancel(tmp_path):
    path = tmp_path / "phase.wav"
    sound = tone(0.5, 48_000)
    soundfile.write(path, np.stack([0.3 * sound, -sound], axis=1), 48_000, subtype="FLOAT")
    decoded = audio.decode(path)
    assert decoded.mix == "mean of channels"  # unequal channels leave a third of the sound: enough
    soundfile.write(path, np.stack([0.9 * sound, -sound], axis=1), 48_000, subtype="FLOAT")
    decoded = audio.decode(path)
    assert decoded.mix == "channel 2"
    assert np.abs(decoded.waveform + sound).max() < 1e-5


@pytest.mark.parametrize("rate", [8_000, 11_025, 96_000, 192_000])
def test_unusual_sample_rates(tmp_path, rate):
    path = tmp_path / "rate.flac"
    soundfile.write(path, tone(0.5, rate), rate)
    decoded = audio.decode(path)
    assert (decoded.sample_rate, round(decoded.duration, 3)) == (rate, 0.5)
    assert len(audio.resample(decoded.waveform, rate)) == pytest.approx(12_000, abs=2)


def test_every_64th_truncation_of_a_wav_is_decoded_or_refused(tmp_path):
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(0.25, 8_000), 8_000, format="WAV")
    whole = buffer.getvalue()
    path = tmp_path / "cut.wav"
    decoded_lengths = []
    for length in range(0, len(whole), 64):
        path.write_bytes(whole[:length])
        try:
            decoded_lengths.append(len(audio.decode(path).waveform))
        except AudioError as error:
            assert error.rule == "unreadable" and str(error).startswith("cut.wav")
    assert decoded_lengths == sorted(decoded_lengths)
    assert decoded_lengths[-1] >= 1_900


@pytest.mark.parametrize("value", range(256))
def test_a_wav_with_any_coding_in_its_header_is_decoded_or_refused(tmp_path, value):
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(0.05, 8_000), 8_000, format="WAV")
    header = bytearray(buffer.getvalue())
    header[20] = value  # the low byte of the format tag: 1 is PCM, 3 float, which 16 bits cannot be
    path = tmp_path / "odd.wav"
    path.write_bytes(header)
    try:
        assert len(audio.decode(path).waveform)
    except AudioError as error:
        assert error.rule == "unreadable" and error.hint


@pytest.mark.parametrize("suffix", [".wav", ".mp3", ".m4a", ".gsm", ".raw", ".vox", ""])
def test_random_bytes_are_refused_whatever_their_name(tmp_path, suffix):
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(np.random.default_rng(1).bytes(5_000))
    with pytest.raises(AudioError, match="not audio|damaged|no sound") as caught:
        audio.decode(path)
    assert caught.value.rule == "unreadable"
    assert caught.value.hint


@pytest.mark.parametrize("content", [b"", b"\0" * 4096, b"RIFF", b"hello, this is a text"])
def test_files_without_sound_are_refused(tmp_path, content):
    path = tmp_path / "empty.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError):
        audio.decode(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "absent.wav", tmp_path):
        with pytest.raises(AudioError, match="cannot be read"):
            audio.decode(path)


def test_a_playlist_opens_no_other_file(tmp_path):
    soundfile.write(tmp_path / "secret.wav", tone(0.5, RATE), RATE)
    path = tmp_path / "list.wav"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path / 'secret.wav'}\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError):
        audio.decode(path)
    path.write_text(f"ffconcat version 1.0\nfile '{tmp_path / 'secret.wav'}'\n")
    with pytest.raises(AudioError):
        audio.decode(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_named(tmp_path, bad):
    sound = tone(0.5, RATE)
    sound[700] = bad
    path = tmp_path / "nan.wav"
    soundfile.write(path, sound, RATE, subtype="FLOAT")
    with pytest.raises(NotFiniteError) as caught:
        audio.decode(path)
    assert caught.value.rule == "not_finite"


def test_ten_hours_are_refused_by_their_header(tmp_path):
    path = tmp_path / "long.flac"
    with soundfile.SoundFile(path, "w", 8_000, 1, format="FLAC") as file:
        for _ in range(10 * 6):
            file.write(np.zeros(8_000 * 600, np.int16))
    tracemalloc.start()
    with pytest.raises(TooLargeError, match="600.0 minutes") as caught:
        audio.decode(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.rule == "file_too_long"
    assert peak < 5e6


def test_a_file_longer_than_its_header_says_is_stopped(tmp_path, monkeypatch):
    path = tmp_path / "lying.m4a"
    path.write_bytes(audio.encode(tone(5, RATE), RATE, "aac"))  # a bare AAC stream has no true length in its header
    monkeypatch.setattr(audio, "MAX_SECONDS", 2)
    with pytest.raises(TooLargeError):
        audio.decode(path)


EXPECTED_MESSY = {
    "106-invalid-streaminfo.flac": "unreadable",
    "empty_file.mp3": "unreadable",
    "test-44100Hz-le-1ch-4bytes-early-eof-no-data.wav": "unreadable",
    "test-44100Hz-le-1ch-4bytes-incomplete-chunk.wav": "unreadable",
    "format_test.m4a": ("mov", "aac", 44_100, 1),
    "wrong_extension.aac": ("mov", "aac", 44_100, 1),
    "testing.m4a": ("mov", "aac", 44_100, 1),
    "RIFX-16bit-mono.wav": ("WAV", "PCM_16", 8_000, 1),
    "adpcm.wav": ("WAV", "MS_ADPCM", 44_100, 1),
    "gsm_6_10.wav": ("WAV", "GSM610", 44_100, 1),
    "jfk.flac": ("FLAC", "PCM_24", 44_100, 2),
    "corrupt_metadata.ogg": ("OGG", "VORBIS", 44_100, 1),
    "test1-8bit.wav": ("WAV", "PCM_U8", 32_000, 2),
    "test-48000Hz-2ch-64bit-float-le-wavex.wav": ("WAVEX", "DOUBLE", 48_000, 2),
}


def test_every_messy_file_is_decoded_or_refused(mirror):
    files = sorted(path for path in (mirror / "messy_audio").iterdir() if path.suffix != ".md")
    assert len(files) >= 26
    for path in files:
        try:
            decoded = audio.decode(path)
            found: object = (decoded.container, decoded.codec, decoded.sample_rate, decoded.channels)
            assert decoded.waveform.dtype == np.float32 and decoded.waveform.ndim == 1
        except AudioError as error:
            found = error.rule
        if path.name in EXPECTED_MESSY:
            assert found == EXPECTED_MESSY[path.name], path.name
        else:
            assert isinstance(found, tuple), path.name


def test_decode_takes_a_string(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(0.1, RATE), RATE)
    assert audio.decode(str(tmp_path / "a.wav")).bit_depth == 16
    assert isinstance(audio.decode(Path(tmp_path / "a.wav")).waveform, np.ndarray)
