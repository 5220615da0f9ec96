"""Measurements and rules: each rule is broken by the sound it was made for, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soxr

from voice_pipeline import ledger
from voice_pipeline.audio import Decoded
from voice_pipeline.errors import PipelineError
from voice_pipeline.ledger import Limits, judge
from voice_pipeline.measurements import Measurements, clipped_share, decibels, measure, noise_and_snr, true_peak
from voice_pipeline.vad import find_speech

from .synthetic_speech import speech, text_for

RATE = 24_000
GOOD = Measurements(
    source_sample_rate=44_100,
    source_channels=1,
    source_container="WAV",
    source_codec="PCM_16",
    source_bit_depth=16,
    mix="mono",
    duration=4.5,
    clip_duration=4.0,
    speech_duration=3.5,
    leading_silence=0.3,
    trailing_silence=0.3,
    longest_pause=0.4,
    inner_silence=0.6,
    peak_dbfs=-6.0,
    true_peak_dbtp=-5.8,
    clipped_share=0.0,
    loudness_lufs=-25.0,
    clip_loudness_lufs=-23.0,
    noise_floor_dbfs=-60.0,
    snr_db=35.0,
    characters_per_second=15.0,
)


def decoded(waveform: np.ndarray, rate: int = RATE) -> Decoded:
    return Decoded(waveform, rate, 1, "WAV", "PCM_16", 16, "mono")


def measured(waveform: np.ndarray, text: str = "", rate: int = RATE) -> Measurements:
    found = find_speech(waveform, rate)
    return measure(decoded(waveform, rate), found, text, clip_duration=4.0, loudness=-25.0, clip_loudness=-23.0)


def test_a_good_recording_is_accepted():
    assert judge(GOOD, "A text.", Limits()) == []


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"source_sample_rate": 15_999}, ["sample_rate_too_low"]),
        ({"source_sample_rate": 16_000}, []),
        ({"speech_duration": 0.99}, ["too_short"]),
        ({"clip_duration": 11.61}, ["too_long"]),
        ({"clip_duration": 11.6}, []),
        ({"clipped_share": 0.006}, ["clipped"]),
        ({"snr_db": 8.9}, ["noisy"]),
        ({"snr_db": None}, []),
        ({"characters_per_second": 27.1}, ["text_longer_than_speech"]),
        ({"characters_per_second": 3.9}, ["text_shorter_than_speech"]),
        ({"peak_dbfs": -51.0, "speech_duration": 0.0, "snr_db": 0.0}, ["silent"]),
        ({"speech_duration": 0.0, "snr_db": None}, ["no_speech"]),
        ({"snr_db": 3.0, "clipped_share": 0.1}, ["clipped", "noisy"]),
    ],
)
def test_each_rule(change, rules):
    reasons = judge(replace(GOOD, **change), "A text.", Limits())
    assert [reason.rule for reason in reasons] == rules
    for reason in reasons:
        assert reason.repair.endswith(".") and reason.limit is not None and reason.value is not None


def test_without_text():
    assert [reason.rule for reason in judge(replace(GOOD, characters_per_second=None), "", Limits())] == ["no_text"]


def test_limits_can_be_changed():
    assert judge(replace(GOOD, snr_db=5.0), "A text.", Limits(min_snr_db=4.0)) == []


def test_speech_is_measured():
    text = text_for(3.0)
    values = measured(speech(3.0, margin=0.5), text)
    assert values.leading_silence == pytest.approx(0.5, abs=0.12)
    assert values.trailing_silence == pytest.approx(0.5, abs=0.12)
    assert values.speech_duration == pytest.approx(3.0, abs=0.2)
    assert values.characters_per_second == pytest.approx(14.0, abs=1.0)
    assert values.noise_floor_dbfs == pytest.approx(-80.0, abs=1.0)
    assert judge(values, text, Limits()) == []


@pytest.mark.parametrize("noise", [0.001, 0.01, 0.03])
def test_snr_is_found_without_being_told(noise):
    waveform = speech(4.0, noise=noise)
    clean = speech(4.0, noise=0.0)[int(0.4 * RATE) : -int(0.4 * RATE)]
    truth = 20 * np.log10(np.sqrt(np.mean(np.square(clean))) / noise)
    floor, snr = noise_and_snr(waveform, RATE, find_speech(waveform, RATE))
    assert floor == pytest.approx(20 * np.log10(noise), abs=1.0)
    assert snr == pytest.approx(truth, abs=1.5)


def test_noise_is_rejected():
    waveform = speech(4.0, noise=0.06)
    assert "noisy" in [reason.rule for reason in judge(measured(waveform, text_for(4.0)), text_for(4.0), Limits())]


def test_silence_and_noise_hold_no_speech():
    assert find_speech(np.zeros(RATE, np.float32), RATE).segments == ()
    noise = np.random.default_rng(0).normal(0, 0.1, 3 * RATE).astype(np.float32)
    assert find_speech(noise, RATE).segments == ()
    rules = [reason.rule for reason in judge(measured(np.zeros(RATE, np.float32)), "A text.", Limits())]
    assert rules == ["silent"]


def test_speech_that_begins_at_once_is_found_from_its_beginning(mirror):
    from voice_pipeline.audio import decode

    for name in ("LJ001-0001", "LJ001-0006", "LJ001-0009"):
        found = decode(mirror / "ljspeech" / "LJSpeech-1.1" / "wavs" / f"{name}.wav")
        assert find_speech(found.waveform, found.sample_rate).start <= 0.064, name


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_clipping_is_found_also_when_scaled_down(scale):
    clean = speech(3.0)
    assert clipped_share(clean) == 0.0
    top = 0.3 * np.abs(clean).max()
    flat = np.clip(clean, -top, top) * scale
    assert clipped_share(flat) > Limits().max_clipped_share
    assert clipped_share(flat) == pytest.approx(np.mean(np.abs(clean) >= top), abs=0.01)


@pytest.mark.parametrize("frequency", [50, 100, 440])
def test_a_pure_tone_is_not_clipped(frequency):
    tone = 0.9 * np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE)
    assert clipped_share((np.rint(tone * 32_767) / 32_767).astype(np.float32)) < Limits().max_clipped_share


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 48_000])
def test_the_true_peak_is_that_of_the_whole_curve(rate):
    """Only the loudest places are oversampled; what is found there is what oversampling everything finds."""
    factor = round(192_000 / rate)
    for seed in range(4):
        waveform = speech(2.0, sample_rate=rate, seed=seed, noise=0.05 * seed)
        curve = soxr.resample(np.pad(waveform, 64), rate, factor * rate)
        whole = decibels(float(max(np.abs(curve).max(), np.abs(waveform).max())))
        assert decibels(true_peak(waveform, rate)) == pytest.approx(whole, abs=0.01)
    assert true_peak(np.zeros(0, np.float32), rate) == 0.0


def test_tiny_waveforms_can_be_measured():
    for samples in (1, 2, 100):
        values = measured(np.full(samples, 0.1, np.float32))
        assert values.snr_db is None and values.speech_duration == 0


def test_decibels():
    assert [round(decibels(x), 2) for x in (1.0, 0.5, 0.0, 1e-9)] == [0.0, -6.02, -120.0, -120.0]


def row(file: str, *rules: str) -> dict:
    reasons = [ledger.Reason(rule, 1.0, 2.0, "Repair it.") for rule in rules]
    return ledger.entry(
        clip_id=file, file=file, text="t", source_sha256="0", reasons=reasons, measurements=GOOD, clip=f"clips/{file}"
    )


def test_the_sum_must_be_right():
    rows = [row("a"), row("b", "noisy")]
    ledger.check_complete(["b", "a"], rows)
    assert ledger.counts(rows) == (1, 1)
    for given, wrong in ((["a", "b", "c"], rows), (["a"], rows), (["a", "a"], [row("a"), row("b")])):
        with pytest.raises(PipelineError, match="does not account for every file"):
            ledger.check_complete(given, wrong)
    with pytest.raises(PipelineError, match="account"):
        ledger.check_complete(["a"], [{**row("a"), "status": "rejected"}])


def test_the_table_is_aligned_plain_ascii():
    text = ledger.table([row("a.wav"), row("\u9332\u97f3 long name.wav", "noisy", "clipped")])
    lines = text.splitlines()
    assert text.isascii()
    assert lines[0].index("status") == lines[1].index("accepted") == lines[2].index("rejected")
    assert "noisy (1, limit 2); clipped (1, limit 2)" in lines[2]
    assert lines[-2:] == ["  noisy: Repair it.", "  clipped: Repair it."]
