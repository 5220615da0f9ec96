"""What the lessons of module 08 teach, tried on small things whose right answers are known."""

from __future__ import annotations

import copy
import math
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]
utils = load_script(MODULE / "train_utils.py")


def lesson(name: str):
    return load_script(MODULE / f"{name}.py")


def toy_clips(count: int = 80, classes: int = 10, seed: int = 0):
    """Clips that a network can tell apart: a bright band for each class, in noise; four speakers."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    mels = 0.3 * torch.randn(count, utils.FRAMES, utils.bands(), generator=random) - 0.7
    for row, label in enumerate(labels):
        mels[row, 20:40, 4 * label : 4 * label + 4] += 1.2
    speakers = np.array([f"voice{number // 20}" for number in range(count)])
    return utils.Clips(mels, labels, speakers, tuple("abcdefghij"[:classes]), "toy")


def settings(out: Path, **changes) -> Namespace:
    return Namespace(**{"quick": True, "seed": 0, "device": "cpu", "out": out} | changes)


# ------------------------------------------------------------------------------------------------------------ helpers


def test_bands_lie_below_four_thousand_hz():
    from voice_pipeline.acoustics import mel_filters
    from voice_pipeline.settings import AUDIO

    hz = np.arange(AUDIO.n_fft // 2 + 1) * AUDIO.sample_rate / AUDIO.n_fft
    filters = mel_filters()
    assert all(hz[np.flatnonzero(row)[-1]] <= utils.TOP_HZ for row in filters[: utils.bands()])
    assert hz[np.flatnonzero(filters[utils.bands()])[-1]] > utils.TOP_HZ


@pytest.mark.parametrize(("frames", "gain"), [(20, 0.0), (64, 3.0), (200, -5.0)])
def test_a_picture_has_one_size_and_does_not_depend_on_loudness(frames, gain):
    mel = np.full((80, frames), -11.0)
    mel[5:9, frames // 2 - 5 : frames // 2 + 5] = 1.0
    found = utils.picture(mel + gain)
    assert found.shape == (utils.FRAMES, utils.bands()) and found.dtype == np.float32
    assert found.max() == 1.0 and found.min() == -1.0
    loud = np.flatnonzero(found.max(axis=1) > 0.9)
    assert len(loud) == 10 and abs(loud.mean() - (utils.FRAMES - 1) / 2) <= 1


def test_no_speaker_is_on_both_sides_and_shots_are_even():
    clips = toy_clips()
    train, test = utils.split_by_speaker(clips, 1)
    assert set(train.speakers) & set(test.speakers) == set() and len(train) + len(test) == len(clips)
    few = utils.few_shots(train, 2, seed=3)
    assert sorted(few.labels.tolist()) == sorted([*range(10)] * 2)


def test_disturbing_keeps_the_word_and_the_loudest_cell():
    clips = toy_clips()
    found = utils.disturb(clips.mels, torch.Generator().manual_seed(0))
    assert found.shape == clips.mels.shape and not torch.equal(found, clips.mels)
    again = utils.disturb(clips.mels, torch.Generator().manual_seed(0))
    assert torch.equal(found, again)


def test_batches_visit_every_clip_before_any_comes_twice():
    clips = toy_clips(40)
    marked = utils.Clips(clips.mels, torch.arange(40), clips.speakers, clips.classes, "marked")
    stream = utils.batches(marked, 16, torch.Generator().manual_seed(0), augment=False)
    first_epoch = torch.cat([next(stream)[1] for _ in range(3)])
    assert sorted(first_epoch.tolist()) == list(range(40))


def test_the_network_judges_each_clip_alone_and_learns():
    clips = toy_clips()
    torch.manual_seed(0)
    model = utils.WordNet(10, width=32, blocks=1, dropout=0.0)
    assert torch.allclose(model(clips.mels[:8])[:3], model(clips.mels[:3]), atol=1e-5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    first = utils.evaluate(model, clips)[0]
    for _ in range(30):
        utils.train_step(model, optimizer, clips.mels, clips.labels)
    loss, right = utils.evaluate(model, clips)
    assert first == pytest.approx(math.log(10), abs=0.5) and loss < 0.5 and right > 0.9
    assert model.training


def test_evaluate_is_the_same_in_parts():
    clips = toy_clips(450)
    torch.manual_seed(0)
    model = utils.WordNet(10, width=16, blocks=1).eval()
    loss = nn.functional.cross_entropy(model(clips.mels), clips.labels).item()
    assert utils.evaluate(model, clips)[0] == pytest.approx(loss, abs=1e-5)


def test_smoothing_is_corrected_for_its_start():
    assert utils.smoothed([2.0, 2.0, 2.0]) == pytest.approx([2.0, 2.0, 2.0])
    assert utils.smoothed([1.0, 3.0], keep=0.5) == pytest.approx([1.0, (0.25 * 1 + 0.5 * 3) / 0.75])


def test_synthetic_words_are_spoken_once(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path / "nothing"))
    words = utils.load_words(settings(tmp_path), n_words=3, n_voices=2)
    assert len(words) == 6 and words.classes == ("apple", "banana", "river") and not words.is_real
    assert words.mels.shape == (6, utils.FRAMES, utils.bands()) and words.mels.max() == 1.0
    [path] = (tmp_path / "spoken").glob("words_*.npz")
    before = path.stat().st_mtime_ns
    again = utils.load_words(settings(tmp_path), n_words=3, n_voices=2)
    assert path.stat().st_mtime_ns == before and torch.equal(words.mels, again.mels)


def test_recorded_digits_are_read_where_they_are(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path))
    asked = settings(tmp_path)
    digits = utils.load_digits(asked)
    assert len(digits) == 600 and digits.is_real and len(set(digits.speakers)) == 6
    assert digits.labels.bincount().tolist() == [60] * 10 and asked.quick is True


# ------------------------------------------------------------------------------------------------ 01 transfer, 02 rate


@pytest.mark.parametrize(
    ("way", "share"), [("frozen", 0.1), ("partly", 0.6), ("everything", 1.0), ("from nothing", 1.0)]
)
def test_01_the_right_part_is_frozen_and_stays(way, share):
    transfer = lesson("01_transfer_learning")
    source = utils.WordNet(30).state_dict()
    student = transfer.make_student(way, source, 10)
    trained = utils.count_parameters(student) / utils.count_parameters(utils.WordNet(10))
    assert trained <= share and (trained > 0.99) == (share == 1.0)
    body_is_the_sources = torch.equal(student.entry.weight, source["entry.weight"])
    assert body_is_the_sources == (way != "from nothing")
    clips = toy_clips(20)
    transfer.EVERY = 3
    transfer.learn(student, clips, clips, 1e-2, 0, steps=3)
    moved = not torch.equal(student.entry.weight, source["entry.weight"])
    assert moved == (way in ("everything", "from nothing"))


def test_02_schedules_are_pytorchs():
    rate = lesson("02_learning_rate")
    for name in rate.SCHEDULES:
        for steps in (60, 150):
            assert rate.largest_difference(name, steps) < 1e-6, name


def test_02_the_finder_is_read_where_the_loss_falls():
    rate = lesson("02_learning_rate")
    rates = [1e-5 * 10 ** (step / 10) for step in range(50)]
    losses = [3.0] * 20 + [3.0 - 0.15 * step for step in range(18)] + [0.4] * 5 + [5.0] * 7
    steepest, tenth = rate.read_finder(rates, losses)
    assert rates[20] <= steepest <= rates[37] and tenth == pytest.approx(rates[losses.index(min(losses))] / 10)


def test_02_the_finder_stops_when_the_loss_explodes(monkeypatch):
    rate = lesson("02_learning_rate")
    monkeypatch.setattr(rate, "HIGHEST", 1e4)
    rates, losses = rate.find_rate(toy_clips(40), 0)
    assert 5 < len(rates) == len(losses) <= rate.FINDER_STEPS and rates == sorted(rates)


def test_02_the_capstones_factor_is_its_own():
    rate = lesson("02_learning_rate")
    assert rate.capstone_factor(0, 300) == pytest.approx(1 / 20)
    assert rate.capstone_factor(150, 300) == pytest.approx(0.55)


# --------------------------------------------------------------------------------------------- 03 resume, 04 stopping


def test_03_a_resumed_training_is_the_same_training(tmp_path):
    resume = lesson("03_checkpoint_and_resume")
    clips = toy_clips(60)
    whole = resume.Training(clips, 30, 5)
    truth = [whole.one_step() for _ in range(30)]
    half = resume.Training(clips, 30, 5)
    log = [half.one_step() for _ in range(13)]
    resume.save(half.state(), tmp_path / "checkpoint.pt")
    (tmp_path / "losses.jsonl").write_text(
        "".join(f"{loss!r}\n" for loss in [*log, 9.0, 9.0]) + "0.12", encoding="utf-8"
    )
    assert resume.read_losses(tmp_path / "losses.jsonl")[-1] == 9.0  # the half line at the end is not read
    resume.work(resume.Training(clips, 30, 99), tmp_path)
    assert resume.read_losses(tmp_path / "losses.jsonl") == truth


@pytest.mark.parametrize("part", ["optimizer", "schedule", "data order", "random", "model"])
def test_03_every_part_that_is_forgotten_shows(part):
    resume = lesson("03_checkpoint_and_resume")
    clips = toy_clips(60)
    curves = resume.forget_each(clips, 20, 5)
    assert curves[part] != curves["nothing"]


def test_04_the_stopper_keeps_the_best_and_counts_in_a_row():
    stopping = lesson("04_early_stopping")
    assert stopping.would_stop([0.9, 0.7, 0.6, 0.65, 0.62, 0.61, 0.5], 3) == (5, 2)
    assert stopping.would_stop([1.0, 1.1, 0.9, 1.0, 0.8], 2) == (4, 4)
    model = nn.Linear(1, 1)
    stopper = stopping.Stopper(2)
    stopper.look(model, 0, 1.0)
    kept = stopper.weights["weight"].clone()
    with torch.no_grad():
        model.weight += 1
    stopper.look(model, 1, 2.0)
    assert torch.equal(stopper.weights["weight"], kept)


def test_04_the_collection_is_poor_in_the_way_it_says():
    stopping = lesson("04_early_stopping")
    clips = toy_clips(20)
    poor = stopping.mislabel(stopping.through_noise(clips, 0), 3)
    assert (poor.labels != clips.labels).nonzero().flatten().tolist() == [0, 1, 2]
    assert (poor.mels >= clips.mels).all() and poor.mels.max() <= max(1.0, clips.mels.max().item())
    assert clips.labels.tolist() == [*range(10)] * 2  # the given clips stay as they are


def test_04_peeking_never_looks_worse():
    stopping = lesson("04_early_stopping")
    history = stopping.History([0, 5, 10], [1, 0.5, 0.1], [1.0, 0.8, 0.9], [1.0, 0.9, 0.7], [0.1, 0.2, 0.3])
    assert stopping.peeking([history]) == (0.7, 0.9)


# ------------------------------------------------------------------------------------------ 05 precision, 06 LoRA


def test_05_parts_add_up_to_the_whole_only_by_their_share():
    precision = lesson("05_mixed_precision")
    apart = precision.show_accumulation(toy_clips(), 0)
    assert apart["parts, each by its share"] < 1e-5 < 1e-3 < apart["parts, each a quarter"]


def test_05_clipping_is_pytorchs_and_keeps_the_direction():
    precision = lesson("05_mixed_precision")
    assert precision.same_as_torch(toy_clips(), 0) < 1e-6
    w = nn.Parameter(torch.zeros(2))
    w.grad = torch.tensor([30.0, 40.0])
    assert precision.clip_gradients([w], 5.0) == pytest.approx(50)
    assert w.grad.tolist() == pytest.approx([3.0, 4.0], abs=1e-4)
    assert precision.clip_gradients([w], 50.0) == pytest.approx(5, abs=1e-3)
    assert w.grad.tolist() == pytest.approx([3.0, 4.0], abs=1e-4)


def test_05_small_gradients_vanish_in_float16_alone():
    precision = lesson("05_mixed_precision")
    torch.manual_seed(0)
    bare, scaled, brain = precision.underflow(utils.WordNet(10).eval(), toy_clips())
    assert bare > 0.05 > scaled and brain < 0.01


def test_06_lora_changes_nothing_at_first_little_in_number_and_nothing_when_merged():
    lora = lesson("06_lora")
    source = utils.WordNet(30).state_dict()
    plain = lora.student_of(source, 0).eval()
    mine = lora.add_lora(copy.deepcopy(plain), rank=3).eval()
    clips = toy_clips(40)
    assert torch.equal(mine(clips.mels), plain(clips.mels))
    assert utils.count_parameters(mine) == sum(value.numel() for value in lora.lora_weights(mine).values())
    before = mine.blocks[0].widen.layer.weight.clone()
    lora.learn(mine, clips, clips, 1e-2, 0, steps=5)
    assert torch.equal(mine.blocks[0].widen.layer.weight, before)
    mine.eval()
    with torch.no_grad():
        wanted = mine(clips.mels)
        assert not torch.allclose(wanted, plain(clips.mels), atol=1e-3)
        assert torch.allclose(lora.merge(mine)(clips.mels), wanted, atol=1e-4)


def test_06_it_is_what_peft_does():
    lora = lesson("06_lora")
    apart = lora.prove_against_peft(utils.WordNet(30).state_dict(), toy_clips(40), 0)
    assert max(apart.values()) < 1e-4 and len(apart) == 5


# ------------------------------------------------------------------------------ 08 small voice, 09 search, 10 processes


def test_08_boundaries_are_compared_in_milliseconds():
    small = lesson("08_small_voice")
    from voice_pipeline.engines.starter.data import Frames

    clip = Frames.of([1, 5, 2], np.zeros((80, 30)), np.zeros(30), np.zeros(30), np.zeros(256))
    clip.durations = torch.tensor([4, 16, 10])

    class Off:
        def durations(self, clip):
            return torch.tensor([6, 14, 10])

    assert small.boundary_error(Off(), [clip]) == pytest.approx(256 / 24, abs=0.01)  # the median of 2 and 0 frames
    assert small.even_error([clip]) > 0


def test_08_a_clock_counts_steps_or_minutes(monkeypatch):
    small = lesson("08_small_voice")
    clock = small.Clock(3, 0.0)
    assert [clock.tick() for _ in range(3)] == [False, False, True] and clock.done == 1.0
    now = [100.0]
    monkeypatch.setattr(small.time, "monotonic", lambda: now[0])
    clock = small.Clock(0, 1.0)
    now[0] = 130.0
    assert clock.done == pytest.approx(0.5) and not clock.tick()
    now[0] = 161.0
    assert clock.tick()


def test_08_recordings_without_a_list_are_refused(tmp_path):
    small = lesson("08_small_voice")
    with pytest.raises(CourseError, match="no metadata.csv"):
        small.from_folder(tmp_path, small.QUICK)
    (tmp_path / "metadata.csv").write_text("a|hello\n", encoding="utf-8")
    with pytest.raises(CourseError, match="only 0 recordings"):
        small.from_folder(tmp_path, small.QUICK)


def test_09_every_method_keeps_its_budget():
    search = lesson("09_hyperparameter_search")
    clips = toy_clips(40)
    random = np.random.default_rng(0)
    halved = search.halving(6, clips, clips, 14, 0, random)
    assert halved.tried[-1][0] <= 6 * 14 and len({row[2] for row in halved.tried}) == 14
    assert halved.finalists == 3 and halved.best in halved.tried[-3:]
    tpe = search.with_optuna(4, clips, clips, 2, 0)
    assert [spent for spent, _, _ in tpe.tried] == [2, 4, 6, 8]
    assert tpe.best_so_far()[1] == sorted(tpe.best_so_far()[1], reverse=True)
    assert len({choice.rate for choice in search.grid(12)}) == 3


def test_09_draws_are_on_a_scale_of_factors():
    search = lesson("09_hyperparameter_search")
    random = np.random.default_rng(0)
    rates = np.array([search.draw(random).rate for _ in range(600)])
    assert rates.min() >= 1e-4 and rates.max() <= 1e-1
    assert np.mean(rates < 1e-2) == pytest.approx(2 / 3, abs=0.07)


def test_09_a_training_that_blows_up_is_a_bad_result_not_a_crash():
    search = lesson("09_hyperparameter_search")
    clips = toy_clips(20)
    candidate = search.Candidate(search.Choice(1e-3, 0.0, 0.0, 16), clips, 2, 0)
    with torch.no_grad():
        candidate.model.head.bias += math.nan
    assert candidate.loss(clips) == 99.0


@pytest.mark.parametrize(("count", "world"), [(64, 2), (100, 4), (40, 1)])
def test_10_together_the_shares_are_the_batch(count, world):
    several = lesson("10_several_processes")
    parts = [several.shares(count, world, rank, 3, 32) for rank in range(world)]
    whole = several.shares(count, 1, 0, 3, 32)
    for step in range(3):
        together = torch.cat([part[step] for part in parts]).sort().values
        assert torch.equal(together, whole[step].sort().values)


def test_10_a_launcher_that_fails_shows_its_last_lines(tmp_path):
    several = lesson("10_several_processes")
    import sys

    with pytest.raises(CourseError, match="no such clip") as caught:
        several.launch([sys.executable, "-c", "raise SystemExit('no such clip')"], tmp_path)
    assert "log.txt" in caught.value.hint
