"""Checks stretch on small texts at several speeds."""

import numpy as np

from coursekit.course import Wrong

CASES = (([1, 3], 1.0), ([4, 2, 6], 2.0), ([4, 2, 6], 0.5), ([1, 5, 1], 4.0), ([7], 1.5), ([3.4, 2.6], 1.0))


def check(answer) -> None:
    for durations, speed in CASES:
        vectors = np.stack([np.arange(len(durations)) + 1.0, -np.arange(len(durations))], axis=1)
        frames = np.maximum(1, np.round(np.array(durations) / speed)).astype(int)
        wanted = np.array([vectors[i] for i, many in enumerate(frames) for _ in range(many)])
        seen = np.asarray(answer.stretch(vectors.copy(), np.array(durations), speed), float)
        if seen.shape == wanted.shape and np.allclose(seen, wanted):
            continue
        told = f"durations {durations} at speed {speed}: {len(seen)} frames, expected {len(wanted)}."
        letters = {float(row[0]) for row in seen} if seen.ndim == 2 else set()
        if len(letters) < len(durations):
            raise Wrong(f"{told} A letter got lost: each lasts at least one frame.")
        if speed != 1 and len(seen) == int(np.maximum(1, np.round(np.array(durations) * speed)).sum()):
            raise Wrong(f"{told} Twice as fast is half as long.")
        if seen.shape == wanted.shape and (np.diff(seen[:, 0]) < 0).any():
            raise Wrong(f"{told} The letters are not in order: a letter is repeated, not the text.")
        if len(seen) == int(np.maximum(1, (np.array(durations) / speed).astype(int)).sum()):
            raise Wrong(f"{told} Cutting the fraction off makes every text too short; round it.")
        raise Wrong(told)
