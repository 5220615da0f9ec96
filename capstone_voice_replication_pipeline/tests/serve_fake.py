"""07_serve_api.py with the test voice in place of a trained one; a process of its own for test_api_server.py."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from coursekit.cli import run_main

HERE = Path(__file__).resolve().parent


def load_module(path: Path) -> ModuleType:
    """A Python file as a module, whatever its name."""
    spec = importlib.util.spec_from_file_location(path.stem.lstrip("0123456789_"), path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def hear_what_is_wanted() -> None:
    """Every statement says what was asked for, by the right speaker; a voice from a sample costs nothing."""
    from voice_pipeline import consent
    from voice_pipeline.api import sample_voice
    from voice_pipeline.consent_check import Heard, SpeakerMatch

    class Engine:
        def prepare(self) -> None:
            assert sample_voice.ENGINE == "starter"

        def zero_shot(self, clips: list[Any]) -> Any:
            assert clips and all(clip.path.is_file() for clip in clips)
            return self

        def save(self, folder: Path) -> None:
            folder.mkdir(parents=True)

    consent.check_words = lambda *_: Heard("i am the speaker", 0.2, 4)  # type: ignore[assignment]
    consent.match_statement = lambda *_: SpeakerMatch(0.9, 0.8, "f", 3)  # type: ignore[assignment]
    sample_voice.get_engine = lambda name: Engine()  # type: ignore[assignment,return-value]


if __name__ == "__main__":
    script = load_module(HERE.parent / "07_serve_api.py")
    fake = load_module(HERE / "fake_voice.py")
    delay = float(os.environ.get("FAKE_VOICE_DELAY", "0"))
    gate = os.environ.get("FAKE_VOICE_GATE")

    class GatedVoice(fake.ToneVoice):  # type: ignore[name-defined,misc]
        """Says the first chunk at once, the others when the file FAKE_VOICE_GATE is there."""

        def synthesize(self, text: str, **how: Any) -> Any:
            while gate and self.calls and not os.path.exists(gate):
                time.sleep(0.01)
            return super().synthesize(text, **how)

    if os.environ.get("FAKE_VOICE_EARS"):
        hear_what_is_wanted()
    job = (sys.executable, str(HERE / "fake_job.py"))
    run_main(lambda: script.main(load=lambda folder: GatedVoice(delay=delay), job_command=job))
