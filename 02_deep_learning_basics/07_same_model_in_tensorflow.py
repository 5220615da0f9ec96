"""The same model in TensorFlow: SimpleNN in Keras, proved equal number by number, then trained the Keras way.

What you will learn
    - that a network is its numbers: the same weights give the same answers in both libraries
    - what is named and laid out differently: Linear and Dense, [out, in] and [in, out], logits and from_logits
    - what Keras does for you in fit(): the training loop of 03_train_mnist.py
How to run it (needs the extra: python3 00_env_setup/bootstrap.py extra tensorflow)
    python 07_same_model_in_tensorflow.py --quick     scikit-learn's digits, about 19 s
    python 07_same_model_in_tensorflow.py             MNIST, 5 epochs, 97 to 98 % right, about 26 s
Time and memory on 2 CPU cores: quick 19 s, full 26 s; 1.9 GB.
Writes: nothing but the report
Concepts: ML_CONCEPTS_EXPLAINED.md (forward and backward pass, loss functions, optimizers)

Letters in shapes: B pictures in a batch, D = 784 pixels, H = 128 hidden neurons, C = 10 classes.
"""

import importlib
import os
import tempfile

import numpy as np
import torch
from dl_utils import SIDE, count_parameters, evaluate_model, load_mnist_data, prepare

from coursekit.cli import run_script, script_parser
from coursekit.errors import CourseError
from coursekit.expectations import Expected

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow reads these when it is imported: errors only,
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # sums in the plain order,
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # and the CPU: the comparison is about numbers, not about speed

# ----------------------------------------------------------------------------------------------------------------------
# settings: as in 03_train_mnist.py

PARSER = script_parser(__doc__)
BATCH_SIZE = 128
EPOCHS, QUICK_EPOCHS = 5, 40
LEARNING_RATE = 1e-3

SimpleNN = importlib.import_module("03_train_mnist").SimpleNN  # the import statement takes no leading digit

# ----------------------------------------------------------------------------------------------------------------------
# the network in Keras


def import_keras():
    """Return keras with TensorFlow below it, or say how to get them."""
    os.environ["KERAS_BACKEND"] = "tensorflow"  # Keras can also compute with PyTorch; then nothing would be compared
    try:
        with tempfile.TemporaryDirectory() as home:
            os.environ["KERAS_HOME"] = home  # or Keras would write its settings file into your home folder
            import tensorflow
            from tensorflow import keras

            keras.layers  # noqa: B018, it is loaded at the first use, and writes that file then
    except ImportError as error:
        raise CourseError(
            f"TensorFlow is not installed ({error}); it is an extra of this one script.",
            hint="python3 00_env_setup/bootstrap.py extra tensorflow",
        ) from error
    print(f"TensorFlow {tensorflow.__version__}, Keras {keras.__version__}, PyTorch {torch.__version__}")
    return keras


def keras_simple_nn(keras):
    """SimpleNN once more. Keras has the forward pass in the order of the list; there is no forward() to write."""
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE)),  # one picture, without the batch axis; PyTorch finds sizes out from what comes
            keras.layers.Flatten(),  # [B, 28, 28] -> [B, 784]
            keras.layers.Dense(128, activation="relu"),  # nn.Linear(784, 128) and nn.ReLU()
            keras.layers.Dense(10),  # nn.Linear(128, 10); no softmax, so that it returns logits
        ]
    )


# ----------------------------------------------------------------------------------------------------------------------
# weights from one to the other


def to_keras(model: SimpleNN, keras_model) -> None:
    """Copy PyTorch's parameters into Keras. nn.Linear keeps [out, in] and computes x @ W.T; Dense keeps [in, out]."""
    arrays = []
    for layer in (model.layer1, model.layer2):
        arrays += [layer.weight.detach().cpu().numpy().T, layer.bias.detach().cpu().numpy()]
    keras_model.set_weights(arrays)  # [D, H], [H], [H, C], [C]


def from_keras(keras_model, model: SimpleNN) -> None:
    """Copy Keras' parameters into PyTorch."""
    arrays = iter(keras_model.get_weights())
    with torch.no_grad():
        for layer in (model.layer1, model.layer2):
            layer.weight.copy_(torch.from_numpy(next(arrays).T))
            layer.bias.copy_(torch.from_numpy(next(arrays)))


@torch.no_grad()
def logits_of_both(model: SimpleNN, keras_model, images: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits [N, 10] of PyTorch and of Keras for images [N, 1, 28, 28]."""
    model.eval()
    ours = model(images).cpu().numpy()  # concept: forward and backward pass
    theirs = keras_model.predict(images.squeeze(1).cpu().numpy(), batch_size=1000, verbose=0)
    return ours, theirs


def compare(when: str, model: SimpleNN, keras_model, images: torch.Tensor) -> tuple[float, float]:
    """Print and return the largest difference of a logit, and the share of pictures with the same answer."""
    ours, theirs = logits_of_both(model, keras_model, images)
    gap = float(np.abs(ours - theirs).max())
    agreement = float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean())
    print(f"{when}: {len(ours):,} pictures, logits from {ours.min():.1f} to {ours.max():.1f}")
    print(f"   largest difference {gap:.1e}: the last digits of float32; same answer for {agreement:.2%}")
    return gap, agreement


# ----------------------------------------------------------------------------------------------------------------------
# training


def train_with_keras(keras, keras_model, train_loader, test_loader, epochs: int) -> float:
    """compile() names loss, optimizer and metric, fit() is the loop. Returns the test accuracy (0 to 1)."""
    keras_model.compile(
        # from_logits: the model ends in scores, and the loss has the softmax, as nn.CrossEntropyLoss has
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),  # concept: loss functions
        optimizer=keras.optimizers.Adam(learning_rate=LEARNING_RATE),  # concept: optimizers
        metrics=["accuracy"],
    )
    test = test_loader.images.squeeze(1).cpu().numpy(), test_loader.labels.cpu().numpy()
    history = keras_model.fit(
        train_loader.images.squeeze(1).cpu().numpy(),
        train_loader.labels.cpu().numpy(),
        batch_size=BATCH_SIZE,
        epochs=epochs,
        validation_data=test,  # looked at after each epoch, never trained on
        verbose=0,
    ).history
    print("epoch   train loss   train accuracy   test loss   test accuracy")
    for epoch in sorted({*range(min(5, epochs)), epochs - 1}):
        names = ("loss", "accuracy", "val_loss", "val_accuracy")
        row = [history[name][epoch] for name in names]
        print(f"{epoch + 1:>5}   {row[0]:>10.4f}   {row[1]:>14.4f}   {row[2]:>9.4f}   {row[3]:>13.4f}")
    return float(history["val_accuracy"][-1])


def main(settings) -> dict:
    keras = import_keras()
    device = prepare(settings)
    keras.utils.set_random_seed(settings.seed)
    train_loader, test_loader, digits = load_mnist_data(BATCH_SIZE, settings.quick, device, settings.seed)
    settings.quick = digits.is_stand_in  # without MNIST the quick expectations hold

    model, keras_model = SimpleNN().to(device), keras_simple_nn(keras)
    print(f"\nparameters: PyTorch {count_parameters(model):,}, Keras {keras_model.count_params():,}")
    to_keras(model, keras_model)
    gap_before, _ = compare("Untrained, the weights of PyTorch in both", model, keras_model, test_loader.images)

    print("\nTraining in Keras, from these weights")
    epochs = QUICK_EPOCHS if settings.quick else EPOCHS
    keras_accuracy = train_with_keras(keras, keras_model, train_loader, test_loader, epochs)

    from_keras(keras_model, model)
    _, torch_accuracy = evaluate_model(model, test_loader)
    print()
    gap, agreement = compare("Trained, the weights of Keras in both", model, keras_model, test_loader.images)
    print(f"   test accuracy measured by Keras {keras_accuracy:.4f}, by PyTorch {torch_accuracy:.4f}\n")
    return {
        "parameter_difference": keras_model.count_params() - count_parameters(model),
        "logit_gap_untrained": gap_before,
        "logit_gap_trained": gap,
        "same_answers": agreement,
        "test_accuracy": keras_accuracy,
        "accuracy_difference_in_points": 100 * (keras_accuracy - torch_accuracy),  # of percent
    }


EXPECTED = {
    "parameter_difference": Expected(quick=(0, 0), full=(0, 0)),
    "logit_gap_untrained": Expected(quick=(0, 0.001), full=(0, 0.001)),
    "logit_gap_trained": Expected(quick=(0, 0.001), full=(0, 0.001)),  # of logits that reach 30
    "same_answers": Expected(quick=(0.997, 1), full=(0.999, 1)),
    "test_accuracy": Expected(quick=(0.85, 0.95), full=(0.97, 0.98)),
    "accuracy_difference_in_points": Expected(quick=(-0.3, 0.3), full=(-0.03, 0.03)),
}

if __name__ == "__main__":
    run_script(main, __file__, EXPECTED, parser=PARSER, next_script="course quiz 02")
