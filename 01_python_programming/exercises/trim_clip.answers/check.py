"""Checks Clip.duration and Clip.trimmed on random clips."""

import numpy as np

from coursekit.course import Wrong


def check(answer) -> None:
    example = answer.Clip(np.array([0, 0, 0.5, 0, -0.4, 0]), sample_rate=2, text="Oh!")
    if example.duration != 3.0:
        raise Wrong(f"A clip of 6 samples at 2 Hz has the duration {example.duration!r}; it should be 3.0 seconds.")
    rng = np.random.default_rng(4)
    for threshold in (0.01, 0.1):
        for before, inside, after in ((3, 40, 5), (0, 9, 0), (0, 1, 7), (6, 2, 0)):
            core = rng.uniform(0.2, 0.9, inside) * rng.choice([-1, 1], inside)
            core[1:-1][rng.random(max(0, inside - 2)) < 0.4] = 0
            quiet = [rng.uniform(-threshold, threshold, n) for n in (before, after)]
            one_clip(answer, np.concatenate([quiet[0], core, quiet[1]]), core, threshold)
    silent = answer.Clip(np.zeros(10), 16_000, "...").trimmed()
    if len(silent.waveform) != 0:
        raise Wrong(f"Trimmed a silent clip. {len(silent.waveform)} samples are left; there should be none.")


def one_clip(answer, waveform: np.ndarray, core: np.ndarray, threshold: float) -> None:
    clip = answer.Clip(waveform.copy(), 16_000, "Oh dear!")
    new = clip.trimmed(threshold)
    seen = np.asarray(new.waveform)
    called = f"Trimmed {len(waveform)} samples at {threshold}; {len(core)} should be left, {len(seen)} are"
    if len(seen) == np.count_nonzero(core) < len(core):
        raise Wrong(f"{called}: the silence between the words is gone too.")
    if len(seen) == len(core) - 1 and np.array_equal(seen, core[:-1]):
        raise Wrong(f"{called}: the last loud sample is missing.")
    if not np.array_equal(seen, core):
        raise Wrong(f"{called}, from {np.round(seen[:3], 3)} on; they should begin with {np.round(core[:3], 3)}.")
    if (new.sample_rate, new.text) != (16_000, "Oh dear!"):
        raise Wrong(
            f"A clip of 16000 Hz with the text 'Oh dear!', trimmed, has {new.sample_rate} Hz and {new.text!r}: "
            "the new clip has forgotten its sample rate and its text."
        )
    if np.shares_memory(new.waveform, clip.waveform):
        raise Wrong(
            "Changing a sample of the trimmed clip changes the old one: the new clip is a window on the old one."
        )
    if not np.array_equal(clip.waveform, waveform):
        raise Wrong("Called trimmed(), and afterwards the old clip had other samples; it should stay as it was.")
