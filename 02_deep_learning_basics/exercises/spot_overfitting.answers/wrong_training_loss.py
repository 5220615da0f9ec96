"""Misconception: the last epoch is not always the best"""


def judge(train_loss: list[float], validation_loss: list[float]) -> tuple[int, str]:
    """Return the epoch to keep (from 1) and the verdict.

    Args:
        train_loss: One value an epoch, at least two epochs.
        validation_loss: As many values.
    """
    best = train_loss.index(min(train_loss))
    lowest = validation_loss[best]
    if validation_loss[-1] > 1.1 * lowest and train_loss[-1] < train_loss[best]:
        return best + 1, "overfitting"
    if train_loss[-1] > 0.5 * train_loss[0]:
        return best + 1, "underfitting"
    return best + 1, "good"
