"""The work of script 05, as one process does it: prepare a recording, speak a sentence. Nothing knows of a cluster.

It is a file of its own because the workers of a cluster are other processes, often on other machines: they import it by
its name. What stands in the script that was started is sent to them as bytes, and not everything can be: a function
with a cache (`voice`) cannot.
"""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path
from typing import Any

from voice_pipeline import ledger, preprocessing
from voice_pipeline.audio import AudioError, write_wav
from voice_pipeline.settings import AUDIO


def prepare_clip(row: dict[str, Any]) -> dict[str, Any]:
    """Prepare one recording with the capstone's step 2: decode, trim, level, measure, judge.

    Args:
        row: `raw` (path), `clip` (path to write), `id`.
    """
    before = time.process_time()
    try:
        waveform, measured = preprocessing.prepare(Path(row["raw"]), "", preprocessing.PreprocessSettings())
        reasons = [reason.rule for reason in ledger.judge(measured, "", ledger.Limits())]
        digest = write_wav(Path(row["clip"]), waveform, AUDIO.sample_rate)  # whole or not at all; twice is once
    except AudioError as error:
        reasons, digest = [error.rule], ""
    return {**row, "reasons": reasons, "sha256": digest, "cpu": time.process_time() - before, "pid": os.getpid()}


@functools.cache
def voice() -> Any:
    """Return the starter voice; loaded once in each process, however many sentences it speaks."""
    import torch

    torch.set_num_threads(1)  # one process a core: more threads would only get into each other's way
    from cloud_utils import starter_voice

    return starter_voice()


def speak_sentence(row: dict[str, Any]) -> dict[str, Any]:
    """Speak one sentence with the capstone's step 6.

    Args:
        row: `text`, `clip` (path to write), `id`.
    """
    from voice_pipeline.synthesis import speak

    before = time.process_time()
    speech = speak(voice(), row["text"])
    digest = write_wav(Path(row["clip"]), speech.waveform, speech.sample_rate)
    cpu = time.process_time() - before
    return {**row, "sha256": digest, "seconds": speech.seconds, "cpu": cpu, "pid": os.getpid()}


class Speaker:
    """An actor: a process that lives on between sentences, so that the voice is loaded once."""

    # concept: task and actor
    def __init__(self) -> None:
        voice()

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        import ray

        return {**speak_sentence(row), "node": ray.get_runtime_context().get_node_id()}
