"""Checks frame_levels against a plain loop, on random sounds, and that it has no loop itself."""

import ast
import math
import warnings
from pathlib import Path

import numpy as np

from coursekit.course import Wrong

LOOPS = (ast.For, ast.While, ast.ListComp, ast.GeneratorExp, ast.SetComp, ast.DictComp)


def expected(waveform: np.ndarray, frame: int, hop: int) -> np.ndarray:
    powers = [
        sum(x * x for x in waveform[i : i + frame].tolist()) / frame for i in range(0, len(waveform) - frame + 1, hop)
    ]
    return np.array([max(-120.0, 10 * math.log10(power)) if power > 0 else -120.0 for power in powers])


def check(answer) -> None:
    rng = np.random.default_rng(5)
    for samples, frame, hop in ((6, 2, 2), (5, 3, 1), (3000, 480, 240), (2999, 480, 240), (960, 480, 480), (100, 7, 3)):
        waveform = rng.normal(0, 0.1, samples).astype(np.float32)
        waveform[samples // 3 : samples // 3 + frame + 2 * hop] = 0
        compare(answer, waveform, frame, hop)
    short = answer.frame_levels(np.ones(3), 4, 2)
    if len(short) != 0:
        raise Wrong(f"3 samples with frames of 4 gave {short}; no whole frame fits.")
    quietest = answer.frame_levels(np.full(4, 1e-9), 4, 4)
    if not np.allclose(quietest, -120):
        raise Wrong(f"Samples of 1e-9 gave {quietest} dB; nothing should be below -120.")
    tree = ast.parse(Path(answer.__file__).read_text(encoding="utf-8"))
    looping = [node for node in ast.walk(tree) if isinstance(node, LOOPS)]
    if looping:
        raise Wrong(f"The levels are right. But in line {looping[0].lineno} a loop in Python walks through the frames.")


def compare(answer, waveform: np.ndarray, frame: int, hop: int) -> None:
    wanted = expected(waveform, frame, hop)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seen = np.asarray(answer.frame_levels(waveform.copy(), frame, hop), float)
    called = f"{len(waveform)} samples, frame {frame}, hop {hop}"
    if len(seen) == len(wanted) - 1 and np.allclose(seen, wanted[:-1], atol=1e-3):
        raise Wrong(
            f"{called}: {len(seen)} levels came back, there should be {len(wanted)}: the last whole frame is missing."
        )
    if seen.shape != wanted.shape:
        raise Wrong(f"{called}: the result has the shape {seen.shape}; it should be {wanted.shape}.")
    if not np.isfinite(seen).all():
        raise Wrong(f"{called}: a frame of zeros gave {seen[~np.isfinite(seen)][0]}: silence has no logarithm.")
    loud = wanted > -59
    if np.allclose(seen[loud], 2 * wanted[loud], atol=1e-2) and not np.allclose(seen, wanted, atol=1e-3):
        raise Wrong(
            f"{called}: {seen[loud][0]:.1f} dB came back instead of {wanted[loud][0]:.1f}: "
            "the mean of squares is a power, so it takes 10 log10 and not 20."
        )
    if not np.allclose(seen, wanted, atol=1e-3):
        worst = int(np.abs(seen - wanted).argmax())
        raise Wrong(f"{called}: level {worst} is {seen[worst]:.2f} dB; it should be {wanted[worst]:.2f}.")
