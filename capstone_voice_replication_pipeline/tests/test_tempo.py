"""Speed without pitch: a tone keeps its frequency and its loudness, and lasts as long as asked."""

from __future__ import annotations

import numpy as np
import pytest

from voice_pipeline.tempo import change_tempo

RATE = 24000


@pytest.mark.parametrize("speed", [0.25, 0.4, 0.5, 0.9, 1.5, 4.0])
def test_the_length_changes_and_the_pitch_stays(speed):
    seconds = np.arange(2 * RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 200 * seconds)).astype(np.float32)
    changed = change_tempo(tone, RATE, speed)
    assert changed.dtype == np.float32 and len(changed) == pytest.approx(len(tone) / speed, rel=0.02)
    peak = np.argmax(np.abs(np.fft.rfft(changed))) * RATE / len(changed)
    assert peak == pytest.approx(200, abs=2) and np.abs(changed).max() == pytest.approx(0.3, abs=0.02)


def test_nothing_to_do_changes_nothing():
    tone = np.ones(100, np.float32)
    assert change_tempo(tone, RATE, 1.0) is tone
    assert not len(change_tempo(np.zeros(0, np.float32), RATE, 2.0))
    assert len(change_tempo(tone, RATE, 2.0))
