"""What the scripts of module 04 teach, tried on small sounds whose right answers are known."""

from __future__ import annotations

import struct
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from sklearn.metrics import precision_recall_fscore_support

from coursekit.course.modules import load_script
from voice_pipeline.measurements import clipped_share

MODULE = Path(__file__).resolve().parents[1]
RATE = 24_000


def lesson(name: str):
    return load_script(MODULE / f"{name}.py")


def tone(hz: float, seconds: float = 1.0, rate: int = RATE) -> np.ndarray:
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def speech_like(seed: int = 0, seconds: float = 2.0) -> np.ndarray:
    """Syllables of a buzz with pauses between them, over faint noise."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 2 * t), 0, None) ** 0.5
    whole = np.pad(0.1 * buzz * syllables, RATE // 4)
    return (whole + 2e-4 * random.normal(size=len(whole))).astype(np.float32)


# ------------------------------------------------------------------------------------------------------------ files


def test_01_every_format_is_written_recognised_and_read_back(tmp_path):
    load = lesson("01_load_and_inspect")
    waveform = tone(440) + tone(1000)
    for path in load.write_all(tmp_path, waveform):
        assert load.sniff(path.read_bytes()[:16]) != "unknown", path.name
        loaded, rate = load.load_audio(path)
        assert abs(len(loaded) / rate - 1) < 0.15, path.name
        spectrum = np.abs(np.fft.rfft(loaded[: rate // 2]))
        assert abs(spectrum.argsort()[-1] * 2 - 440) < 5 or abs(spectrum.argsort()[-1] * 2 - 1000) < 5, path.name


def test_01_the_header_by_hand_agrees_with_libsndfile_and_skips_other_chunks(tmp_path):
    load = lesson("01_load_and_inspect")
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((100, 2)), 22_050, subtype="PCM_24")
    header = load.wav_header(path.read_bytes())
    assert (header["rate"], header["channels"], header["bits"], header["data_bytes"]) == (22_050, 2, 24, 600)
    data = path.read_bytes()
    extra = data[:12] + b"note" + struct.pack("<I", 3) + b"abc\0" + data[12:]  # an odd length is padded
    assert load.wav_header(extra) == header
    assert load.wav_header(data[:-50])["data_found"] == header["data_found"] - 50


@pytest.mark.parametrize("late", [0, 37, -5])
def test_01_a_late_copy_is_aligned_before_it_is_compared(late):
    load = lesson("01_load_and_inspect")
    original = np.random.default_rng(3).normal(size=4000)
    decoded = np.roll(original, late) + 0.01 * np.random.default_rng(4).normal(size=4000)
    snr, found = load.aligned_snr(original, decoded)
    assert found == late and snr == pytest.approx(40, abs=1.5)


# ------------------------------------------------------------------------------------------------- transforms, mel


def test_02_the_transform_is_librosas_and_goes_back():
    stft = lesson("02_waveform_and_stft")
    waveform = speech_like()
    mine = stft.stft(waveform, 512, 128)
    library = librosa.stft(waveform.astype(float), n_fft=512, hop_length=128, pad_mode="reflect")
    assert np.allclose(mine, library, atol=1e-9)
    assert np.allclose(stft.istft(mine, 128, len(waveform))[:-512], waveform[:-512], atol=1e-9)


def test_02_a_longer_window_tells_closer_tones_apart_and_clicks_no_longer():
    stft = lesson("02_waveform_and_stft")
    assert stft.tells_tones_apart(4096, 30) and not stft.tells_tones_apart(1024, 30)
    assert stft.tells_clicks_apart(128, 0.01) and not stft.tells_clicks_apart(1024, 0.01)
    assert not stft.resolves(np.array([0.0, -2.0, 0.0]), 0, 2)


@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels", "low", "high"), [(16_000, 400, 40, 20, 7600), (44_100, 2048, 128, 0, 20_000)]
)
def test_03_filters_are_librosas_at_other_settings_too(rate, n_fft, n_mels, low, high):
    mel = lesson("03_mel_and_mfcc")
    library = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=low, fmax=high)
    assert np.allclose(mel.mel_filters(rate, n_fft, n_mels, low, high), library, atol=1e-7)
    assert mel.mel_to_hz(mel.hz_to_mel(np.array([50.0, 999, 1000, 7000]))) == pytest.approx([50, 999, 1000, 7000])


def test_03_mfcc_is_an_orthonormal_cosine_transform():
    mel = lesson("03_mel_and_mfcc")
    waves = mel.mfcc(np.eye(20), 20)
    assert np.allclose(waves @ waves.T, np.eye(20), atol=1e-12)


# ------------------------------------------------------------------------------------------------ levels, speech


def test_04_trim_cuts_where_librosa_does():
    prepare = lesson("04_trim_normalise_resample")
    waveform = speech_like()
    for top_db in (20, 35, 60):
        library = librosa.effects.trim(waveform, top_db=top_db, frame_length=1024, hop_length=256)[1]
        assert prepare.trim(waveform, top_db) == tuple(library)


def test_04_loudness_of_the_standards_own_tone_and_what_normalising_promises():
    prepare = lesson("04_trim_normalise_resample")
    full = np.sin(2 * np.pi * 997 * np.arange(5 * 48_000) / 48_000)
    assert prepare.lufs(full, 48_000) == pytest.approx(-3.01, abs=0.05)  # ITU-R BS.1770
    waveform = speech_like()
    assert prepare.lufs(prepare.by_lufs(waveform), RATE) == pytest.approx(-23, abs=0.01)
    assert np.abs(prepare.by_peak(waveform)).max() == pytest.approx(0.97)
    with_pause = np.concatenate([waveform, np.zeros(2 * RATE)])
    assert prepare.lufs(with_pause, RATE) == pytest.approx(prepare.lufs(waveform, RATE), abs=0.5)


def test_05_precision_and_recall_are_scikit_learns():
    vad = lesson("05_voice_activity")
    random = np.random.default_rng(5)
    found, labels = random.random(200) < 0.4, random.random(200) < 0.6
    precision, recall, f1, _ = precision_recall_fscore_support(labels, found, average="binary")
    assert vad.precision_recall(found, labels) == pytest.approx((precision, recall))
    assert vad.f1(found, labels) == pytest.approx(f1)
    assert vad.precision_recall(np.zeros(3, bool), np.ones(3, bool)) == (0, 0)


def test_05_gaps_are_bridged_up_to_the_hangover_and_labels_fit_the_frames():
    vad = lesson("05_voice_activity")
    frames = np.zeros(60, bool)
    frames[[10, 16, 40]] = True
    closed = vad.bridge(frames)
    assert closed[10:17].all() and closed.sum() == 8 and not vad.bridge(np.zeros(5, bool)).any()
    clip = lesson("audio_utils").Clip("a", "a", speech_like(), RATE).at(vad.VAD_RATE)
    whole, labels = vad.conversation([clip, clip], 20.0, np.random.default_rng(0))
    assert len(labels) == len(whole.waveform) // vad.FRAME and 0.3 < labels.mean() < 0.8
    assert len(vad.energy_scores(whole.waveform)) == len(vad.silero_scores(whole.waveform)) == len(labels)


@pytest.mark.parametrize("hz", [70.0, 123.4, 310.0, 480.0])
def test_06_yin_finds_a_known_pitch_and_none_in_hiss_or_silence(hz):
    pitch = lesson("06_pitch_and_energy")
    t = np.arange(RATE) / RATE
    buzz = sum(weight * np.sin(2 * np.pi * k * hz * t) for k, weight in ((1, 0.3), (2, 1.0), (3, 0.5)))
    f0 = pitch.yin(0.2 * buzz)[4:-4]
    assert (f0 > 0).all() and np.abs(1200 * np.log2(f0 / hz)).max() < 10
    assert (pitch.yin(0.1 * np.random.default_rng(0).normal(size=RATE)) > 0).mean() < 0.05
    assert not pitch.yin(np.zeros(RATE)).any()


def test_06_tracks_are_compared_where_both_have_a_pitch():
    pitch = lesson("06_pitch_and_energy")
    agree, gross, cents = pitch.compare(np.array([100.0, 0, 200, 100, 100]), np.array([100.0, 90, 100, 100, 0]))
    assert (agree, gross, cents) == (pytest.approx(0.6), pytest.approx(1 / 3), 0)
    assert pitch.compare(np.zeros(4), np.array([0.0, 100, 0, 0])) == (0.75, 0.0, 0.0)


# ------------------------------------------------------------------------------------------- noise, changes, quality


def test_07_the_gate_shuts_on_noise_and_opens_for_a_tone():
    denoising = lesson("07_denoising")
    random = np.random.default_rng(6)
    noise = 0.01 * random.normal(size=RATE)
    waveform = noise + np.concatenate(
        [np.zeros(RATE // 2), 0.3 * np.sin(2 * np.pi * 750 * np.arange(RATE // 2) / RATE)]
    )
    mask = denoising.gate(denoising.transform(waveform), denoising.transform(waveform[: RATE // 2]))
    row = round(750 * 1024 / RATE)
    assert mask.min() >= 0.0999 and mask.max() <= 1
    assert mask[row, -20:-5].min() > 0.5 and mask[300:, -20:-5].mean() < 0.3
    result = denoising.denoise(waveform, RATE // 2)
    assert len(result) == len(waveform) and result.std() > 0.5 * waveform.std()


def test_07_measures_are_what_they_say():
    denoising = lesson("07_denoising")
    clean = speech_like()
    noisy = clean + 0.02 * np.random.default_rng(7).normal(size=len(clean)).astype(np.float32)
    nothing = denoising.measure(clean, noisy, noisy)
    assert nothing["gain"] == pytest.approx(0, abs=1e-6) and nothing["pauses"] == pytest.approx(0, abs=1e-6)
    perfect = denoising.measure(clean, noisy, clean)
    assert perfect["gain"] > 40 and perfect["pauses"] > 20 and perfect["treble"] == pytest.approx(0, abs=1e-3)
    assert denoising.measure(clean, noisy, 0.5 * clean)["treble"] == pytest.approx(-6.02, abs=0.01)


def test_08_augmentations_change_what_they_promise():
    augment = lesson("08_augmentation")
    waveform, random = speech_like(), np.random.default_rng(8)
    for name, change in augment.AUGMENTATIONS.items():
        changed = np.asarray(change(waveform, random))
        length = len(changed) / len(waveform)
        assert length == pytest.approx(1 / 1.1 if name in ("speed", "stretch") else 1, abs=0.01), name
        assert np.isfinite(changed).all() and not np.array_equal(changed[:1000], waveform[:1000]), name
    assert clipped_share(augment.clipped(waveform, random).astype(np.float32)) > 0.005
    assert augment.pitch_ratio(np.array([100.0, 0, 100]), np.array([110.0, 50, 0])) == pytest.approx(1.1)
    mel = np.arange(80.0 * 40).reshape(80, 40)
    masked = augment.masked(mel, random)
    assert (masked != mel).any() and (masked[:, 0] == mel[:, 0]).mean() > 0.5 and mel[0, 1] == 1


def test_09_pieces_begin_and_end_softly_and_are_spoilt_as_named():
    quality = lesson("09_clip_quality")
    clip = quality.Clip("a", "a", speech_like(seconds=6.0), RATE)
    pieces = quality.pieces(clip)
    assert pieces and all(1.2 <= len(piece) / RATE <= 4 for piece in pieces)
    random = np.random.default_rng(9)
    spoilt = {kind: quality.spoil(pieces[0], kind, [clip], random) for kind in quality.CLASSES}
    assert clipped_share(spoilt["clipped"]) > 0.002 > clipped_share(spoilt["clean"])
    assert np.abs(spoilt["quiet"]).max() < 0.15 < np.abs(spoilt["clean"]).max()
    assert len(spoilt["truncated"]) < len(pieces[0]) == len(spoilt["clean"])
    assert {len(quality.features(waveform)) for waveform in spoilt.values()} == {len(quality.FEATURES)}
    talkers = [quality.Clip(str(seed), str(seed), speech_like(seed, 6.0), RATE) for seed in range(4)]
    place = quality.FEATURES.index("range")

    def ranges(kind: str) -> float:
        return np.mean([quality.features(quality.spoil(pieces[0], kind, talkers, random))[place] for _ in range(8)])

    assert ranges("noisy") < ranges("clean") - 5


def test_09_calibration_error_of_known_certainty():
    quality = lesson("09_clip_quality")
    probabilities = np.full((100, 5), 0.05)
    probabilities[:, 0] = 0.8
    labels = np.where(np.arange(100) % 2, 0, 1)  # right in half of the cases, 80 % sure in all
    error, points = quality.calibration_error(probabilities, labels, bins=2)
    assert error == pytest.approx(0.3) and points[0] == pytest.approx((0.8, 0.5))


def test_09_no_speaker_is_in_training_and_in_test():
    quality = lesson("09_clip_quality")
    speakers = np.repeat(["a", "b", "c", "d"], 10)
    seen = []

    class Model:
        def fit(self, table, labels):
            self.known = {speakers[int(number)] for number in table[:, 0]}

        def predict_proba(self, table):
            seen.append(self.known & {speakers[int(number)] for number in table[:, 0]})
            return np.ones((len(table), 5)) / 5

    table, labels = np.arange(40.0)[:, None], np.tile(np.arange(5), 8)
    folds = quality.GroupKFold(4).split(table, labels, speakers)
    assert quality.out_of_fold(Model(), table, labels, folds).sum() == pytest.approx(40)
    assert seen == [set()] * 4
