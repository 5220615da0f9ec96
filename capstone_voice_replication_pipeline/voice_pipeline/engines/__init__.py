"""Engines by name. They differ; the pipeline does not know which one runs."""

from __future__ import annotations

from importlib import import_module

from voice_pipeline.engines.base import Engine
from voice_pipeline.errors import PipelineError

_ENGINES = {
    "starter": "voice_pipeline.engines.starter.engine:StarterEngine",
    "vits": "voice_pipeline.engines.vits:VitsEngine",
    "xtts": "voice_pipeline.engines.xtts:XttsEngine",
    "pocket": "voice_pipeline.engines.pocket:PocketEngine",
}


def engine_names() -> list[str]:
    """Names that `get_engine` knows."""
    return list(_ENGINES)


def get_engine(name: str) -> Engine:
    """Make an engine. Heavy libraries are imported here, not before.

    Raises:
        PipelineError: no engine has this name.
    """
    if name not in _ENGINES:
        raise PipelineError(f"there is no engine called '{name}'", hint=f"use --engine {' | '.join(_ENGINES)}")
    module, _, attribute = _ENGINES[name].partition(":")
    return getattr(import_module(module), attribute)()
