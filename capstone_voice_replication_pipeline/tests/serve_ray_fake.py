"""deploy/ray_serve.py with the test voice in place of a trained one; a process of its own for test_deploy_ray.py."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from coursekit.cli import run_main

HERE = Path(__file__).resolve().parent


def load(folder: Any) -> Any:
    """A voice that notes which process has spoken; called in the replicas, which know no module of the tests."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("fake_voice", HERE / "fake_voice.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    voice = module.ToneVoice(delay=float(os.environ.get("FAKE_VOICE_DELAY", "0")))
    say = voice.synthesize

    def noted(text: str, **how: Any) -> Any:
        (folder.home / f"spoken-by-{os.getpid()}").touch()
        return say(text, **how)

    voice.synthesize = noted
    return voice


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent / "deploy"))
    import ray_serve

    run_main(lambda: ray_serve.main(load=load))
