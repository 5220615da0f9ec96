"""Prepare each file given and print, as JSON, why it was refused and how far the process's peak memory rose (MB).

    python peak_memory.py FILE ...

What the libraries need once is spent on a first small file. Started by test_reliability.py.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

from voice_pipeline import ledger
from voice_pipeline.audio import AudioError, write_wav
from voice_pipeline.preprocessing import PreprocessSettings, prepare


def verdict(path: Path) -> list[str]:
    settings = PreprocessSettings()
    try:
        _, measured = prepare(path, "", settings)
    except AudioError as error:
        return [error.rule]
    return [reason.rule for reason in ledger.judge(measured, "", settings.limits) if reason.rule != "no_text"]


def peak_mb() -> float:
    """Peak memory of this process. On Linux not by `resource`: there a child inherits its parent's peak."""
    status = Path("/proc/self/status")
    if status.is_file():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text()).group(1)) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        noise = np.random.default_rng(0).normal(0, 0.1, 3 * 24_000).astype(np.float32)
        write_wav(Path(place) / "first.wav", noise)
        verdict(Path(place) / "first.wav")
    start, found = peak_mb(), {}
    for name in sys.argv[1:]:
        found[Path(name).name] = verdict(Path(name))
    print(json.dumps({"verdicts": found, "rise_mb": round(peak_mb() - start, 1)}))
