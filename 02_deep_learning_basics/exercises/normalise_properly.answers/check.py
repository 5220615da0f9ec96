"""Training and test pictures of different brightness, so that the source of the two numbers shows."""

import numpy as np

from coursekit.course import Wrong


def by(images: np.ndarray, of: np.ndarray, axes=None) -> np.ndarray:
    return (images - of.mean(axis=axes, keepdims=True)) / of.std(axis=axes, keepdims=True)


def check(answer) -> None:
    rng = np.random.default_rng(11)
    train = rng.integers(0, 120, size=(50, 6, 5)).astype(np.uint8)
    train += (np.arange(30).reshape(6, 5) * 3).astype(np.uint8)  # every pixel position has its own brightness
    test = rng.integers(60, 256, size=(20, 6, 5)).astype(np.uint8)  # brighter: another day, another pen
    kept = train.copy(), test.copy()
    new_train, new_test = answer.normalise(train, test)
    if not (np.array_equal(train, kept[0]) and np.array_equal(test, kept[1])):
        raise Wrong("The arrays that were passed in have changed: return new ones.")
    for name, new, old in (("training", new_train, train), ("test", new_test, test)):
        if new.shape != old.shape or new.dtype != np.float32:
            raise Wrong(f"The {name} set came back as {new.dtype} {new.shape}, expected float32 {old.shape}.")
    both = np.concatenate([train, test])
    mistakes = {
        "the test set was normalised with its own statistics": (by(train, train), by(test, test)),
        "the statistics come from training and test set together": (by(train, both), by(test, both)),
        "each picture was normalised by itself, so dark and bright ones became equal": (
            by(train, train, (1, 2)),
            by(test, test, (1, 2)),
        ),
        "each pixel position got its own statistics; two numbers were asked for": (
            by(train, train, 0),
            by(test, train, 0),
        ),
        "the mean was not subtracted": (train / train.std(), test / train.std()),
        "divided by 255 and not by the standard deviation": (train / 255, test / 255),
    }
    right = by(train, train), by(test, train)
    if np.allclose(new_train, right[0], atol=1e-4) and np.allclose(new_test, right[1], atol=1e-4):
        return
    for because, (wrong_train, wrong_test) in mistakes.items():
        if np.allclose(new_train, wrong_train, atol=1e-4) and np.allclose(new_test, wrong_test, atol=1e-4):
            raise Wrong(f"The test set has mean {new_test.mean():.3f}, expected {right[1].mean():.3f}: {because}.")
    raise Wrong(
        f"Training set: mean {new_train.mean():.3f} and deviation {new_train.std():.3f}, expected 0 and 1; "
        f"test set: mean {new_test.mean():.3f}, expected {right[1].mean():.3f}."
    )
