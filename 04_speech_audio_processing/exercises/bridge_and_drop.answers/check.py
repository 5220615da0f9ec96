"""Checks bridge_and_drop against a slow, plain way, on random frames and on the cases that are usually wrong."""

import itertools

import numpy as np

from coursekit.course import Wrong


def expected(frames, gap: int, shortest: int) -> list[bool]:
    runs = [[bool(value), len(list(run))] for value, run in itertools.groupby(frames)]
    for place in range(1, len(runs) - 1):
        if not runs[place][0] and runs[place][1] <= gap:
            runs[place][0] = True
    flat = [value for value, length in runs for _ in range(length)]
    runs = [(value, len(list(run))) for value, run in itertools.groupby(flat)]
    return [value and length >= shortest for value, length in runs for _ in range(length)]


def check(answer) -> None:
    cases = [
        ([0, 0, 1, 1, 1, 0, 0], 3, 2, "silence before the first and after the last speech is no gap"),
        ([1, 0, 1, 0, 1], 1, 4, "dropping came before bridging: short pieces of one word were thrown away"),
        ([1, 1, 0, 0, 1, 1], 1, 2, "a gap longer than allowed was closed"),
        ([1, 0, 0, 1], 2, 1, "a gap of exactly `gap` frames is to be closed"),
        ([0, 1, 1, 0], 0, 2, "a stretch of exactly `shortest` frames stays"),
        ([0, 1, 1, 0, 1, 0, 0, 0, 1, 0], 1, 2, ""),
        ([0, 0, 0], 2, 2, ""),
        ([1, 1, 1], 2, 2, ""),
    ]
    random = np.random.default_rng(3)
    cases += [(random.random(40) < 0.5, int(random.integers(0, 4)), int(random.integers(1, 5)), "") for _ in range(200)]
    for frames, gap, shortest, why in cases:
        given = np.array(frames, bool)
        seen = np.asarray(answer.bridge_and_drop(given.copy(), gap, shortest)).astype(int).tolist()
        wanted = np.array(expected(given, gap, shortest)).astype(int).tolist()
        if seen != wanted:
            reason = f": {why}" if why else ""
            called = f"bridge_and_drop({given.astype(int).tolist()}, gap={gap}, shortest={shortest})"
            raise Wrong(f"{called} gave {seen}, expected {wanted}{reason}.")
    given = np.array([1, 0, 1], bool)
    answer.bridge_and_drop(given, 1, 5)
    if given.tolist() != [True, False, True]:
        raise Wrong("The array that was given was changed; work on a copy.")
