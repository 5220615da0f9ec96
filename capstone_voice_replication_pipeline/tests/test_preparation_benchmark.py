"""The benchmark of step 2 compares what can be compared: the plain loop finds what step 2 finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from coursekit.errors import CourseError
from voice_pipeline.measurements import decibels
from voice_pipeline.preprocessing import PreprocessSettings, prepare

from .serve_fake import load_module

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "preparation.py"


@pytest.mark.slow
def test_the_loop_that_does_the_same_work_finds_the_same(tmp_path: Path) -> None:
    benchmark = load_module(BENCHMARK)
    files, seconds = benchmark.gather(None, 12.0, tmp_path / "given")
    assert seconds >= 12.0 and len(files) >= 2
    for path in files:
        theirs = benchmark.same_work(path, tmp_path)
        clip, ours = prepare(path, "", PreprocessSettings())
        assert decibels(theirs["true_peak"]) == pytest.approx(ours.true_peak_dbtp, abs=0.1)
        written, rate = soundfile.read(tmp_path / f"{path.stem}.wav")
        assert rate == 24_000 and len(written) / rate == pytest.approx(len(clip) / rate, abs=0.4)
        assert np.sqrt(np.mean(written**2)) == pytest.approx(np.sqrt(np.mean(clip**2)), rel=0.3)


@pytest.mark.slow
def test_ratios_are_printed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    benchmark = load_module(BENCHMARK)
    assert benchmark.main(["--seconds", "12", "--rounds", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.isascii()
    rows = {line[:10].strip(): line[10:].split() for line in printed.splitlines()[-3:]}
    assert rows.keys() == {"step 2", "bare loop", "same work"}
    assert all(float(figure.strip("()")) > 0 for row in rows.values() for figure in row)
    with pytest.raises(CourseError, match="holds no recordings"):
        benchmark.main(["--data", str(tmp_path)])
