"""Features: right on sounds whose answer is known, cached by content, never trusted when damaged."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.image import imread

from voice_pipeline import features, plots
from voice_pipeline.acoustics import frame_count
from voice_pipeline.errors import PipelineError
from voice_pipeline.features import extract, extract_all, load_features, write_statistics
from voice_pipeline.preprocessing import preprocess
from voice_pipeline.recording import import_folder
from voice_pipeline.settings import AUDIO
from voice_pipeline.voice_folder import VoiceFolder

from .synthetic_speech import write_takes


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> VoiceFolder:
    root = tmp_path_factory.mktemp("features")
    write_takes(root / "given", [1.5, 1.6, 2.5])
    folder = VoiceFolder(root / "home", "ann")
    import_folder(folder, root / "given")
    preprocess(folder, allow_few=True)
    return folder


def harmonic_tone(f0: float, seconds: float = 1.0) -> np.ndarray:
    times = np.arange(int(seconds * AUDIO.sample_rate)) / AUDIO.sample_rate
    return (0.1 * sum(np.sin(2 * np.pi * f0 * n * times) / n for n in range(1, 9))).astype(np.float32)


@pytest.mark.parametrize("f0", [90.0, 150.0, 220.0, 330.0])
def test_a_tone_has_its_pitch_and_its_place_in_the_mel(f0):
    found = extract(harmonic_tone(f0))
    frames = frame_count(AUDIO.sample_rate)
    assert found.mel.shape == (AUDIO.n_mels, frames) and found.mfcc.shape == (features.N_MFCC, frames)
    assert found.f0.shape == found.energy.shape == (frames,)
    assert all(part.dtype == np.float32 for part in (found.mel, found.mfcc, found.f0, found.energy))
    middle = slice(20, -20)
    assert np.median(found.f0[middle]) == pytest.approx(f0, rel=0.02)
    assert abs(plots.mel_centres()[found.mel[:, middle].mean(axis=1).argmax()] - f0) < 40
    assert found.energy[middle].mean() == pytest.approx(np.sqrt(np.mean(np.square(harmonic_tone(f0)))), rel=0.02)


def test_silence_has_no_pitch():
    found = extract(np.zeros(12_000, np.float32))
    assert not found.f0.any() and not found.energy.any()
    assert np.allclose(found.mel, np.log(AUDIO.log_floor))


def test_features_are_kept_until_the_clip_changes(prepared):
    first = extract_all(prepared)
    assert len(first) == 3
    again = extract_all(prepared)
    assert all(clip.from_cache for clip in again)
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.features.mel, other.features.mel) and np.array_equal(
            one.features.f0, other.features.f0
        )
    waveform_bytes = again[0].clip.read_bytes()
    try:
        again[0].clip.write_bytes(waveform_bytes[:-2000])
        assert [clip.from_cache for clip in extract_all(prepared)] == [False, True, True]
    finally:
        again[0].clip.write_bytes(waveform_bytes)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None])
def test_a_damaged_cache_is_computed_again(prepared, damage):
    clip = extract_all(prepared)[0]
    path = prepared.features / f"{clip.clip_id}.npz"
    path.write_bytes(path.read_bytes()[:-500] if damage is None else damage)
    again = extract_all(prepared)[0]
    assert not again.from_cache
    assert np.array_equal(again.features.mfcc, clip.features.mfcc)
    assert load_features(path) is not None


def test_old_caches_go_and_other_files_stay(prepared):
    extract_all(prepared)
    stale, foreign = prepared.features / "gone.npz", prepared.features / "engine.npz"
    stale.write_bytes(next(prepared.features.glob("take*.npz")).read_bytes())
    np.savez(foreign, durations=np.ones(3))
    extract_all(prepared)
    assert not stale.exists() and foreign.exists()
    foreign.unlink()


def test_stopped_while_writing_leaves_no_cache(prepared, monkeypatch):
    clip = extract_all(prepared)[0]
    path = prepared.features / f"{clip.clip_id}.npz"
    path.unlink()

    def half(target, **arrays):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(features.np, "savez", half)
    with pytest.raises(KeyboardInterrupt):
        features.save_features(path, clip.features, "key")
    assert not path.exists() and not list(prepared.features.glob(".*"))


def test_statistics_and_plots_say_what_is_there(prepared):
    clips = extract_all(prepared)
    values = write_statistics(prepared, clips)
    assert values == json.loads((prepared.reports / "features.json").read_text())
    assert values["clips"] == 3 and 90 < values["f0_median_hz"] < 160
    assert values["f0_low_hz"] <= values["f0_median_hz"] <= values["f0_high_hz"]
    paths = [*plots.plot_examples(prepared, clips), plots.plot_overview(prepared, clips, values)]
    assert len(paths) == 3
    for path in paths:
        image = imread(path)
        assert image.shape[0] > 900 and image.std() > 0.05
        line = path.with_suffix(".txt").read_text()
        assert line.isascii() and line.count("\n") == 1 and "Hz" in line


def test_without_clips_the_step_before_is_named(tmp_path):
    with pytest.raises(PipelineError, match="has no clips yet") as caught:
        extract_all(VoiceFolder(tmp_path, "ann").create())
    assert "02_preprocess_recordings.py" in caught.value.hint


def test_a_full_disk_is_explained(prepared, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    for path in prepared.features.glob("take*.npz"):
        path.unlink()
    monkeypatch.setattr(features, "save_features", full)
    with pytest.raises(PipelineError, match="cannot write .* No space left"):
        extract_all(prepared)


def test_a_clip_that_is_gone(prepared):
    clip = extract_all(prepared)[0].clip
    content = clip.read_bytes()
    clip.unlink()
    try:
        with pytest.raises(PipelineError, match="cannot be used") as caught:
            extract_all(prepared)
        assert "02_preprocess_recordings.py" in caught.value.hint
    finally:
        clip.write_bytes(content)
