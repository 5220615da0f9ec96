"""Checks per_speaker() on small cases and on drawn ones against scikit-learn."""

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

from coursekit.course import Wrong

CASES = (
    (
        ["A", "A", None, "C"],
        ["A", "C", "C", "C"],
        {"A": (0.5, 1.0), "C": (1.0, 1 / 3)},
        "one of two given to A is hers; None is nobody's name",
    ),
    (
        ["A", "A"],
        ["A", "C"],
        {"A": (0.5, 1.0), "C": (None, 0.0)},
        "who is given nothing has no precision, and is not left out",
    ),
    (
        ["A", "Z"],
        ["A", "A"],
        {"A": (1.0, 0.5), "Z": (0.0, None)},
        "who says nothing has no recall, and is not left out",
    ),
    ([None, None], ["A", "A"], {"A": (None, 0.0)}, "saying nothing is not a wrong name; None is nobody's name"),
    ([], [], {}, "no quotations, no speakers"),
    (["A", "B", "B"], ["A", "B", "B"], {"A": (1.0, 1.0), "B": (1.0, 1.0)}, "all is right there"),
)


def close(one, other) -> bool:
    return one is other if one is None or other is None else abs(one - other) < 1e-9


def check(answer) -> None:
    for said, true, wanted, why in CASES:
        found = answer.per_speaker(list(said), list(true))
        if set(found) != set(wanted):
            raise Wrong(f"per_speaker({said}, {true}) has the speakers {sorted(map(str, found))}: {why}.")
        for name, pair in wanted.items():
            if not all(map(close, found[name], pair)):
                raise Wrong(f"per_speaker({said}, {true}): {name} has {found[name]}, expected {pair}: {why}.")
    random = np.random.default_rng(0)
    for _ in range(20):
        true = [str(name) for name in random.choice(list("ABC"), 30)]
        said = [name if random.random() < 0.6 else str(random.choice(list("ABC"))) for name in true]
        names = sorted(set(true) & set(said))
        precision, recall, *_ = precision_recall_fscore_support(true, said, labels=names, zero_division=0)
        found = answer.per_speaker(said, true)
        for name, p, r in zip(names, precision, recall, strict=True):
            if not (close(found[name][0], p) and close(found[name][1], r)):
                raise Wrong(
                    f"{name} has {found[name]}, scikit-learn says {(p, r)}: precision divides by what was given."
                )
