"""Checks pooled_errors() on small cases, and on drawn ones against jiwer."""

import jiwer
import numpy as np

from coursekit.course import Wrong

CASES = (
    (["a b c"], ["a b c"], 0.0, "nothing is wrong there"),
    (["Stop, please!"], ["stop please"], 0.0, "capitals and marks are not words"),
    (
        ["a", "b c d e f g h i j"],
        ["x", "b c d e f g h i j"],
        0.1,
        "all errors over all words, not the mean of the rates",
    ),
    (["one two"], ["one two three four five"], 1.5, "the words of the text count, not those that were heard"),
    (["one two three"], [""], 1.0, "what was not heard is deleted"),
    (["a b c d"], ["b c d"], 0.25, "one deletion does not spoil what comes after it"),
    (["", "a b"], ["x", "a b"], 0.5, "an insertion counts, also where nothing was to be said"),
    ([], [], 0.0, "no words, no errors"),
)


def check(answer) -> None:
    for references, heard, wanted, why in CASES:
        found = float(answer.pooled_errors(list(references), list(heard)))
        if abs(found - wanted) > 1e-9:
            raise Wrong(f"pooled_errors({references}, {heard}) is {found:.4g}, expected {wanted:.4g}: {why}.")
    random = np.random.default_rng(0)
    for _ in range(30):
        pairs = [draw(random) for _ in range(random.integers(1, 6))]
        references, heard = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        found, wanted = float(answer.pooled_errors(references, heard)), jiwer.wer(references, heard)
        if abs(found - wanted) > 1e-9:
            raise Wrong(f"{references} heard as {heard}: {found:.4g}, and jiwer says {wanted:.4g}.")


def draw(random) -> tuple[str, str]:
    words = [str(word) for word in random.choice(list("abcd"), random.integers(1, 9))]
    changed = [str(random.choice(list("abcd"))) if random.random() < 0.3 else word for word in words]
    changed = [word for word in changed if random.random() > 0.2] + ["d"] * int(random.integers(0, 3))
    return " ".join(words), " ".join(changed)
