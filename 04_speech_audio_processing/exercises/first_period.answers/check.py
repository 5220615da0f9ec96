"""Checks first_period on small curves and on voices of known pitch."""

import numpy as np

from coursekit.course import Wrong


def curve_of(f0: float, rate: int = 16_000, breath: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(int(f0))
    t = np.arange(1200) / rate
    sound = sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, 6)) + breath * random.normal(size=len(t))
    lags = np.arange(1, 400)
    difference = np.array([np.sum((sound[:700] - sound[lag : lag + 700]) ** 2) for lag in lags])
    return np.concatenate([[1.0], difference / (np.cumsum(difference) / lags)])


def check(answer) -> None:
    small = [
        ([1, 0.8, 0.05, 0.02, 0.3, 0.9, 0.01, 0.5], 0.1, 3),
        ([1, 0.8, 0.6, 0.7], 0.1, 0),
        ([1, 0.5, 0.09], 0.1, 2),
        ([1, 0.9, 0.08, 0.07, 0.06, 0.05], 0.1, 5),
    ]
    for curve, threshold, wanted in small:
        compare(answer, np.array(curve, float), threshold, wanted, f"The curve {curve}, threshold {threshold}")
    for f0 in (80.0, 125.0, 210.0):
        curve = curve_of(f0, breath=0.02)
        period = 16_000 / f0
        wanted = int(round(period)) - 2 + int(curve[int(round(period)) - 2 : int(round(period)) + 3].argmin())
        compare(answer, curve, 0.15, wanted, f"A voice of {f0:.0f} Hz at 16,000 Hz")
    hiss = curve_of(50_000.0, breath=5.0)
    compare(answer, hiss, 0.15, 0, "Hiss, which has no period")


def compare(answer, curve: np.ndarray, threshold: float, wanted: int, called: str) -> None:
    seen = answer.first_period(curve.copy(), threshold)
    if seen == wanted:
        return
    told = f"{called}: the period is {wanted}, first_period gave {seen}."
    if wanted == 0:
        raise Wrong(f"{told} Nothing is below the threshold, so there is no pitch to report.")
    if seen == int(np.argmin(curve)):
        raise Wrong(f"{told} The deepest valley may be at two or three periods: an octave error.")
    below = np.flatnonzero(curve < threshold)
    if len(below) and seen == below[0]:
        raise Wrong(f"{told} The first value below the threshold is on the slope, not on the floor of the valley.")
    raise Wrong(told)
