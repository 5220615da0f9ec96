"""The helpers of module 02: data, batches, evaluation, saved models, plots."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]
dl_utils = load_script(MODULE / "dl_utils.py")


@pytest.fixture(scope="module")
def digits():
    return dl_utils.read_digits(quick=True)


def test_offline_digits_are_split_by_who_wrote_them(digits):
    assert digits.is_stand_in
    assert digits.train_images.shape == (1437, 28, 28)
    assert digits.test_images.shape == (360, 28, 28)
    assert digits.train_images.dtype == torch.uint8
    from sklearn.datasets import load_digits

    assert torch.equal(digits.test_labels, torch.from_numpy(load_digits().target[1437:]))  # the end, in its order


def test_without_mnist_a_full_run_says_so_and_goes_on(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("COURSE_DATA_MIRROR", raising=False)
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path))
    _, _, digits = dl_utils.load_mnist_data(quick=False)
    assert digits.is_stand_in
    assert "NOTE: MNIST" in capsys.readouterr().out


def test_mnist_is_read_by_torchvision(mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_HOME", str(tmp_path))
    digits = dl_utils.read_digits()
    assert not digits.is_stand_in
    assert digits.train_images.shape == (60_000, 28, 28)
    assert digits.train_labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert digits.test_labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert digits.mean == pytest.approx(0.1307, abs=1e-4)
    assert digits.std == pytest.approx(0.3081, abs=1e-4)


def test_normalisation_uses_the_training_set_only(digits):
    train, test, _ = dl_utils.load_mnist_data(batch_size=64, quick=True)
    assert train.images.mean().item() == pytest.approx(0, abs=1e-4)
    assert train.images.std().item() == pytest.approx(1, abs=1e-4)
    expected = (digits.test_images / 255 - digits.mean) / digits.std
    assert torch.allclose(test.images.squeeze(1), expected, atol=1e-5)


def test_an_epoch_holds_every_picture_once_in_an_order_that_the_seed_decides():
    images, labels = torch.arange(10.0).view(10, 1, 1, 1), torch.arange(10)

    def epoch(seed):
        return torch.cat([batch for _, batch in dl_utils.TensorLoader(images, labels, 4, shuffle=True, seed=seed)])

    assert sorted(epoch(0).tolist()) == list(range(10))
    assert torch.equal(epoch(0), epoch(0))
    assert not torch.equal(epoch(0), epoch(1))


def test_pictures_stay_with_their_labels_and_the_last_batch_is_smaller():
    images, labels = torch.arange(10.0).view(10, 1, 1, 1), torch.arange(10)
    loader = dl_utils.TensorLoader(images, labels, 4, shuffle=True)
    batches = list(loader)
    assert len(loader) == len(batches) == 3
    assert [len(batch) for _, batch in batches] == [4, 4, 2]
    assert all(torch.equal(pictures.flatten().long(), batch) for pictures, batch in batches)


def test_augmentation_is_applied_to_every_batch():
    loader = dl_utils.TensorLoader(torch.ones(4, 1, 2, 2), torch.zeros(4), 2, augment=lambda images: images * 3)
    assert all((images == 3).all() for images, _ in loader)


def test_a_batch_size_of_zero_is_refused():
    with pytest.raises(CourseError, match="batch size of 0"):
        dl_utils.TensorLoader(torch.ones(4, 1, 2, 2), torch.zeros(4), 0)


def test_evaluation_counts_every_picture_the_same_and_switches_dropout_off():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4, 3))
    images, labels = torch.randn(7, 1, 2, 2), torch.randint(3, (7,))
    uneven = dl_utils.TensorLoader(images, labels, 5)  # batches of 5 and 2
    model.train()
    loss, accuracy = dl_utils.evaluate_model(model, uneven)
    assert not model.training
    with torch.no_grad():
        logits = model(images)
    assert loss == pytest.approx(nn.functional.cross_entropy(logits, labels).item(), abs=1e-6)
    assert accuracy == pytest.approx((logits.argmax(1) == labels).float().mean().item())


def test_count_parameters_leaves_out_what_is_frozen():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    assert dl_utils.count_parameters(model) == 11
    model[0].requires_grad_(False)
    assert dl_utils.count_parameters(model) == 3


def test_a_saved_model_comes_back_with_its_facts(tmp_path):
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    dl_utils.save_model(model, tmp_path / "m.pth", data="MNIST", mean=0.13)
    facts = dl_utils.load_model(other, tmp_path / "m.pth", "python 03.py")
    assert facts == {"data": "MNIST", "mean": 0.13}
    assert torch.equal(model.weight, other.weight)


def test_a_missing_damaged_or_foreign_model_is_refused_with_the_command(tmp_path):
    with pytest.raises(CourseError, match="no trained model yet") as caught:
        dl_utils.load_model(nn.Linear(3, 2), tmp_path / "m.pth", "python 03.py")
    assert caught.value.hint == "python 03.py"
    (tmp_path / "m.pth").write_bytes(b"nothing")
    with pytest.raises(CourseError, match="damaged"):
        dl_utils.load_model(nn.Linear(3, 2), tmp_path / "m.pth", "python 03.py")
    dl_utils.save_model(nn.Linear(5, 2), tmp_path / "m.pth")
    with pytest.raises(CourseError, match="another network"):
        dl_utils.load_model(nn.Linear(3, 2), tmp_path / "m.pth", "python 03.py")


def test_a_model_file_cannot_run_code(tmp_path):
    torch.save({"weights": print}, tmp_path / "m.pth")
    with pytest.raises(CourseError, match="damaged or no model file"):
        dl_utils.read_saved_model(tmp_path / "m.pth", "python 03.py")


def test_the_plot_of_a_training_is_told_in_words(tmp_path):
    history = {
        "train_loss": [1.0, 0.5, 0.1],
        "train_accuracy": [0.5, 0.8, 0.99],
        "test_loss": [1.1, 0.7, 0.9],
        "test_accuracy": [0.5, 0.7, 0.71],
    }
    told = dl_utils.plot_training_history(history, tmp_path / "h.png")
    assert "lowest in epoch 2" in told
    assert (tmp_path / "h.png").read_bytes().startswith(b"\x89PNG")
