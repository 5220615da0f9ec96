"""What the scripts of module 02 teach, tried tiny: networks, the training step, the two libraries."""

from __future__ import annotations

import importlib.util
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from torch import nn

from coursekit.course.modules import load_script
from coursekit.errors import CourseError

MODULE = Path(__file__).resolve().parents[1]


def lesson(name):
    return load_script(MODULE / f"{name}.py")


def settings(out: Path, **changes) -> Namespace:
    return Namespace(**{"quick": True, "seed": 0, "device": "cpu", "out": out, "epochs": 1} | changes)


def test_simple_nn_is_what_its_comments_say():
    model = lesson("03_train_mnist").SimpleNN()
    assert sum(parameter.numel() for parameter in model.parameters()) == 100_480 + 1_290
    assert model(torch.zeros(5, 1, 28, 28)).shape == (5, 10)


def test_train_epoch_trains_in_training_mode_and_learns():
    torch.manual_seed(0)
    module = lesson("03_train_mnist")
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    images = torch.randn(64, 1, 2, 2)
    labels = (images.flatten(1)[:, 0] > 0).long()
    batches = list(zip(images.split(16), labels.split(16), strict=True))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    model.eval()
    first, _ = module.train_epoch(model, batches, nn.CrossEntropyLoss(), optimizer)
    assert model.training
    for _ in range(10):
        last, accuracy = module.train_epoch(model, batches, nn.CrossEntropyLoss(), optimizer)
    assert last < first / 2
    assert accuracy > 0.9


def test_04_finds_the_accuracy_of_03_and_tells_what_to_do_without_it(tmp_path):
    load = lesson("04_load_model")
    with pytest.raises(CourseError) as caught:
        load.main(settings(tmp_path))
    assert caught.value.hint == "python 03_train_mnist.py"
    lesson("03_train_mnist").main(settings(tmp_path, epochs=3))
    assert load.main(settings(tmp_path))["difference_in_points"] == pytest.approx(0, abs=0.01)


def test_04_does_not_judge_a_model_on_other_data(tmp_path):
    training, load = lesson("03_train_mnist"), lesson("04_load_model")
    training.save_model(
        training.SimpleNN(), tmp_path / "mnist_model.pth", data="MNIST", hyperparameters={"hidden": 128}
    )
    with pytest.raises(CourseError, match="trained on MNIST, but the data here is scikit-learn") as caught:
        load.main(settings(tmp_path))
    assert "03_train_mnist.py --quick" in caught.value.hint


def test_03_refuses_to_train_for_no_epochs(tmp_path):
    with pytest.raises(CourseError, match="--epochs 0"):
        lesson("03_train_mnist").main(settings(tmp_path, epochs=0))


def test_confusion_matrix_has_labels_in_rows():
    matrix = lesson("04_load_model").confusion_matrix(torch.tensor([3, 3, 1]), torch.tensor([2, 3, 1]))
    assert matrix[2, 3] == matrix[3, 3] == matrix[1, 1] == 1
    assert matrix.sum() == 3


def test_architectures_have_activations_between_the_layers_only():
    module = lesson("05_experiment_architectures")
    kinds = [type(layer) for layer in module.build([784, 512, 256, 10], nn.ReLU)]
    assert kinds == [nn.Flatten, nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]


def test_two_layers_without_activation_are_one_linear_map():
    model = lesson("05_experiment_architectures").build([784, 128, 10], nn.Identity)
    first, second = (layer for layer in model if isinstance(layer, nn.Linear))
    pixels = torch.randn(3, 784)
    one = pixels @ (second.weight @ first.weight).T + second.weight @ first.bias + second.bias
    assert torch.allclose(model(pixels), one, atol=1e-4)


def test_small_cnn_has_a_fifth_of_the_parameters():
    module = lesson("06_beat_98_percent")
    model = module.small_cnn()
    assert sum(parameter.numel() for parameter in model.parameters()) == 20_746
    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_augmentation_changes_groups_differently_and_fills_with_paper():
    torch.manual_seed(1)
    module = lesson("06_beat_98_percent")
    digits = module.load_mnist_data(quick=True)[2]
    paper = (0 - digits.mean) / digits.std
    images = torch.full((32, 1, 28, 28), paper)
    augment = module.make_augmentation(digits)
    assert torch.allclose(augment(images), images, atol=1e-5)  # paper stays paper, at the edges too
    images[:, :, 10:18, 13:15] = 2.0
    changed = augment(images)
    assert changed.shape == images.shape
    assert torch.equal(changed[0], changed[15])  # one group
    assert not torch.equal(changed[0], changed[16])  # the next
    assert not torch.equal(changed[0], images[0])


def test_the_same_weights_give_the_same_logits_in_keras_and_pytorch():
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("needs the extra: python3 00_env_setup/bootstrap.py extra tensorflow")
    module = lesson("07_same_model_in_tensorflow")
    torch.manual_seed(0)
    model, back = module.SimpleNN(), module.SimpleNN()
    keras_model = module.keras_simple_nn(module.import_keras())
    module.to_keras(model, keras_model)
    gap, agreement = module.compare("test", model, keras_model, torch.randn(50, 1, 28, 28))
    assert gap < 1e-4
    assert agreement == 1
    module.from_keras(keras_model, back)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), back.parameters(), strict=True))


def test_without_tensorflow_07_names_the_command(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorflow", None)
    with pytest.raises(CourseError) as caught:
        lesson("07_same_model_in_tensorflow").import_keras()
    assert caught.value.hint == "python3 00_env_setup/bootstrap.py extra tensorflow"
