"""The starter engine: front end, aligner, model, corrections, fine-tuning that can be stopped."""

from __future__ import annotations

import json
import random
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch
from scipy.stats import betabinom

from voice_pipeline import acoustics
from voice_pipeline.engines.base import FineTuneRequest, TrainingClip
from voice_pipeline.engines.starter import aligner as aligner_module
from voice_pipeline.engines.starter import base_voice
from voice_pipeline.engines.starter.aligner import Aligner, beta_binomial_prior
from voice_pipeline.engines.starter.base_voice import (
    ACOUSTIC,
    ALIGNER,
    VOCODER,
    main_embeddings,
    reference_embeddings,
)
from voice_pipeline.engines.starter.data import Batch, Frames, bucketed, carry_over
from voice_pipeline.engines.starter.engine import StarterEngine, load_clips
from voice_pipeline.engines.starter.finetune import FineTuneTTS, Listener, Wanted
from voice_pipeline.engines.starter.frontend import END, START, SYMBOLS, decode, encode, phonemes
from voice_pipeline.engines.starter.model import StarterSettings, StarterTTS
from voice_pipeline.engines.starter.neural_vocoder import NeuralVocoder, VocoderSettings, pulse_train
from voice_pipeline.engines.starter.phones import PhoneClassifier
from voice_pipeline.engines.starter.voice import Calibration, StarterVoice, calibrate
from voice_pipeline.engines.starter.voice_loss import SHORTEST, VoiceLoss
from voice_pipeline.errors import PipelineError
from voice_pipeline.settings import AUDIO
from voice_pipeline.speaker import SpeakerEncoder
from voice_pipeline.voice_folder import VoiceFolder

SENTENCES = (
    "The birch canoe slid on the smooth planks.",
    "Glue the sheet to the dark blue background.",
    "It is easy to tell the depth of a well.",
    "These days a chicken leg is a rare dish.",
    "Rice is often served in round bowls.",
    "The juice of lemons makes fine punch.",
)


def make_frames(n_frames: int, n_symbols: int = 8, seed: int = 0) -> Frames:
    """Random frames with even durations."""
    rng = np.random.default_rng(seed)
    clip = Frames.of(
        rng.integers(3, len(SYMBOLS), n_symbols),
        rng.normal(-4, 2, (AUDIO.n_mels, n_frames)),
        np.full(n_frames, 150.0) * (np.arange(n_frames) % 2),
        np.full(n_frames, 0.1),
        np.full(256, 1 / 16),
        f"clip{n_frames}",
    )
    edges = torch.linspace(0, n_frames, n_symbols + 1).round().long()
    clip.durations = torch.diff(edges)
    return clip


SMALL = {"channels": 32, "encoder_blocks": 2, "decoder_blocks": 3, "predictor_channels": 32}


def fit(model: StarterTTS, clips: list[Frames]) -> None:
    f0 = torch.cat([clip.f0 for clip in clips])
    mel, level = torch.cat([clip.mel for clip in clips]), torch.cat([clip.energy for clip in clips])
    model.fit_normalisation(mel, f0[f0 > 0], level)


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> list[TrainingClip]:
    """Six sentences spoken by the starter voice itself: speech-like clips that need no data set."""
    folder = tmp_path_factory.mktemp("spoken")
    others = reference_embeddings()
    voice = StarterEngine().of_embedding((others[2] + others[3]) / 2)
    clips = []
    for number, text in enumerate(SENTENCES):
        path = folder / f"s{number}.wav"
        waveform = voice.synthesize(text)
        soundfile.write(path, waveform, AUDIO.sample_rate, subtype="PCM_16")
        clips.append(TrainingClip(path.stem, path, text, len(waveform) / AUDIO.sample_rate))
    return clips


# ----------------------------------------------------------------------------------------------------------------------
# front end


def test_phonemes_keep_stress_word_spaces_and_punctuation():
    assert phonemes("hi there, judge!") == "hˈaɪ ðˈɛɹ, ʤˈʌʤ!"


@pytest.mark.parametrize("text", ["", "   ", "...", "\u4f60\u597d", "\U0001f600"])
def test_text_without_sounds_has_no_phonemes_but_edges(text):
    ids = encode(text)
    assert decode(ids)[0] == START
    assert decode(ids)[-1] == END
    assert not any(symbol.isalpha() for symbol in decode(ids)[1:-1])


def test_every_id_is_in_the_vocabulary():
    assert max(encode('Printing, judged; "quoted" -- well-known: yes? (no)!')) < len(SYMBOLS)
    assert len(set(SYMBOLS)) == len(SYMBOLS)


# ----------------------------------------------------------------------------------------------------------------------
# aligner


@pytest.mark.parametrize(("n", "t"), [(1, 1), (11, 40), (60, 300)])
def test_prior_is_scipys_beta_binomial(n, t):
    ours = beta_binomial_prior(n, t).numpy()
    assert ours.shape == (t, n)
    row = t // 2
    expected = betabinom(n - 1, row + 1, t - row).pmf(np.arange(n)) if n > 1 else np.ones(1)
    np.testing.assert_allclose(ours[row], expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(ours.sum(1), 1.0, rtol=1e-4)


def test_matrix_form_equals_coquis_network():
    torch.manual_seed(0)
    aligner = Aligner()
    batch = Batch.collate([make_frames(50), make_frames(70, 12, seed=1)])
    ours = aligner(batch)
    original = aligner_module.AlignmentNetwork(
        in_query_channels=AUDIO.n_mels, in_key_channels=64, attn_channels=80, temperature=0.005
    )
    original.load_state_dict(aligner.network.state_dict())
    aligner.network = original
    torch.testing.assert_close(ours, aligner(batch), rtol=1e-4, atol=1e-3)


def test_durations_cover_every_frame_and_every_symbol(spoken):
    for clip in load_clips(spoken[:2]):
        assert int(clip.durations.sum()) == len(clip.mel)
        assert int(clip.durations.min()) >= 1


def test_embedded_aligner_agrees_with_the_model_that_spoke(spoken):
    voice = StarterEngine().of_embedding(reference_embeddings()[2])
    text = SENTENCES[0]
    said = voice.frames(text)
    durations, silence = said.durations, np.zeros(len(said.mel))
    clip = Frames.of(encode(text), said.mel.T.numpy(), silence, silence, np.zeros(256))
    aligned = load_clips(spoken[:1])[0]  # loads the embedded aligner through the public path
    assert len(aligned.durations) == len(durations)
    found = Aligner.read(ALIGNER).durations(clip)
    starts_true, starts_found = durations.cumsum(0), found.cumsum(0)
    error = (starts_true - starts_found).abs().float().median().item()
    assert error <= 4, f"boundaries are off by {error} frames"


def test_a_text_shorter_than_a_batch_keeps_all_its_frames():
    clip = make_frames(60, 6)
    durations = Aligner().durations(clip)
    assert len(durations) == 6
    assert int(durations.sum()) == 60


def test_too_few_frames_are_refused():
    clip = make_frames(5, 12)
    with pytest.raises(ValueError, match="too few"):
        Aligner().durations(clip)


# ----------------------------------------------------------------------------------------------------------------------
# batches


def test_batches_hold_every_clip_once_and_stay_in_budget():
    clips = [make_frames(n) for n in (20, 400, 30, 90, 200, 25, 60)]
    batches = list(bucketed(clips, 450, random.Random(0)))
    assert sorted(len(c.mel) for b in batches for c in b) == [20, 25, 30, 60, 90, 200, 400]
    assert all(max(len(c.mel) for c in b) * len(b) <= 450 for b in batches)


def test_weights_decide_what_is_drawn():
    clips = [make_frames(20), make_frames(30)]
    drawn = [c for b in bucketed(clips, 100, random.Random(0), weights=[1.0, 0.0]) for c in b]
    assert {len(c.mel) for c in drawn} == {20}


# ----------------------------------------------------------------------------------------------------------------------
# model


@pytest.fixture(scope="module")
def small() -> StarterTTS:
    torch.manual_seed(0)
    model = StarterTTS(StarterSettings(**SMALL))
    fit(model, [make_frames(40), make_frames(60, seed=1)])
    return model.eval()


def test_training_lowers_the_loss():
    torch.manual_seed(0)
    clips = [make_frames(40), make_frames(60, seed=1)]
    model = StarterTTS(StarterSettings(**SMALL))
    fit(model, clips)
    optimizer, criterion = torch.optim.Adam(model.parameters(), 3e-3), model.get_criterion()
    losses = []
    for _ in range(30):
        _, loss = model.train_step(model.coqui_batch(Batch.collate(clips)), criterion)
        optimizer.zero_grad()
        loss["loss"].backward()
        optimizer.step()
        losses.append(loss["loss"].item())
    assert losses[-1] < 0.8 * losses[0]


def test_given_durations_are_kept_and_the_frames_add_up(small):
    spoken = small.speak(torch.tensor(encode("hello")), torch.ones(256) / 16)
    assert spoken.mel.shape == (int(spoken.durations.sum()), AUDIO.n_mels)
    assert spoken.log_f0.shape == spoken.log_energy.shape == spoken.durations.shape
    fixed = torch.full_like(spoken.durations, 5)
    again = small.speak(torch.tensor(encode("hello")), torch.ones(256) / 16, durations=fixed)
    assert torch.equal(again.durations, fixed)
    assert len(again.mel) == 5 * len(fixed)


def test_the_speaker_embedding_matters_once_trained():
    voice = StarterEngine()
    others = reference_embeddings()
    first, second = (voice.of_embedding(other).frames(SENTENCES[0]).mel for other in others[:2])
    n = min(len(first), len(second))
    assert (first[:n] - second[:n]).abs().mean() > 0.2


def test_weights_survive_a_round_trip_in_half_precision(small, tmp_path):
    small.save(tmp_path / "m.safetensors")
    again = StarterTTS.read(tmp_path / "m.safetensors")
    ids, embedding = torch.tensor(encode("hello there")), torch.ones(256) / 16
    durations = torch.full((len(ids),), 4)
    torch.testing.assert_close(
        small.speak(ids, embedding, durations=durations).mel,
        again.speak(ids, embedding, durations=durations).mel,
        rtol=0.05,
        atol=0.05,
    )


@pytest.mark.parametrize("damage", ["truncated", "missing", "settings"])
def test_damaged_models_are_refused_with_a_hint(small, tmp_path, damage):
    path = tmp_path / "m.safetensors"
    small.save(path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "missing":
        path.unlink()
    else:
        path.with_suffix(".json").write_text('{"model": "StarterTTS", "colour": 3}')
    with pytest.raises(PipelineError) as caught:
        StarterTTS.read(path)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["a", "Hi.", "No!", "Yes, sir."])
def test_short_words_are_spoken(text):
    waveform = StarterEngine().of_embedding(reference_embeddings()[0]).synthesize(text)
    assert 0.05 < len(waveform) / AUDIO.sample_rate < 2.0


# ----------------------------------------------------------------------------------------------------------------------
# sound


def test_pulses_stand_a_period_apart_and_are_as_strong_as_white_noise():
    f0 = torch.full((1, 95), 200.0)  # 94 hops: 1.0 s
    pulses = pulse_train(f0, torch.zeros(1))[0]
    assert len(pulses) == 94 * AUDIO.hop_length
    peaks = torch.nonzero(pulses > 0.9 * pulses.max()).flatten()
    assert torch.diff(peaks).unique().tolist() == [AUDIO.sample_rate // 200]
    assert pulses.square().mean().item() == pytest.approx(1.0, rel=0.05)


def test_before_any_training_the_vocoder_already_has_the_right_spectrum(spoken):
    torch.manual_seed(0)
    vocoder = NeuralVocoder().eval()
    waveform, _ = soundfile.read(spoken[0].path, dtype="float32")
    mel, f0 = acoustics.log_mel(waveform), acoustics.fundamental_frequency(waveform)
    made = vocoder.vocode(mel, carry_over(f0), np.where(f0 > 0, 1.0, -1.0))
    assert made.shape == ((mel.shape[1] - 1) * AUDIO.hop_length,)
    error = np.abs(acoustics.log_mel(made) - mel[:, : mel.shape[1]]).mean()
    assert error < 1.0  # silence would be 4 to 6


def test_the_shipped_vocoder_gives_low_and_high_voices_their_pitch():
    said = StarterEngine().of_embedding(reference_embeddings()[0]).frames(SENTENCES[0])
    mel, vocoder = said.mel.T.contiguous().numpy(), NeuralVocoder.read(VOCODER)
    for pitch in (80.0, 170.0):
        made = vocoder.vocode(mel, np.full(mel.shape[1], pitch), np.ones(mel.shape[1]))
        found = librosa.yin(made, fmin=AUDIO.f0_min, fmax=AUDIO.f0_max, sr=AUDIO.sample_rate)
        assert np.median(found) == pytest.approx(pitch, rel=0.03)
        assert np.abs(acoustics.log_mel(made) - mel).mean() < 0.8  # it adds what predicted spectra lack


def test_a_model_that_speaks_pitch_is_trained_and_speaks_through_the_neural_vocoder():
    torch.manual_seed(0)
    clips = [make_frames(40), make_frames(60, seed=1)]
    model = StarterTTS(StarterSettings(**SMALL))
    fit(model, clips)
    criterion = model.get_criterion()
    _, losses = model.train_step(model.coqui_batch(Batch.collate(clips)), criterion)
    losses["loss"].backward()
    assert model.speaker_bias.weight.grad.abs().sum() > 0
    model.eval()
    spoken = model.speak(torch.tensor(encode("hello there")), torch.ones(256) / 16)
    assert spoken.mel.shape == (len(spoken.f0), AUDIO.n_mels)
    assert spoken.f0.min() >= AUDIO.f0_min
    assert spoken.voicing.abs().max() <= 1
    voice = StarterVoice(model, torch.ones(256) / 16, Calibration())
    waveform = voice.synthesize("hello there", seed=1)
    assert np.isfinite(waveform).all()
    np.testing.assert_array_equal(waveform, voice.synthesize("hello there", seed=1))
    assert np.abs(waveform - voice.synthesize("hello there", seed=2)).max() > 0


def test_the_encoder_with_a_way_back_hears_what_the_library_hears():
    rng = np.random.default_rng(0)
    time = np.arange(SHORTEST) / AUDIO.sample_rate  # the encoder hears it in one piece
    for pitch in (110.0, 220.0):
        wave = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 20)) + 0.1 * rng.normal(size=len(time))
        wave = (0.1 * wave).astype(np.float32)
        heard = VoiceLoss().embed(torch.from_numpy(wave)[None])[0]
        assert float(heard @ torch.from_numpy(SpeakerEncoder.shared().embed(wave, AUDIO.sample_rate))) > 0.98


def test_the_voice_loss_leads_a_waveform_to_the_speaker():
    torch.manual_seed(0)
    loss, target = VoiceLoss(), torch.from_numpy(reference_embeddings()[0])
    wave = (0.05 * torch.randn(1, SHORTEST)).requires_grad_(True)
    optimizer = torch.optim.Adam([wave], 1e-3)
    seen = []
    for _ in range(12):
        value = loss(wave, target)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        seen.append(value.item())
    assert seen[-1] < seen[0] - 0.02


def test_a_listener_brings_pitch_and_voice_of_unrecorded_sentences_to_the_speaker():
    torch.manual_seed(0)
    clips = [make_frames(40), make_frames(60, seed=1)]
    model = FineTuneTTS(StarterSettings(**SMALL))
    fit(model, clips)
    target = torch.from_numpy(reference_embeddings()[0])
    model.voice = torch.nn.Parameter(target.clone())
    model.listener, model.wanted = Listener(SENTENCES[:2], "cpu"), Wanted(target, pitch=1.0)
    assert not any("listener" in name for name in model.state_dict())  # nothing of it is saved with a voice
    batch, criterion = model.coqui_batch(Batch.collate(clips)), model.get_criterion()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    seen = []
    for _ in range(10):
        _, losses = model.train().train_step(batch, criterion)
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
        seen.append({name: losses[name].item() for name in ("loss_voice_pitch", "loss_words")})
    assert model.voice.grad.abs().sum() > 0
    assert seen[-1]["loss_voice_pitch"] < 0.7 * seen[0]["loss_voice_pitch"]
    assert seen[-1]["loss_words"] < seen[0]["loss_words"]
    model.eval()
    _, losses = model.eval_step(batch, criterion)
    assert "loss_voice" not in losses  # the held-out clips are measured, not listened to


def test_a_whisperer_is_learned_without_a_pitch():
    torch.manual_seed(0)
    model = StarterEngine().of_embedding(reference_embeddings()[0]).model
    target = torch.from_numpy(reference_embeddings()[0])
    heard = Listener(SENTENCES[:1], "cpu").losses(model, [(target, Wanted(target, pitch=None))])
    assert set(heard) == {"voice", "words"}
    assert all(torch.isfinite(term) for term in heard.values())


@pytest.mark.parametrize("missing", ["PHONES", "VOCODER"])
def test_a_part_of_the_starter_voice_that_is_missing_is_named(missing, monkeypatch, tmp_path):
    monkeypatch.setattr(base_voice, missing, tmp_path / "gone.safetensors")
    with pytest.raises(PipelineError, match="gone.safetensors is missing"):
        StarterEngine().prepare()


def test_a_phone_classifier_learns_which_sound_is_where(tmp_path):
    torch.manual_seed(0)
    ids, durations = torch.tensor([[3, 7, 5, 7]]), torch.tensor([[10, 12, 8, 10]])
    sounds = torch.randn(16, AUDIO.n_mels)
    mel = 3 * sounds[ids[0].repeat_interleave(durations[0])][None] + torch.randn(1, 40, AUDIO.n_mels)
    model, mask = PhoneClassifier(), torch.ones(1, 40)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    first = model.loss(mel, mask, ids, durations).item()
    for _ in range(30):
        loss = model.loss(mel, mask, ids, durations)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert first > 2.0 > 0.3 > loss.item()
    model.save(tmp_path / "p.safetensors")
    again = PhoneClassifier.read(tmp_path / "p.safetensors")
    assert again.loss(mel, mask, ids, durations).item() == pytest.approx(loss.item(), abs=0.1)
    louder = again.loss(mel + 1.5, mask, ids, durations)  # level is no sound
    assert louder.item() == pytest.approx(again.loss(mel, mask, ids, durations).item(), abs=1e-3)


def test_a_vocoder_survives_a_round_trip_and_refuses_damage(tmp_path):
    vocoder = NeuralVocoder(VocoderSettings(channels=16, hidden=32, blocks=1)).eval()
    vocoder.save(tmp_path / "v.safetensors")
    again = NeuralVocoder.read(tmp_path / "v.safetensors")
    mel, f0 = np.full((AUDIO.n_mels, 20), -4.0, dtype=np.float32), np.full(20, 120.0, dtype=np.float32)
    first, second = (one.vocode(mel, f0, np.ones(20)) for one in (vocoder, again))
    np.testing.assert_allclose(first, second, atol=0.02)
    (tmp_path / "v.json").write_text("{}x")
    with pytest.raises(PipelineError) as caught:
        NeuralVocoder.read(tmp_path / "v.safetensors")
    assert caught.value.hint


def test_a_contour_has_no_holes_and_no_voice_has_none():
    contour = carry_over(np.array([0, 100.0, 0, 0, 200.0, 0]))
    np.testing.assert_allclose(contour, [100, 100, 125.99, 158.74, 200, 200], rtol=1e-4)
    assert not carry_over(np.zeros(4)).any()


def test_speed_changes_the_length_and_not_the_pitch():
    voice = StarterEngine().of_embedding(main_embeddings()[1])
    slow, fast = voice.synthesize(SENTENCES[0], speed=0.75), voice.synthesize(SENTENCES[0], speed=1.5)
    assert len(slow) / len(fast) == pytest.approx(2.0, rel=0.15)
    pitch = [np.median(f0[f0 > 0]) for f0 in map(acoustics.fundamental_frequency, (slow, fast))]
    assert pitch[0] == pytest.approx(pitch[1], rel=0.1)


def test_text_without_sound_is_no_samples_and_same_seed_same_sound():
    voice = StarterEngine().of_embedding(reference_embeddings()[2])
    assert voice.synthesize("\u4f60\u597d").size == 0 or np.abs(voice.synthesize("\u4f60\u597d")).max() < 1
    np.testing.assert_array_equal(voice.synthesize("Hello.", seed=3), voice.synthesize("Hello.", seed=3))


def test_corrections_match_rate_and_pitch_of_the_speaker(spoken):
    clips = load_clips(spoken)
    voice = StarterEngine().of_embedding(reference_embeddings()[0])
    corrected = StarterVoice(voice.model, voice.embedding, calibrate(voice.model, voice.embedding, clips))
    real_pitch = float(torch.cat([clip.f0[clip.f0 > 0] for clip in clips]).median())
    real_frames = sum(len(clip.mel) for clip in clips)

    def off(speaker: StarterVoice) -> tuple[float, float]:
        said = [speaker.frames(text) for text in SENTENCES]
        pitch = float(torch.cat([one.f0[one.voicing > 0] for one in said]).median())
        return abs(np.log(pitch / real_pitch)), abs(np.log(sum(len(one.mel) for one in said) / real_frames))

    (pitch, rate), (pitch_before, rate_before) = off(corrected), off(voice)
    assert rate < max(0.05, 0.5 * rate_before)
    assert pitch < max(0.03, pitch_before - 0.05)  # a tenth is corrected at most; training does the rest


# ----------------------------------------------------------------------------------------------------------------------
# fine-tuning


def request(tmp_path: Path, clips: list[TrainingClip], **changes) -> FineTuneRequest:
    folder = VoiceFolder(tmp_path, "tester").create()
    values = {"folder": folder, "run_dir": folder.models / "run", "train": clips[:4], "validation": clips[4:]}
    return FineTuneRequest(**{**values, "max_steps": 4, **changes})


def test_batch_statistics_stay_those_of_the_base(spoken):
    base = StarterTTS.read(ACOUSTIC)
    model = FineTuneTTS(base.settings).start_from(base, torch.ones(256) / 16)
    before = {name: value.clone() for name, value in model.named_buffers()}
    model.train()
    _, losses = model.train_step(model.coqui_batch(Batch.collate(load_clips(spoken[:2]))), model.get_criterion())
    losses["loss"].backward()
    assert all(torch.equal(value, before[name]) for name, value in model.named_buffers())
    assert model.voice.grad is not None


def test_fine_tuning_writes_a_voice_that_speaks(spoken, tmp_path):
    seen = []
    result = StarterEngine().fine_tune(
        request(tmp_path, spoken, on_progress=lambda share, sentence: seen.append(share))
    )
    assert result.steps == 4
    assert sorted(seen) == seen
    assert {path.suffix for path in result.model_dir.iterdir()} == {".safetensors", ".json"}
    last = StarterEngine().load(result.model_dir.parent / "last")
    assert last.model.settings == StarterEngine().load(result.model_dir).model.settings
    voice = StarterEngine().load(result.model_dir)
    assert len(voice.synthesize("Hello there.")) > 0.4 * voice.sample_rate
    trials = [json.loads(line) for line in (tmp_path / "tester/models/run/trials.jsonl").read_text().splitlines()]
    assert [(row["step"], row["share"]) for row in trials] == [(0, 0.0), (4, 0.7), (4, 1.0)]
    assert result.metrics["trial_score"] == max(row["score"] for row in trials)


def test_a_stopped_run_goes_on_to_the_same_curve(spoken, tmp_path):
    whole = StarterEngine().fine_tune(request(tmp_path / "a", spoken, max_steps=6))

    class Killed(Exception):
        pass

    def kill(share: float, sentence: str) -> None:
        if sentence.startswith("step 4"):
            raise Killed

    engine = StarterEngine()
    engine.trial_every = 4  # a checkpoint every 2 steps
    with pytest.raises(Killed):
        engine.fine_tune(request(tmp_path / "b", spoken, max_steps=6, on_progress=kill))
    resumed = StarterEngine().fine_tune(request(tmp_path / "b", spoken, max_steps=6))
    assert resumed.steps == whole.steps == 6

    def curve(place: str) -> list[float]:
        lines = (tmp_path / place / "tester/models/run/curves.jsonl").read_text().splitlines()
        return [row["loss"] for row in map(json.loads, lines) if row["split"] == "train"]

    assert len(curve("b")) == 6
    np.testing.assert_allclose(curve("a"), curve("b"), rtol=1e-3)


def test_a_clip_that_is_too_short_for_its_text_is_named(spoken):
    clip = spoken[0]
    long_text = TrainingClip(clip.clip_id, clip.path, " ".join(SENTENCES * 4), clip.seconds)
    with pytest.raises(PipelineError, match="too short for its text"):
        load_clips([long_text])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_fine_tuning_and_speaking_on_cuda(spoken, tmp_path):
    result = StarterEngine().fine_tune(request(tmp_path, spoken, device="cuda"))
    voice = StarterEngine().load(result.model_dir, device="cuda")
    assert np.isfinite(voice.synthesize("Hello there.")).all()
