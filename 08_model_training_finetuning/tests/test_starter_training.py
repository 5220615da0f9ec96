"""What the starter voice is trained with: packed corpora, frames at other speeds, a tiny training of each part."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from coursekit.course.modules import load_script
from voice_pipeline import acoustics
from voice_pipeline.engines.starter.base_voice import ACOUSTIC, ALIGNER, VOCODER, reference_embeddings
from voice_pipeline.engines.starter.data import Batch, Frames
from voice_pipeline.engines.starter.engine import StarterEngine
from voice_pipeline.engines.starter.frontend import SYMBOLS
from voice_pipeline.engines.starter.model import StarterTTS
from voice_pipeline.engines.starter.phones import PhoneClassifier
from voice_pipeline.settings import AUDIO

MODULE = Path(__file__).resolve().parents[1]
SENTENCES = ("The birch canoe slid on the smooth planks.", "Oh, indeed.", "Rice is often served in round bowls.")


@pytest.fixture(scope="module")
def corpus():
    """The module `starter_corpus`, as the scripts import it."""
    sys.path.insert(0, str(MODULE))
    try:
        import starter_corpus

        yield starter_corpus
    finally:
        sys.path.remove(str(MODULE))


@pytest.fixture(scope="module")
def work(tmp_path_factory, corpus) -> Path:
    """A packed corpus of three sentences by the starter voice, the middle one shorter than any batch is wide."""
    folder = tmp_path_factory.mktemp("work")
    voice = StarterEngine().of_embedding(reference_embeddings()[0])
    items = []
    for number, text in enumerate(SENTENCES):
        path = folder / f"s{number}.flac"
        soundfile.write(path, voice.synthesize(text), AUDIO.sample_rate)
        items.append(corpus.Utterance("kathleen", "kathleen", text, path, held_out=number == 2))
    corpus.write_pack(folder / "real.npz", items, [corpus.pack_one(item, 0.8) for item in items])
    (folder / "aligner.safetensors").write_bytes(ALIGNER.read_bytes())
    return folder


@pytest.fixture(scope="module")
def script(work, corpus):
    module = load_script(MODULE / "08_train_starter_voice.py")
    module.WORK = work
    module.align(module.Settings())
    return module


def test_spectra_and_levels_are_those_of_the_pipeline(corpus):
    rng = np.random.default_rng(0)
    waveform = (0.1 * rng.normal(size=20_000)).astype(np.float32)
    spectra, sound = corpus.Spectra("cpu"), torch.from_numpy(waveform)
    np.testing.assert_allclose(spectra.log_mel(sound).numpy(), acoustics.log_mel(waveform), atol=2e-3)
    np.testing.assert_allclose(spectra.level(sound).numpy(), acoustics.energy(waveform), atol=1e-5)


def test_a_recording_played_faster_is_higher_and_shorter(corpus):
    f0 = np.array([0, 100, 100, 100, 0, 0, 120, 120, 120, 120], dtype=np.float16)
    voiced, contour = corpus.contour_at_speed(f0, 1.25, 8)
    assert len(voiced) == len(contour) == 8
    assert contour[0] == pytest.approx(125.0)
    assert contour[-1] == pytest.approx(150.0)
    assert set(np.flatnonzero(voiced == 0)) == {0, 3, 4}
    tone = torch.sin(2 * torch.pi * 440 * torch.arange(24_000) / AUDIO.sample_rate)
    played = corpus.at_speed(tone, 1.2)
    assert len(played) == 20_000
    assert torch.fft.rfft(played).abs().argmax().item() * AUDIO.sample_rate / len(played) == pytest.approx(528, abs=2)


@pytest.mark.parametrize(("durations", "frames"), [([3, 1, 5, 1, 2], 10), ([1, 1, 1, 1], 4), ([40, 1, 1, 1], 6)])
def test_durations_keep_their_sum_and_no_symbol_vanishes(corpus, durations, frames):
    found = corpus.durations_at_speed(np.array(durations), 1.2, frames)
    assert found.sum() == frames
    assert found.min() >= 1


def test_durations_stand_beside_the_recording_they_belong_to(work, corpus, script):
    packed = corpus.Packed.read([work / "real.npz"])
    for index in range(3):
        assert len(packed.durations[index]) == len(packed.ids[index])
        assert packed.durations[index].sum() == len(packed.f0[index])
        assert packed.durations[index].min() >= 1
    packed.durations[0], packed.durations[2] = packed.durations[2], packed.durations[0]
    with pytest.raises(ValueError, match="belong to another recording"):
        corpus.FrameBank(packed, "cpu", {"kathleen"})


def test_batches_cut_from_long_arrays_are_what_collating_gives(work, corpus, script):
    packed = corpus.Packed.read([work / "real.npz"])
    bank = corpus.FrameBank(packed, "cpu", {"kathleen"})
    rows = [int(row) for row in np.flatnonzero(bank.which == 0)]
    cut = bank.batch(rows)
    clips = []
    for index in bank.index[rows]:
        waveform = packed.waveform(index)
        mel = acoustics.log_mel(waveform)
        f0 = packed.f0[index][: mel.shape[1]].astype(np.float32)
        clip = Frames.of(packed.ids[index], mel, f0, acoustics.energy(waveform), packed.embeddings[index, 0])
        clip.durations = torch.from_numpy(packed.durations[index].astype(np.int64))
        clips.append(clip)
    whole = Batch.collate(clips)
    assert torch.equal(cut.ids, whole.ids[:, : cut.ids.shape[1]])
    assert torch.equal(cut.mel_lengths, whole.mel_lengths)
    assert torch.equal(cut.durations, whole.durations[:, : cut.durations.shape[1]])
    torch.testing.assert_close(cut.mel, whole.mel, atol=0.02, rtol=0)
    torch.testing.assert_close(cut.contour, whole.contour, atol=0.5, rtol=0)
    torch.testing.assert_close(cut.energy, whole.energy, atol=1e-4, rtol=0)


def test_rows_without_weight_are_never_drawn(work, corpus, script):
    bank = corpus.FrameBank(corpus.Packed.read([work / "real.npz"]), "cpu", {"kathleen"})
    weights = (~bank.held_out).astype(float)
    drawn = {row for batch in bank.batches(2000, weights, random.Random(0)) for row in batch}
    assert drawn
    assert not bank.held_out[sorted(drawn)].any()


def test_acoustic_training_goes_on_where_it_stopped(work, script, monkeypatch):
    monkeypatch.setattr(script, "StarterSettings", _small(script.StarterSettings))
    settings = script.Settings(batch_frames=400, checkpoint_every=2, warmup=2, shares=(("kathleen", 1.0),))
    script.train_acoustic(settings, 0.05, "cpu")
    script.train_acoustic(settings, 0.1, "cpu")
    rows = [json.loads(line) for line in (work / "curves.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})
    assert all(np.isfinite(row["held_out"]) for row in rows)
    assert all({"voice", "words", "voice_pitch"} <= set(row) for row in rows)  # the listener was asked
    assert script.StarterTTS.read(work / "acoustic.safetensors").settings.channels == 32


def test_a_phone_classifier_learns_from_the_aligners_durations(work, corpus, script):
    import starter_phones

    bank = corpus.FrameBank(corpus.Packed.read([work / "real.npz"]), "cpu", {"kathleen"})
    bank.held_out = bank.which == 0  # learns from the other speeds, is asked about this one
    settings = starter_phones.PhoneSettings(steps=30, batch_frames=2000, warmup=5)
    before = starter_phones.train_phones(bank, replace(settings, steps=1, rate=1e-9), work / "phones.safetensors")
    after = starter_phones.train_phones(bank, settings, work / "phones.safetensors")
    assert after < before - 0.5
    assert PhoneClassifier.read(work / "phones.safetensors").leave.weight.shape[0] == len(SYMBOLS)


def test_vocoder_training_uses_critics_and_lowers_the_spectral_loss(work, corpus, script):
    module = load_script(MODULE / "09_train_starter_vocoder.py")
    module.WORK = work
    settings = module.Settings(batch=2, segment=16, checkpoint_every=1, alone=0.01, shares=(("kathleen", 1.0),))
    module.train(settings, 0.25, "cpu")
    rows = [json.loads(line) for line in (work / "vocoder_curves.jsonl").read_text().splitlines()]
    assert any("critics" in row for row in rows)
    assert "critics" not in rows[0]
    assert rows[-1]["held_out"] < 1.0
    assert (work / "vocoder.safetensors").is_file()


def test_predicted_spectra_lie_on_the_frames_of_the_recording(work, corpus, script):
    module = load_script(MODULE / "09_train_starter_vocoder.py")
    settings = module.Settings(batch=2, segment=16, shares=(("kathleen", 1.0),))
    bank = module.SoundBank(corpus.Packed.read([work / "real.npz"]), "cpu", settings, StarterTTS.read(ACOUSTIC))
    row = int(bank.known.argmax())
    first, length = bank.starts[row : row + 1], int(bank.frames[row]) - 2 * module.EDGE
    mel, (said, voicing) = bank.cut(first, length)[1], bank.cut_predicted(first, length)
    assert said.shape == mel.shape and voicing.shape == mel[:, 0].shape
    off = {shift: (said.roll(shift, 2) - mel)[..., 12:-12].abs().mean().item() for shift in (-6, 0, 6)}
    assert off[0] < 0.8 * min(off[-6], off[6])


def test_vocoder_training_goes_on_from_weights_with_predicted_spectra(work, tmp_path, script):
    module = load_script(MODULE / "09_train_starter_vocoder.py")
    module.WORK = tmp_path
    (tmp_path / "real.npz").write_bytes((work / "real.npz").read_bytes())
    (tmp_path / "real.durations.npz").write_bytes((work / "real.durations.npz").read_bytes())
    settings = module.Settings(batch=2, segment=16, checkpoint_every=1, shares=(("kathleen", 1.0),))
    module.train(settings, 0.03, "cpu", start=VOCODER, acoustic=ACOUSTIC)
    row = json.loads((tmp_path / "vocoder_curves.jsonl").read_text().splitlines()[0])
    assert "critics" in row, "weights that can speak meet their opponents at once"
    assert row["held_out"] < 0.5, "it began with the weights it was given"
    assert row["held_out"] < row["held_out_predicted"] < 2.0


def _small(settings):
    size = {"channels": 32, "encoder_blocks": 2, "decoder_blocks": 3, "predictor_channels": 32}
    return lambda **_: settings(**size)
