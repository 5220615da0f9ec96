"""Misconception: epochs are counted from 1"""


def judge(train_loss: list[float], validation_loss: list[float]) -> tuple[int, str]:
    """Return the epoch to keep (from 1) and the verdict.

    Args:
        train_loss: One value an epoch, at least two epochs.
        validation_loss: As many values.
    """
    lowest = min(validation_loss)
    best = validation_loss.index(lowest)  # from 0
    if validation_loss[-1] > 1.1 * lowest and train_loss[-1] < train_loss[best]:
        return best, "overfitting"
    if train_loss[-1] > 0.5 * train_loss[0]:
        return best, "underfitting"
    return best, "good"
