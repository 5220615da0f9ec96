"""Checks same_sound() on sounds that differ by a known amount."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    random = np.random.default_rng(0)
    x = np.sin(np.arange(2400) * 0.05) * 0.3
    noise = random.normal(size=2400)
    noise *= np.sqrt(np.sum(x**2) / np.sum(noise**2))  # as strong as the sound

    def same(found, expected=x, tolerance=-80.0):
        got = answer.same_sound(found, expected, tolerance)
        if not isinstance(got, (bool, np.bool_)):
            raise Wrong(f"same_sound returned {got!r}, expected True or False.")
        return bool(got)

    if not same(x.copy()):
        raise Wrong("A sound is not the same as itself.")
    if not same(x * (1 + 1e-7)):
        raise Wrong("A difference of -140 dB fails: exact equality breaks on the next processor. Allow the tolerance.")
    if same(-x):
        raise Wrong("A sound turned upside down passes: equal levels are not equal sounds. Take the difference first.")
    if same(np.roll(x, 1)):
        raise Wrong("A sound one sample late passes: the difference must be taken sample by sample.")
    click = x.copy()
    click[100] += 0.5
    if same(click):
        raise Wrong("A click passes. Its power is -23 dB relative to the sound, far above -80 dB.")
    for level, wanted in ((-81, True), (-79, False)):
        if same(x + noise * 10 ** (level / 20)) is not wanted:
            raise Wrong(f"Noise at {level} dB gives {not wanted} at a tolerance of -80 dB: power is 10 log10, not 20.")
    for scale in (1e-3, 1e3):
        if same(scale * (x + noise * 1e-3), scale * x, -50.0) is not True:
            raise Wrong(
                f"The same sound times {scale:g} gives another answer: the difference is relative to the sound."
            )
    silence = np.zeros(100)
    if not same(silence, silence) or same(silence + 1e-3, silence):
        raise Wrong("Silence must be the same as silence, and nothing else may be: avoid dividing by zero.")
    for bad in (np.nan, np.inf):
        broken = x.copy()
        broken[7] = bad
        if same(broken) or same(broken, broken):
            raise Wrong(f"A sound with {bad} in it passes: a comparison with NaN is never true, so ask for it apart.")
    try:
        shorter = same(x[:-1])
    except ValueError as error:
        raise Wrong(f"Sounds of different lengths raise {error}: they are simply not the same.") from None
    if shorter or same(x[:1]):
        raise Wrong("Sounds of different lengths pass.")
