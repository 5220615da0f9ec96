"""Training the clip judge, measuring it, and the gate that a new model has to pass.

scikit-learn trains; what it learnt is taken out as a `ClipModel`, which needs NumPy alone. Letters used in shapes:
R recordings, F features (10), K kinds (5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from clip_model import KINDS, ClipModel


def train(
    table: np.ndarray,
    labels: np.ndarray,
    *,
    hidden: int = 16,
    learning_rate: float = 0.01,
    decay: float = 1e-3,
    epochs: int = 60,
    seed: int = 0,
    on_epoch: Callable[[int, float, ClipModel], None] | None = None,
) -> ClipModel:
    """Train the network with scikit-learn, about a second.

    Args:
        table: `[R, F]`.
        labels: `[R]`.
        hidden: H, units of the hidden layer.
        learning_rate: Adam's, 0.001 to 0.1.
        decay: Weight decay, 0 to 1.
        epochs: Passes over the data.
        seed: Of the first weights and the order of the rows.
        on_epoch: Told the number of the epoch, its training loss and the model so far.
    """
    from sklearn.neural_network import MLPClassifier

    mean, scale = table.mean(axis=0), table.std(axis=0) + 1e-9
    batch = min(32, len(labels))
    network = MLPClassifier(
        (hidden,), alpha=decay, learning_rate_init=learning_rate, random_state=seed, batch_size=batch
    )
    for epoch in range(1, epochs + 1):
        network.partial_fit((table - mean) / scale, labels, classes=range(len(KINDS)))
        if on_epoch or epoch == epochs:
            weights, bias = network.coefs_, network.intercepts_
            model = ClipModel(mean, scale, (weights[0].copy(), bias[0].copy()), (weights[1].copy(), bias[1].copy()))
        if on_epoch:
            on_epoch(epoch, float(network.loss_), model)
    return model


def accuracy(model: ClipModel, table: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of recordings judged rightly, 0..1."""
    return float((model.probabilities(table).argmax(axis=1) == labels).mean())


def recalls(model: ClipModel, table: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return for each kind the share of its recordings that is found, 0..1."""
    said = model.probabilities(table).argmax(axis=1)
    return {name: float((said[labels == k] == k).mean()) for k, name in enumerate(KINDS) if (labels == k).any()}


@dataclass(frozen=True)
class Gate:
    """What a new model has to show before it may take the old one's place.

    Attributes:
        min_gain: By how much the accuracy must be higher, at least, share.
        most_lost: By how much the recall of any one kind may fall, at most, share.
        certainty: Of the interval of the gain. Its lower end must be above `min_gain`.
        max_bytes: Size of the model's file, at most.
    """

    min_gain: float = 0.0
    most_lost: float = 0.05
    certainty: float = 0.9
    max_bytes: int = 100_000


@dataclass(frozen=True)
class Decision:
    """What the gate says. `reasons` is empty exactly when the new model may be promoted."""

    gain: float
    low: float
    high: float
    reasons: tuple[str, ...]

    @property
    def promoted(self) -> bool:
        return not self.reasons


def decide(
    old: ClipModel, new: ClipModel, table: np.ndarray, labels: np.ndarray, gate: Gate, seed: int = 0
) -> Decision:
    """Judge a new model against the old one on the same recordings, which neither was trained on.

    The interval comes from drawing the recordings again and again, with replacement, always the same ones for both
    models: what is hard for both cancels out.
    """
    # concept: promotion gate
    right_old = old.probabilities(table).argmax(axis=1) == labels  # bool [R]
    right_new = new.probabilities(table).argmax(axis=1) == labels
    difference = right_new.astype(float) - right_old  # -1, 0 or 1 for each recording
    random = np.random.default_rng(seed)
    draws = difference[random.integers(0, len(labels), (2000, len(labels)))].mean(axis=1)
    low, high = np.quantile(draws, [(1 - gate.certainty) / 2, (1 + gate.certainty) / 2])
    reasons = []
    if not low > gate.min_gain:
        reasons.append(f"gain {difference.mean():+.3f}, and with {gate.certainty:.0%} certainty only above {low:+.3f}")
    before, after = recalls(old, table, labels), recalls(new, table, labels)
    for kind, share in after.items():
        if before[kind] - share > gate.most_lost:
            reasons.append(f"{kind}: found {share:.0%}, before {before[kind]:.0%}")
    if (size := len(new.to_bytes())) > gate.max_bytes:
        reasons.append(f"{size} bytes; {gate.max_bytes} are the most")
    return Decision(float(difference.mean()), float(low), float(high), tuple(reasons))
