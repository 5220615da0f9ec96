"""Odd requests, made from the service's own OpenAPI document (schemathesis): none may be answered with 5xx,
and every answer has a status and a form that the document names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.python import asgi
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from voice_pipeline.api import ApiSettings, create_app
from voice_pipeline.consent import declare_licence
from voice_pipeline.voice_folder import VoiceFolder

from . import fake_voice as fake

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = {GenerationMode.POSITIVE: 6, GenerationMode.NEGATIVE: 6}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    home = tmp_path_factory.mktemp("home")
    for name in ("ada", "0"):
        declare_licence(VoiceFolder(home, name), "CC0 1.0", "tones")
        VoiceFolder(home, name).update_info(engine="starter", model="models/run-1/best")
    options = {"key": "", "watermark": False, "requests_per_minute": 0, "hosts": (asgi.HOST,)}
    app = create_app(ApiSettings(home=home, **options), load=lambda folder: fake.ToneVoice())
    app.router.lifespan_context = nothing_around  # no jobs are done and nothing is warmed up
    return app


@asynccontextmanager
async def nothing_around(app: FastAPI) -> AsyncIterator[None]:
    yield


def attack(operation: Any, mode: GenerationMode) -> int:
    """Call an operation with what it should take, or should not; returns how often it was called."""
    calls = 0
    known = {"voice_id": "ada"} if mode is GenerationMode.POSITIVE and "{voice_id}" in operation.path else {}

    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=known))
    @settings(
        max_examples=EXAMPLES[mode],
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def call(case: schemathesis.Case) -> None:
        nonlocal calls
        calls += 1
        case.call_and_validate(checks=CHECKS, timeout=300)

    try:
        call()
    except Unsatisfiable:  # there is nothing that this operation should not take
        assert mode is GenerationMode.NEGATIVE
    return calls


def test_no_request_breaks_it(app: FastAPI) -> None:
    document = schemathesis.openapi.from_asgi("/openapi.json", app)
    operations = [found.ok() for found in document.get_all_operations()]
    assert len(operations) >= 35
    failures, calls = [], 0
    for operation in operations:
        for mode in EXAMPLES:
            try:
                calls += attack(operation, mode)
            except (Exception, FailureGroup) as error:
                failures.append(f"{operation.label}, {mode.value}: {error}")
    assert not failures, "\n\n".join(failures)
    assert calls >= 200


def test_the_checks_see_a_server_error(app: FastAPI) -> None:
    broken = FastAPI()

    @broken.get("/broken/{number}")
    def divide(number: int) -> float:
        return 1 / (number - number)

    document = schemathesis.openapi.from_asgi("/openapi.json", broken)
    (operation,) = (found.ok() for found in document.get_all_operations())
    with pytest.raises((FailureGroup, ZeroDivisionError)):
        attack(operation, GenerationMode.POSITIVE)
