"""Checks pair_loss against a plain calculation, and names what went wrong."""

import numpy as np

from coursekit.course import Wrong


def one_way(table: np.ndarray) -> float:
    shifted = table - table.max(axis=1, keepdims=True)
    return float(np.mean(np.log(np.exp(shifted).sum(axis=1)) - np.diag(shifted)))


def check(answer) -> None:
    random = np.random.default_rng(8)
    for size, scale in ((4, 1.0), (6, 10.0), (3, 100.0)):
        pictures = random.normal(size=(size, 5)) * random.uniform(0.5, 3, size=(size, 1))
        sentences = pictures + random.normal(size=(size, 5))
        seen = float(answer.pair_loss(pictures, sentences, scale))
        unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (pictures, sentences)]
        table = scale * unit[0] @ unit[1].T
        wanted = (one_way(table) + one_way(table.T)) / 2
        if np.isclose(seen, wanted, atol=1e-6):
            continue
        told = f"B={size}, scale={scale:g}: the loss is {seen:.4f}, expected {wanted:.4f}."
        raw = scale * pictures @ sentences.T
        if np.isclose(seen, (one_way(raw) + one_way(raw.T)) / 2):
            raise Wrong(f"{told} The rows were not brought to length 1, so a long vector is like everything.")
        if np.isclose(seen, one_way(table)) or np.isclose(seen, one_way(table.T)):
            raise Wrong(f"{told} Only one direction was counted: sentences have to find their pictures, too.")
        if np.isclose(seen, one_way(table) + one_way(table.T)):
            raise Wrong(f"{told} Both directions were added; the loss is their mean.")
        if not np.isfinite(seen):
            raise Wrong(f"{told} exp of a large number is infinite: subtract each row's maximum first.")
        raise Wrong(told)
    same = np.ones((4, 3))
    seen = float(answer.pair_loss(same, same, 5.0))
    if not np.isclose(seen, np.log(4)):
        raise Wrong(f"Four equal rows leave chance alone: log(4) = {np.log(4):.3f}, not {seen:.3f}.")
